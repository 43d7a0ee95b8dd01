"""One trial from its first random number to its trace. Knows nothing of Ray, MLflow or files."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harness.cell import Trial, even_points
from harness.data.dataset import Data
from harness.metrics.metric import Evaluate
from harness.models.build import build_networks
from harness.models.network import Network
from harness.normalizer import Normalizer
from harness.streams import Stream, open_stream
from harness.telemetry import weight_telemetry
from harness.trace import LayerTrace, Samples, Trace, single_precision
from harness.training.step import Batch, NetworkState, State, StepFunction, make_step

WEIGHTS_EVERY = 5
"""Weights are measured at every fifth logged step: singular values cost as much as half a step of a small network."""

KEPT_IMAGES = 64
KEPT_POINTS = 512


@dataclass(frozen=True)
class Material:
    """What the trials of a cell share: loaded once per process.

    Attributes:
        data: The data set.
        data_hash: Of its content.
        evaluate: The metric, made ready for it.
        generator_default: The normalizer of the generator where the cell's own is for the discriminator alone.
    """

    data: Data
    data_hash: str
    evaluate: Evaluate
    generator_default: Normalizer


def initial_state(trial: Trial, generator: Network, discriminator: Network) -> State:
    """Draw both networks' initial state from the trial's streams."""
    cell = trial.cell
    stream = open_stream(trial.suite_seed, trial.seed, Stream.NORMALIZER)

    def start(network: Network, name: Stream) -> NetworkState:
        draws = open_stream(trial.suite_seed, trial.seed, name)
        params, norm = network.init(cell.architecture.initialize, draws, stream)
        return NetworkState.start(params, norm, cell.optimizer)

    return State(start(generator, Stream.GENERATOR_INIT), start(discriminator, Stream.DISCRIMINATOR_INIT))


def batches(trial: Trial, data: Data) -> Callable[[], Batch]:
    """Return the function that draws the next step's batch: examples with replacement, latents from N(0, I)."""
    cell = trial.cell
    order = open_stream(trial.suite_seed, trial.seed, Stream.DATA)
    latent = open_stream(trial.suite_seed, trial.seed, Stream.LATENT)
    size = (cell.n_dis, cell.batch_size)
    latents = (cell.n_dis + 1, cell.batch_size, cell.architecture.latent_size())
    asked = cell.normalizer.noise_shape((cell.batch_size, *data.sample_shape))
    penalty = open_stream(trial.suite_seed, trial.seed, Stream.PENALTY)

    def draw() -> Batch:
        chosen = torch.randint(len(data.examples), size, generator=order)
        noise = None if asked is None else torch.rand((cell.n_dis, *asked), generator=penalty)
        return Batch(data.decode(data.examples[chosen]), torch.randn(latents, generator=latent), noise)

    return draw


@dataclass(frozen=True)
class Start:
    """Everything that a trial's training begins with.

    Attributes:
        generator: The generator.
        discriminator: The discriminator.
        state: Of both, before the first step.
        step: The step function.
        draw: Draws the next step's batch.
    """

    generator: Network
    discriminator: Network
    state: State
    step: StepFunction
    draw: Callable[[], Batch]


def assemble(trial: Trial, material: Material) -> Start:
    """Build a trial's networks and step, and draw its initial state.

    Raises:
        MethodError: The normalizer raised or broke its contract.
    """
    cell = trial.cell
    shape = material.data.sample_shape
    generator, discriminator = build_networks(cell.architecture, cell.normalizer, material.generator_default, shape)
    return Start(
        generator,
        discriminator,
        initial_state(trial, generator, discriminator),
        make_step(generator, discriminator, cell.loss, cell.optimizer, cell.lr_g, cell.lr_d, cell.n_dis),
        batches(trial, material.data),
    )


