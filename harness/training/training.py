"""A trial's training under way: what it was, where it is, and one step further."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.cells.work import logs_often
from ganbench.harness.data.dataset import Data
from ganbench.harness.metrics.metric import Evaluate
from ganbench.harness.models.build import build_networks
from ganbench.harness.models.network import Network, leaves
from ganbench.harness.models.operations import Tree
from ganbench.harness.models.phase import Phase, phase_at
from ganbench.harness.normalizer import Normalizer
from ganbench.harness.optimizers.optimizer import Optimizer
from ganbench.harness.plugins.plugin import Plugin
from ganbench.harness.steps.agreement import Agreement
from ganbench.harness.steps.program import Programs, ProgramStep
from ganbench.harness.steps.protocol import TrainingProtocol, learning_rate_share
from ganbench.harness.steps.step import Batch, NetworkState, Observations, State, StepFunction, make_step
from ganbench.harness.training.streams import Stream, open_streams


@dataclass(frozen=True)
class Material:
    """What the trials of a cell share: loaded once per process.

    Attributes:
        data: The data set.
        data_hash: Of its content.
        evaluate: The metric, made ready for it.
        generator_default: The normalizer of the generator where the cell's own is for the discriminator alone.
        device: Where trainings compute, and where the data lie that fit there.
        references: See ``metric.references_of``.
    """

    data: Data
    data_hash: str
    evaluate: Evaluate
    generator_default: Normalizer
    device: str = "cpu"
    references: Mapping[str, float] = field(default_factory=dict)


class Training:
    """One seeded training, step by step.

    All that it depends on later is in :meth:`snapshot`: a training restored from one continues to the same numbers, bit
    for bit, whatever phase of a growing network it is in.

    Attributes:
        trial: What is trained.
        now: Steps made.
        state: Of both networks.
        phase: Which layers the networks have.
        generator: The generator.
        discriminator: The discriminator.
        step: The step function.
        notes: What a reader of the results should know of how it ran, one line each.
        progress: See below.

    Args:
        trial: What to train.
        material: Its data and metric.
        programs: The process's; None for plain steps.
        progress: Called while samples are made and measured, at least after every pass through a network.

    Raises:
        MethodError: The normalizer raised or broke its contract.
    """

    def __init__(
        self,
        trial: Trial,
        material: Material,
        programs: Programs | None = None,
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        self.trial = trial
        self.material = material
        self.now = 0
        self.notes: list[str] = []
        self.progress = progress
        self._timed, self._seconds = -1, 0.0  # the first step also prepares what the others use
        self._programs = programs
        self._device = torch.device(material.device)
        self._streams = open_streams(trial.suite_seed, trial.seed, trial.cell.group)
        self._phases = trial.cell.architecture.phases(material.data.sample_shape, trial.cell.steps)
        self._enter(self._phases[0])
        self.state = self._first_state()

    def advance(self, observe: bool) -> Observations:
        """Make one step.

        Returns:
            What was observed; empty unless ``observe``.
        """
        now = self.now + 1
        if now > self.phase.last:
            self._enter(phase_at(self._phases, now))
            self.state = self._grown(self.state)
        self.state, seen = self.step(self.state, self.draw(now), observe)
        self.now = now
        return seen

    def took(self, seconds: float) -> None:
        """Take note of how long a step of this process took, unless it also prepared what others use."""
        if isinstance(self.step, ProgramStep) and self.step.prepares:
            return
        self._timed += 1
        self._seconds += seconds if self._timed else 0.0

    @property
    def step_seconds(self) -> float | None:
        """Mean wall-clock seconds of a step, without those that also prepare what others use.

        None where no other step was made, and on a GPU, where a step is only asked for when the call returns.
        """
        return self._seconds / self._timed if self._timed > 0 and self._device.type == "cpu" else None

    def draw(self, now: int) -> Batch:
        """Draw a step's batch: examples with replacement, latents from N(0, I), and what the schedules say.

        Numbers are drawn on the CPU, so that they are the same on every device; images travel as uint8, if at all.
        """
        cell, data, streams = self.trial.cell, self.material.data, self._streams
        size = (cell.n_dis, cell.batch_size)
        chosen = torch.randint(len(data.examples), size, generator=streams[Stream.DATA])
        latents = (cell.n_dis + 1, cell.batch_size, cell.architecture.latent)
        asked = cell.normalizer.noise_shape((cell.batch_size, *data.sample_shape))
        fade = self.phase.fade(now)
        resident = isinstance(data.examples, torch.Tensor)
        examples = data.examples[self._sent(chosen)] if resident else self._sent(data.examples[chosen])
        if data.flips:
            mirrored = self._sent(torch.rand(size, generator=streams[Stream.FLIP])) < 0.5
            examples = torch.where(mirrored.view(*size, 1, 1, 1), examples.flip(-1), examples)
        noise = None if asked is None else torch.rand((cell.n_dis, *asked), generator=streams[Stream.PENALTY])
        batch = Batch(
            data.decode(examples),
            self._sent(torch.randn(latents, generator=streams[Stream.LATENT])),
            None if noise is None else self._sent(noise),
            fade=None if fade is None else self._sent(fade),
        )
        if len(self._phases) > 1:
            shown = cell.architecture.shown(batch.real.flatten(0, 1), self.phase, batch.fade)
            batch = replace(batch, real=shown.view_as(batch.real))
        if cell.lr_decay_from < 1:
            share = learning_rate_share(now, cell.steps, cell.lr_decay_from)
            batch = replace(batch, lr_share=self._sent(torch.tensor(share, dtype=torch.float64)))
        if cell.penalty_every > 1:
            made = (now - 1) * cell.n_dis
            batch = replace(
                batch, penalized=tuple((made + index) % cell.penalty_every == 0 for index in range(cell.n_dis))
            )
        return batch

    def _sent(self, tensor: Tensor) -> Tensor:
        """Return what was drawn on the device that trains, without waiting until it is there."""
        if self._device.type != "cuda":
            return tensor
        return tensor.pin_memory().to(self._device, non_blocking=True)

    def wait(self) -> None:
        """Wait until the device has made the steps that it was asked for."""
        if self._device.type == "cuda":
            torch.cuda.current_stream().synchronize()

    @property
    def mode(self) -> str:
        """How steps are run now: ``"plain"``, ``"replayed"`` or ``"compiled"``."""
        return self.step.mode if isinstance(self.step, ProgramStep) else "plain"

    @property
    def agreement(self) -> Agreement | None:
        """What came of comparing programs with the plain step; None where steps are plain."""
        return self.step.agreement if isinstance(self.step, ProgramStep) else None

    def snapshot(self) -> dict[str, Any]:
        """Return everything that changes: step, state of both networks, and the position of every stream.

        As tensors, numbers and texts in dictionaries and lists, so that it can be read without running code.
        """
        return {
            "now": self.now,
            "state": self.state.to_plain(),
            "streams": {stream.value: generator.get_state() for stream, generator in self._streams.items()},
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Continue from a snapshot of the same trial."""
        self.now = snapshot["now"]
        self.state = State.from_plain(_moved(snapshot["state"], self._device))
        for name, position in snapshot["streams"].items():
            self._streams[Stream(name)].set_state(position)
        self._enter(phase_at(self._phases, self.now))

    def _enter(self, phase: Phase) -> None:
        cell, material = self.trial.cell, self.material
        self.phase = phase
        protocol = protocol_of(cell)
        self.generator, self.discriminator = build_networks(
            cell.architecture, cell.normalizer, material.generator_default, material.data.sample_shape, phase
        )
        self.step: StepFunction = make_step(self.generator, self.discriminator, protocol)
        if self._programs is not None:
            key = f"{cell.id}_{phase.last}"
            program = self._programs.of(
                key, self.generator, self.discriminator, protocol, self.plugins, always=logs_often(cell)
            )
            self.step = ProgramStep(self._programs, program, self.step, self.note)

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """All that the networks and the rules are made of."""
        cell = self.trial.cell
        return (cell.architecture, cell.normalizer, self.material.generator_default, cell.loss, cell.optimizer)

    def note(self, line: str) -> None:
        """Keep a line for readers of the results, once."""
        if line not in self.notes:
            self.notes.append(line)

    def _first_state(self) -> State:
        def start(network: Network, stream: Stream) -> NetworkState:
            params, norm = network.init(
                self.trial.cell.architecture.initialize, self._streams[stream], self._streams[Stream.NORMALIZER]
            )
            return NetworkState.start(self._here(params), self._here(norm), self.trial.cell.optimizer)

        generator = start(self.generator, Stream.GENERATOR_INIT)
        discriminator = start(self.discriminator, Stream.DISCRIMINATOR_INIT)
        return State(generator, discriminator, generator.params if self.trial.cell.ema else None)

    def _here(self, tree: Tree) -> Tree:
        """Return a tree on the device that trains; parameters are drawn on the CPU."""
        return {name: {key: value.to(self._device) for key, value in layer.items()} for name, layer in tree.items()}

    def _grown(self, state: State) -> State:
        """Return the state of networks that have entered a new phase."""

        def grow(network: Network, before: NetworkState, stream: Stream) -> NetworkState:
            params, norm = network.init(
                self.trial.cell.architecture.initialize,
                self._streams[stream],
                self._streams[Stream.NORMALIZER],
                kept=(before.params, before.norm),
            )
            after = replace(before, params=self._here(params), norm=self._here(norm))
            return carried(before, after, self.trial.cell.optimizer)

        generator = grow(self.generator, state.generator, Stream.GENERATOR_INIT)
        discriminator = grow(self.discriminator, state.discriminator, Stream.DISCRIMINATOR_INIT)
        average = state.average
        if average is not None:
            average = {name: average.get(name, layer) for name, layer in generator.params.items()}
        return State(generator, discriminator, average)


