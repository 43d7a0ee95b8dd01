"""What is written down of a training: its trace."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import torch
from torch import Tensor

from harness.cell import even_points
from harness.models.layers import Layer
from harness.streams import Stream, open_stream
from harness.telemetry import weight_telemetry
from harness.trace import LayerTrace, Samples, Trace, single_precision
from harness.training.training import Training

WEIGHTS_EVERY = 5
"""Weights are measured at every fifth logged step: singular values cost as much as half a step of a small network."""

KEPT_IMAGES = 64
KEPT_POINTS = 512


class Recorder:
    """Gathers a trial's trace, and notices when values are not finite any more.

    Attributes:
        log_points: The steps that are to be observed.
        finite: Whether all values so far were finite.
    """

    def __init__(self, training: Training) -> None:
        trial, cell = training.trial, training.trial.cell
        points = even_points(cell.steps, cell.log_points)
        self.log_points = frozenset(points)
        self.finite = True
        self._weight_points = frozenset(points[WEIGHTS_EVERY - 1 :: WEIGHTS_EVERY]) | {cell.steps}
        self._evaluation_points = frozenset(even_points(cell.steps, cell.evaluations))
        self._cell, self._material = cell, training.material
        stream = open_stream(trial.suite_seed, trial.seed, Stream.EVALUATION)
        self._latents = torch.randn((cell.metric.sample_count(), cell.architecture.latent), generator=stream)
        self._steps: list[int] = []
        self._scalars: defaultdict[str, list[float]] = defaultdict(list)
        self._weight_steps: list[int] = []
        self._layers: dict[str, Layer] = {}
        self._first: dict[str, int] = {}
        self._weights: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self._evaluation_steps: list[int] = []
        self._evaluations: defaultdict[str, list[float]] = defaultdict(list)
        self._samples: Samples | None = None
        self._measure_weights(training)
        self._evaluate(training)

    def record(self, training: Training, seen: dict[str, Tensor]) -> None:
        """Write down what is due after a step."""
        if seen:
            self._log(training.now, seen)
        if training.now in self._weight_points:
            self._measure_weights(training)
        if training.now in self._evaluation_points or not self.finite:
            self._evaluate(training)

    def trace(self, stopped: int) -> Trace:
        """Return what was gathered."""

        def column(values: list[float]) -> np.ndarray:
            return np.array(single_precision(values), dtype=np.float64)

        return Trace(
            budget=self._cell.steps,
            stopped=stopped,
            steps=np.array(self._steps, dtype=np.float64),
            scalars={key: column(values) for key, values in self._scalars.items()},
            weight_steps=np.array(self._weight_steps, dtype=np.float64),
            layers={
                name: LayerTrace(
                    (layer.out_features, math.prod(layer.shape) // layer.out_features),
                    column(self._weights[name, "variance"]),
                    column(self._weights[name, "sigma"]),
                    self._first[name],
                )
                for name, layer in self._layers.items()
            },
            evaluation_steps=np.array(self._evaluation_steps, dtype=np.float64),
            evaluations={key: np.array(values, dtype=np.float64) for key, values in self._evaluations.items()},
            better={measure.key: measure.better for measure in self._cell.metric.measures()},
            samples=self._samples,
        )

    def _log(self, now: int, seen: dict[str, Tensor]) -> None:
        """Keep one step's observations; one transfer from the device."""
        self._steps.append(now)
        for key, value in zip(seen, torch.stack(list(seen.values())).tolist(), strict=True):
            self._scalars[key].append(value)
            self.finite = self.finite and math.isfinite(value)

    def _measure_weights(self, training: Training) -> None:
        """Measure the discriminator's effective weights, of the layers that it has now."""
        network, state = training.discriminator, training.state.discriminator
        for name, values in weight_telemetry(network, state.params, state.norm).items():
            self._layers.setdefault(name, network.layers[name])
            self._first.setdefault(name, len(self._weight_steps))
            for key, value in values.items():
                self._weights[name, key].append(value)
        self._weight_steps.append(training.now)

    @torch.no_grad()
    def _evaluate(self, training: Training) -> None:
        """Judge samples from the trial's fixed latents; batch statistics are those of all of them."""
        network, state = training.generator, training.state
        weights, _ = network.effective(state.shown, state.generator.norm)
        samples = network(weights, self._latents, training.phase.fade(training.now))
        measures = [measure.key for measure in self._cell.metric.measures()]
        if bool(torch.isfinite(samples).all()):
            encoded = self._material.data.encode(samples)
            values = self._material.evaluate(encoded)
            kept = KEPT_IMAGES if encoded.dtype == torch.uint8 else KEPT_POINTS
            self._samples = Samples(encoded[:kept].numpy().copy())
        else:
            self.finite = False
            values = dict.fromkeys(measures, math.nan)
        self._evaluation_steps.append(training.now)
        for key in measures:
            self._evaluations[key].append(values[key])
