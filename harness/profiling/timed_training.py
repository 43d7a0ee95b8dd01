"""A training whose parts are timed, and which computes what it would without.

A step is made of what it is given: two networks, a loss, an optimizer, a way to take gradients. Here it is given the same
with a clock around them, so that the step knows nothing of it and a training that nobody watches pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from torch import Tensor

from ganbench.harness.cells.cell import Trial
from ganbench.harness.losses.losses import Loss
from ganbench.harness.models.network import Network
from ganbench.harness.models.operations import Tree
from ganbench.harness.models.phase import Phase
from ganbench.harness.optimizers.optimizer import Optimizer, Slots
from ganbench.harness.profiling.clock import Clock
from ganbench.harness.steps.program import Programs
from ganbench.harness.steps.protocol import TrainingProtocol
from ganbench.harness.steps.step import Batch, Objective, Observations, State, StepFunction, gradients_of, make_step
from ganbench.harness.training.recorder import Recorder
from ganbench.harness.training.training import Material, Training, protocol_of

DRAWING = "drawing batches"
DISCRIMINATOR = "discriminator's updates"
GENERATOR = "generator's update"
WHOLE = "the step as one program"
BACKWARD = "backward"
OPTIMIZER = "optimizer"
LOSS = "loss"
PENALTY = "penalty"
PROJECTION = "projection"
FORWARD = "{}'s forward"
WEIGHTS = "{}'s weights (normalizer)"

LOGGING = "logging"
PROBES = "probes"
EVALUATION = "evaluation"
SAMPLES = "making samples"


@dataclass(frozen=True)
class WatchedNetwork(Network):
    """A network with a clock around what a step asks of it.

    Attributes:
        plain: The network; what its hooks call in turn is part of theirs.
        who: ``"generator"`` or ``"discriminator"``.
        clock: The clock.
        at_rest: Called before weights are computed.
    """

    plain: Network = field(kw_only=True)
    who: str = field(kw_only=True)
    clock: Clock = field(kw_only=True)
    at_rest: Callable[[], None] = field(kw_only=True)

    def effective(self, params: Tree, state: Tree) -> tuple[Tree, Tree]:
        """Compute the effective weights and the normalizer's next state."""
        self.at_rest()
        with self.clock.part(WEIGHTS.format(self.who)):
            return self.plain.effective(params, state)

    def penalty(
        self, weights: Tree, real: Tensor, fake: Tensor, noise: Tensor | None, fade: Tensor | None = None
    ) -> Tensor | None:
        """Return the normalizer's penalty, with the passes that it makes."""
        with self.clock.part(PENALTY):
            return self.plain.penalty(weights, real, fake, noise, fade)

    def project(self, params: Tree) -> Tree:
        """Return the parameters after the normalizer's projection."""
        with self.clock.part(PROJECTION):
            return self.plain.project(params)

    def __call__(self, weights: Tree, x: Tensor, fade: Tensor | None = None) -> Tensor:
        """Run the network."""
        with self.clock.part(FORWARD.format(self.who)):
            return self.plain(weights, x, fade)


@dataclass(frozen=True)
class _WatchedOptimizer:
    plain: Optimizer
    clock: Clock

    def update(
        self, params: list[Tensor], grads: list[Tensor], slots: Slots, count: Tensor, lr: float | Tensor
    ) -> tuple[list[Tensor], Slots]:
        with self.clock.part(OPTIMIZER):
            return self.plain.update(params, grads, slots, count, lr)