def train(trial: Trial, material: Material) -> Trace:
    """Train one seed of a cell to the end of its budget, or to the first value that is not finite.

    Raises:
        MethodError: The normalizer raised or broke its contract.
    """
    start = assemble(trial, material)
    recorder = _Recorder(trial, material, start.generator, start.discriminator)
    recorder.measure_weights(0, start.state)
    recorder.evaluate(0, start.state)
    stopped = _run(start.step, start.state, start.draw, recorder, trial.cell.steps)
    return recorder.trace(stopped)


def _run(step: StepFunction, state: State, draw: Callable[[], Batch], recorder: _Recorder, budget: int) -> int:
    for now in range(1, budget + 1):
        observe = now in recorder.log_points
        state, seen = step(state, draw(), observe)
        if observe:
            recorder.log(now, seen)
        if now in recorder.weight_points:
            recorder.measure_weights(now, state)
        if now in recorder.evaluation_points or not recorder.finite:
            recorder.evaluate(now, state)
        if not recorder.finite:
            return now
    return budget


class _Recorder:
    """Gathers a trial's trace, and notices when values are not finite any more."""

    def __init__(self, trial: Trial, material: Material, generator: Network, discriminator: Network) -> None:
        cell = trial.cell
        points = even_points(cell.steps, cell.log_points)
        self.log_points = frozenset(points)
        self.weight_points = frozenset(points[WEIGHTS_EVERY - 1 :: WEIGHTS_EVERY]) | {cell.steps}
        self.evaluation_points = frozenset(even_points(cell.steps, cell.evaluations))
        self.finite = True
        self._cell, self._material = cell, material
        self._generator, self._discriminator = generator, discriminator
        stream = open_stream(trial.suite_seed, trial.seed, Stream.EVALUATION)
        self._latents = torch.randn((cell.metric.sample_count(), cell.architecture.latent_size()), generator=stream)
        self._steps: list[int] = []
        self._scalars: defaultdict[str, list[float]] = defaultdict(list)
        self._weight_steps: list[int] = []
        self._layers: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self._evaluation_steps: list[int] = []
        self._evaluations: defaultdict[str, list[float]] = defaultdict(list)
        self._samples: Samples | None = None

    def log(self, now: int, seen: dict[str, Tensor]) -> None:
        """Keep one step's observations; one transfer from the device."""
        self._steps.append(now)
        for key, value in zip(seen, torch.stack(list(seen.values())).tolist(), strict=True):
            self._scalars[key].append(value)
            self.finite = self.finite and math.isfinite(value)

    def measure_weights(self, now: int, state: State) -> None:
        """Measure the discriminator's effective weights."""
        self._weight_steps.append(now)
        measured = weight_telemetry(self._discriminator, state.discriminator.params, state.discriminator.norm)
        for layer, values in measured.items():
            for key, value in values.items():
                self._layers[layer, key].append(value)

    @torch.no_grad()
    def evaluate(self, now: int, state: State) -> None:
        """Judge samples from the trial's fixed latents; batch statistics are those of all of them."""
        weights, _ = self._generator.effective(state.generator.params, state.generator.norm)
        samples = self._generator(weights, self._latents)
        measures = [measure.key for measure in self._cell.metric.measures()]
        if bool(torch.isfinite(samples).all()):
            encoded = self._material.data.encode(samples)
            values = self._material.evaluate(encoded)
            kept = KEPT_IMAGES if encoded.dtype == torch.uint8 else KEPT_POINTS
            self._samples = Samples(encoded[:kept].numpy().copy())
        else:
            self.finite = False
            values = dict.fromkeys(measures, math.nan)
        self._evaluation_steps.append(now)
        for key in measures:
            self._evaluations[key].append(values[key])

    def trace(self, stopped: int) -> Trace:
        """Return everything gathered."""

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
                    column(self._layers[name, "variance"]),
                    column(self._layers[name, "sigma"]),
                )
                for name, layer in self._discriminator.weighted.items()
            },
            evaluation_steps=np.array(self._evaluation_steps, dtype=np.float64),
            evaluations={key: np.array(values, dtype=np.float64) for key, values in self._evaluations.items()},
            better={measure.key: measure.better for measure in self._cell.metric.measures()},
            samples=self._samples,
        )