def carried(before: NetworkState, after: NetworkState, optimizer: Optimizer) -> NetworkState:
    """Return a network's state with its optimizer's memory: kept where layers only left, else begun anew.

    Karras et al. (2018) reset the optimizer whenever a resolution is added.
    """
    if not after.params.keys() <= before.params.keys():
        return NetworkState.start(after.params, after.norm, optimizer)
    names = [(name, key) for name, layer in before.params.items() for key in layer]
    kept = [name in after.params for name, _ in names]
    assert [pair for pair in names if pair[0] in after.params] == [
        (name, key) for name, layer in after.params.items() for key in layer
    ], "a phase must not change the order of layers"
    slots = {
        slot: [value for value, stays in zip(values, kept, strict=True) if stays]
        for slot, values in before.slots.items()
    }
    assert all(len(values) == len(leaves(after.params)) for values in slots.values())
    return replace(after, slots=slots)


def _moved(plain: Any, device: torch.device) -> Any:
    """Return tensors in dictionaries and lists on a device."""
    if isinstance(plain, torch.Tensor):
        return plain.to(device)
    if isinstance(plain, dict):
        return {key: _moved(value, device) for key, value in plain.items()}
    return [_moved(value, device) for value in plain] if isinstance(plain, list) else plain


def protocol_of(cell: Cell) -> TrainingProtocol:
    """Return the rules of a cell's step."""
    return TrainingProtocol(**{item.name: getattr(cell, item.name) for item in fields(TrainingProtocol)})
