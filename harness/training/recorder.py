"""What is written down of a training: its trace."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganbench.harness.cells.points import even_points
from ganbench.harness.metrics.distance import mean_pairwise_distance
from ganbench.harness.models.network import Network
from ganbench.harness.models.operations import Tree
from ganbench.harness.traces.trace import KEPT_IMAGES, LayerTrace, Probe, Samples, Trace, single_precision
from ganbench.harness.training.sampling import generate
from ganbench.harness.training.streams import Stream, open_stream
from ganbench.harness.training.telemetry import input_gradient, weight_telemetry
from ganbench.harness.training.training import Training

PROBE_EVERY = 10
"""Probes are taken at every tenth logged step: singular values cost as much as half a step of a small network."""

PROBED = 32
"""Real and generated samples at which the discriminator's gradient is measured."""

VARIED = 64
"""Samples from fixed latents whose distances are measured."""

KEPT_POINTS = 512


class Recorder:
    """Gathers a trial's trace, and notices when values are not finite any more.

    Args:
        training: Before its first step, or restored from a snapshot.
        gathered: What :meth:`snapshot` returned at that step; None before the first.

    Attributes:
        log_points: The steps that are to be observed.
    """

    def __init__(self, training: Training, gathered: dict[str, Any] | None = None) -> None:
        trial, cell = training.trial, training.trial.cell
        points = even_points(cell.steps, cell.log_points)
        self.log_points = frozenset(points) | {1}  # what gradients were before either network could win
        self._probe_points = frozenset(points[PROBE_EVERY - 1 :: PROBE_EVERY]) | {cell.steps}
        self._evaluation_points = frozenset(even_points(cell.steps, cell.evaluations))
        self._cell, self._material = cell, training.material
        stream = open_stream(trial.suite_seed, trial.seed, cell.group, Stream.EVALUATION)
        count = max(cell.metric.sample_count(), VARIED)
        self._latents = torch.randn((count, cell.architecture.latent), generator=stream).to(self._material.device)
        data = self._material.data
        shown = data.examples[torch.linspace(0, len(data.examples) - 1, VARIED).long()]
        self._real = data.decode(shown.to(self._material.device))
        self._real_distance = mean_pairwise_distance(self._real)
        self._gathered: dict[str, Any] = {
            "finite": True,
            "steps": [],
            "scalars": {},
            "probe_steps": [],
            "probes": {},
            "first": {},
            "shapes": {},
            "evaluation_steps": [],
            "evaluations": {},
            "samples": None,
        }
        if gathered is not None:
            self._gathered = gathered
        else:
            self._probe(training, {})
            self._evaluate(training)

    @property
    def finite(self) -> bool:
        """Whether all values so far were finite."""
        return bool(self._gathered["finite"])

    def record(self, training: Training, seen: dict[str, Tensor]) -> None:
        """Write down what is due after a step."""
        values = _transferred(seen)
        if seen:
            self._log(training.now, values)
        if training.now in self._probe_points:
            self._probe(training, values)
        if training.now in self._evaluation_points or not self.finite:
            self._evaluate(training)

    def snapshot(self) -> dict[str, Any]:
        """Return everything that was gathered so far, as numbers and tensors in lists and dictionaries.

        It is what this recorder goes on writing to: whoever keeps it copies it.
        """
        return self._gathered

    def trace(self, stopped: int) -> Trace:
        """Return what was gathered."""
        kept = self._gathered

        def column(values: list[float]) -> np.ndarray:
            return np.array(single_precision(values), dtype=np.float64)

        def layer_trace(name: str, rows: int, columns: int) -> LayerTrace:
            series = [column(kept["probes"][f"weight.{name}.{key}"]) for key in ("variance", "sigma", "stable_rank")]
            return LayerTrace((rows, columns), series[0], series[1], kept["first"][f"weight.{name}.sigma"], series[2])

        return Trace(
            budget=self._cell.steps,
            stopped=stopped,
            steps=np.array(kept["steps"], dtype=np.float64),
            scalars={key: column(values) for key, values in kept["scalars"].items()},
            probe_steps=np.array(kept["probe_steps"], dtype=np.float64),
            layers={name: layer_trace(name, *shape) for name, shape in kept["shapes"].items()},
            evaluation_steps=np.array(kept["evaluation_steps"], dtype=np.float64),
            evaluations={key: np.array(values, dtype=np.float64) for key, values in kept["evaluations"].items()},
            better={measure.key: measure.better for measure in self._cell.metric.measures()},
            samples=None if kept["samples"] is None else Samples(kept["samples"].numpy()),
            probes={
                name: Probe(column(values), kept["first"][name])
                for name, values in kept["probes"].items()
                if not name.startswith("weight.")
            },
        )

    def _log(self, now: int, values: dict[str, list[float]]) -> None:
        """Keep one step's scalars."""
        self._gathered["steps"].append(now)
        for key, numbers in values.items():
            if key not in ONLY_PROBED:
                self._gathered["scalars"].setdefault(key, []).append(numbers[0])
            self._gathered["finite"] &= all(map(math.isfinite, numbers))

    def _probe(self, training: Training, values: dict[str, list[float]]) -> None:
        """Measure what is too dear for every logged step."""
        network, state = training.discriminator, training.state.discriminator
        with torch.no_grad():
            weights, _ = network.effective(state.params, state.norm)
        for name, measured in weight_telemetry(network, weights).items():
            layer = network.layers[name]
            shape = [layer.out_features, math.prod(layer.shape) // layer.out_features]
            self._gathered["shapes"].setdefault(name, shape)
            for key, value in measured.items():
                self._keep(f"weight.{name}.{key}", value)
        samples = self._made(training, VARIED)
        fade = training.phase.fade(training.now)
        real = self._real_distance
        self._keep("diversity", mean_pairwise_distance(samples) / real if real > 0 else math.nan)
        self._keep("input_gradient.real", input_gradient(network, weights, self._real[:PROBED], fade))
        self._keep("input_gradient.fake", input_gradient(network, weights, samples[:PROBED], fade))
        for who, key, of, tree in (
            ("generator", "g", training.generator, training.state.generator.params),
            ("discriminator", "d", network, state.params),
        ):
            if values:
                self._keep(f"update.{who}", values[f"{key}_update"][0])
                for name, norm in _by_layer(of, tree, values[f"{key}_gradients"]).items():
                    self._keep(f"gradient.{who}.{name}", norm)
        self._gathered["probe_steps"].append(training.now)

    def _keep(self, name: str, value: float) -> None:
        self._gathered["first"].setdefault(name, len(self._gathered["probe_steps"]))
        self._gathered["probes"].setdefault(name, []).append(value)

    @torch.no_grad()
    def _made(self, training: Training, count: int) -> Tensor:
        """Make samples from the trial's fixed latents; batch statistics are those of all of them."""
        network, state = training.generator, training.state
        weights, _ = network.effective(state.shown, state.generator.norm)
        return network(weights, self._latents[:count], training.phase.fade(training.now))

    def _evaluate(self, training: Training) -> None:
        """Judge the generator by samples from the trial's fixed latents."""
        kept = self._gathered
        generated = generate(training, self._latents)
        measures = [measure.key for measure in self._cell.metric.measures()]
        if generated is not None:
            values = self._material.evaluate(generated)
            count = KEPT_IMAGES if generated.samples.dtype == torch.uint8 else KEPT_POINTS
            kept["samples"] = generated.samples[:count].cpu().clone()
        else:
            kept["finite"] = False
            # An infinity says that samples were not finite; NaN is left to metrics that could not be computed.
            values = {
                measure.key: math.inf if measure.better == "lower" else -math.inf
                for measure in self._cell.metric.measures()
            }
        kept["evaluation_steps"].append(training.now)
        for key in measures:
            kept["evaluations"].setdefault(key, []).append(values[key])


ONLY_PROBED = frozenset({"d_gradients", "g_gradients", "d_update", "g_update"})
"""Observations that are kept at probes only."""


def _transferred(seen: dict[str, Tensor]) -> dict[str, list[float]]:
    """Read all observations from the device in one transfer."""
    if not seen:
        return {}
    flat = iter(torch.cat([value.flatten() for value in seen.values()]).tolist())
    return {key: [next(flat) for _ in range(value.numel())] for key, value in seen.items()}


def _by_layer(network: Network, params: Tree, norms: list[float]) -> dict[str, float]:
    """Join the gradient norms of a layer's parameters, which stand in the order of the tree."""
    numbers = iter(norms)
    joined = {name: math.sqrt(sum(next(numbers) ** 2 for _ in layer)) for name, layer in params.items()}
    return {name: joined[name] for name in network.weighted}
