"""A trace: what a trial logged over its steps. Plain arrays, no torch; the only thing that verdicts are made from."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]

KEPT_IMAGES = 16
"""Samples of a trial that are kept where they are images."""


@dataclass(frozen=True)
class LayerTrace:
    """What was measured of one effective weight of the discriminator.

    Attributes:
        matrix_shape: (m, n) of the weight as the matrix M1.
        variance: Of its entries, at consecutive ones of the trace's probe steps.
        sigma: Its largest singular value, at the same.
        first: Index of the probe step that they begin at: 0, but for layers that a growing network adds later.
        stable_rank: ||W||_F^2 / sigma^2, at the same; empty where it was not measured.
    """

    matrix_shape: tuple[int, int]
    variance: Column
    sigma: Column
    first: int = 0
    stable_rank: Column = field(default_factory=lambda: np.empty(0))

    @property
    def bound(self) -> float:
        """1 / max(m, n): near which spectral normalization keeps the variance (Lin, Sekar & Fanti 2021, theorem 2)."""
        return 1.0 / max(self.matrix_shape)


@dataclass(frozen=True)
class Probe:
    """Something that was measured now and then.

    Attributes:
        values: At consecutive ones of the trace's probe steps.
        first: Index of the probe step that they begin at.
    """

    values: Column
    first: int = 0


@dataclass(frozen=True)
class Samples:
    """Samples of the generator at its last evaluation.

    Attributes:
        values: Images uint8 [N, C, H, W], or points float32 [N, d].
    """

    values: NDArray[Any]


@dataclass(frozen=True)
class Trace:
    """What a trial logged.

    Attributes:
        budget: Planned steps.
        stopped: The last step made; less than the budget only where values were not finite any more.
        steps: The steps at which ``scalars`` were logged.
        scalars: Losses, logits, accuracy and gradient norms, by name: d_loss, d_real, d_fake, d_accuracy, d_grad_norm,
            g_loss, g_grad_norm.
        probe_steps: The steps at which ``layers`` and ``probes`` were measured, from 0.
        layers: The discriminator's effective weights, by layer.
        probes: By name: ``input_gradient.real`` and ``.fake`` (mean norm of the discriminator's gradient at samples),
            ``diversity`` (mean distance between samples from fixed latents, over that between real ones),
            ``update.generator`` and ``.discriminator`` (length of a step over that of the parameters),
            ``gradient.generator.LAYER`` and ``gradient.discriminator.LAYER``.
        evaluation_steps: The steps of evaluations, from 0, the untrained generator.
        evaluations: Numbers by measure.
        better: For each measure ``"lower"`` or ``"higher"``; the first is the one that trials are ranked by.
        samples: Of the last evaluation.
        fine_tuned: Whether an evaluation at step 0 is that of a trained generator; only logs from elsewhere can say so.
        logged: For a measure that was not logged at all of ``evaluation_steps``, where it was, [m]; its other numbers are
            NaN and say nothing. Only logs from elsewhere have such.
    """

    budget: int
    stopped: int
    steps: Column
    scalars: dict[str, Column]
    probe_steps: Column
    layers: dict[str, LayerTrace]
    evaluation_steps: Column
    evaluations: dict[str, Column]
    better: dict[str, str] = field(default_factory=dict)
    samples: Samples | None = None
    probes: dict[str, Probe] = field(default_factory=dict)
    fine_tuned: bool = False
    logged: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    @cached_property
    def finite(self) -> bool:
        """Whether every number is finite, those of samples too."""
        columns = [
            *self.scalars.values(),
            *self.evaluations.values(),
            *(probe.values for probe in self.probes.values()),
        ]
        for layer in self.layers.values():
            columns += [layer.variance, layer.sigma, layer.stable_rank]
        columns += [] if self.samples is None else [self.samples.values]
        return all(bool(np.isfinite(column).all()) for column in columns)

    def steps_of(self, item: LayerTrace | Probe) -> Column:
        """Return the steps at which a layer or a probe was measured."""
        values = item.sigma if isinstance(item, LayerTrace) else item.values
        return self.probe_steps[item.first : item.first + len(values)]

    def evaluated(self, name: str) -> tuple[Column, Column]:
        """Return the steps at which a measure was evaluated, and its numbers there; NaN where it could not be computed."""
        column = self.evaluations[name]
        steps = self.evaluation_steps[: len(column)]
        logged = self.logged.get(name)
        return (steps, column) if logged is None else (steps[logged], column[logged])

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Trace:
        """Rebuild a trace from the JSON values of a record of version 1."""
        better = dict(value["better"])
        measures = [key for key in better if key in value["evaluations"]]
        measures += [key for key in value["evaluations"] if key not in better]
        return cls(
            budget=value["budget"],
            stopped=value["stopped"],
            steps=_decode(value["steps"]),
            scalars={key: _decode(column) for key, column in value["scalars"].items()},
            probe_steps=_decode(value["probe_steps"]),
            layers={
                name: LayerTrace(
                    (layer["matrix_shape"][0], layer["matrix_shape"][1]),
                    _decode(layer["variance"]),
                    _decode(layer["sigma"]),
                    layer["first"],
                    _decode(layer["stable_rank"]),
                )
                for name, layer in value["layers"].items()
            },
            evaluation_steps=_decode(value["evaluation_steps"]),
            evaluations={key: _decode(value["evaluations"][key]) for key in measures},
            better=better,
            samples=None if value["samples"] is None else Samples(_samples(value["samples"])),
            probes={name: Probe(_decode(probe["values"]), probe["first"]) for name, probe in value["probes"].items()},
        )


def single_precision(values: Sequence[float]) -> list[float]:
    """Round numbers to what float32 holds, in their shortest decimal form: half the bytes in a record, and no less true.

    Training computes in float32; only evaluations, computed in float64, keep all their digits.
    """
    return [float(np.format_float_scientific(np.float32(value))) for value in values]


def _decode(values: Sequence[float | str]) -> Column:
    return np.array([float(value) for value in values], dtype=np.float64)


def _samples(value: Mapping[str, Any]) -> NDArray[Any]:
    """Return the samples of a record of version 1."""
    flat = np.frombuffer(base64.b64decode(value["data"]), dtype=value["dtype"])
    return flat.reshape(value["shape"])