@dataclass(frozen=True)
class _WatchedLoss:
    plain: Loss
    clock: Clock

    @property
    def compares(self) -> bool:
        return self.plain.compares

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        with self.clock.part(LOSS):
            return self.plain.discriminator(real, fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        with self.clock.part(LOSS):
            return self.plain.generator(fake, real)


class WatchedStep:
    """The plain step, of watched parts.

    The discriminator's updates are what comes first, the samples that they are given included. The generator's begins
    where the discriminator's weights are computed and no gradient is being taken: for it they are at rest.

    Args:
        generator: The generator.
        discriminator: The discriminator.
        protocol: The rules.
        clock: The clock.
    """

    def __init__(self, generator: Network, discriminator: Network, protocol: TrainingProtocol, clock: Clock) -> None:
        self._clock = clock
        self._differentiating = False
        self._step = make_step(
            self._watched(generator, "generator", lambda: None),
            self._watched(discriminator, "discriminator", self._at_rest),
            replace(
                protocol,
                optimizer=cast("Optimizer", _WatchedOptimizer(protocol.optimizer, clock)),
                loss=cast("Loss", _WatchedLoss(protocol.loss, clock)),
            ),
            self._differentiate,
        )

    def __call__(self, state: State, batch: Batch, observe: bool) -> tuple[State, Observations]:
        """Make a step."""
        self._clock.enter(DISCRIMINATOR)
        made = self._step(state, batch, observe)
        self._clock.leave()  # the generator's
        return made

    def _watched(self, network: Network, who: str, at_rest: Callable[[], None]) -> WatchedNetwork:
        known = (network.layers, network.forward, network.normalizer, network.phase)
        return WatchedNetwork(*known, plain=network, who=who, clock=self._clock, at_rest=at_rest)

    def _at_rest(self) -> None:
        if not self._differentiating:
            self._clock.leave()
            self._clock.enter(GENERATOR)

    def _differentiate(self, objective: Objective, params: Tree) -> tuple[list[Tensor], Any]:
        def passes(tracked: Tree) -> tuple[Tensor, Any]:
            self._differentiating = True
            try:
                found = objective(tracked)
            finally:
                self._differentiating = False
            self._clock.enter(BACKWARD)
            return found

        found = gradients_of(passes, params)
        self._clock.leave()
        return found


class WatchedTraining(Training):
    """A training whose steps are timed while :attr:`clock` is set, and plain ones otherwise; the numbers are the same.

    A step that is one program, such as a compiled one, is timed as a whole.
    """

    def __init__(self, trial: Trial, material: Material, programs: Programs | None = None) -> None:
        self.clock: Clock | None = None
        super().__init__(trial, material, programs)

    def watch(self, clock: Clock | None) -> None:
        """Time the steps from here on, or no longer."""
        self.clock = clock
        self.step = self._usual if clock is None else self._timed_step(clock)

    def draw(self, now: int) -> Batch:
        """Draw a step's batch."""
        if self.clock is None:
            return super().draw(now)
        with self.clock.part(DRAWING):
            return super().draw(now)

    @property
    def usual(self) -> StepFunction:
        """The step that nobody watches."""
        return self._usual

    @property
    def phases(self) -> tuple[Phase, ...]:
        """All phases of its networks; one where they do not grow."""
        return self._phases

    def _enter(self, phase: Phase) -> None:
        super()._enter(phase)
        self._usual = self.step
        self._is_plain = self.mode == "plain"
        self.watch(self.clock)

    def _timed_step(self, clock: Clock) -> StepFunction:
        if self._is_plain:
            return WatchedStep(self.generator, self.discriminator, protocol_of(self.trial.cell), clock)

        def whole(state: State, batch: Batch, observe: bool) -> tuple[State, Observations]:
            with clock.part(WHOLE):
                return self._usual(state, batch, observe)

        return whole


class WatchedRecorder(Recorder):
    """A recorder with a clock around probes and evaluations, which are due when they are asked for.

    Args:
        training: What it records.
        clock: The clock.

    Attributes:
        probe_points: The steps at which the trial is probed, after its first step.
        evaluation_points: The steps at which it is evaluated, likewise.
    """

    def __init__(self, training: Training, clock: Clock) -> None:
        self.clock = clock
        super().__init__(training)
        self.probe_points, self.evaluation_points = self._probe_points, self._evaluation_points
        self._probe_points = self._evaluation_points = frozenset()

    def probe(self, training: Training, seen: Observations) -> None:
        """Take the probes of a step that was observed."""
        self._due(training, seen, probe=True)

    def evaluate(self, training: Training) -> None:
        """Evaluate the generator."""
        self._due(training, {}, probe=False)

    def _due(self, training: Training, seen: Observations, *, probe: bool) -> None:
        due = frozenset({training.now})
        self._probe_points, self._evaluation_points = (due, frozenset()) if probe else (frozenset(), due)
        try:
            self.record(training, seen)
        finally:
            self._probe_points = self._evaluation_points = frozenset()

    def _probe(self, training: Training, values: dict[str, list[float]]) -> None:
        with self.clock.part(PROBES):
            super()._probe(training, values)

    def _evaluate(self, training: Training) -> None:
        with self.clock.part(EVALUATION):
            self.clock.enter(SAMPLES)  # until the metric is asked
            super()._evaluate(training)
