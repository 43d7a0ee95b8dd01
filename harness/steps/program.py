"""A cell's step as programs, and a trial's use of them, with the plain step to fall back to."""

from __future__ import annotations

import operator
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganbench.harness.models.network import Network
from ganbench.harness.models.stacking_check import misfit
from ganbench.harness.plugins.plugin import Plugin
from ganbench.harness.steps.agreement import Agreement, compared
from ganbench.harness.steps.captured import Captured, GraphTape, Tape
from ganbench.harness.steps.compiled import compiled, just_in_time, loaded
from ganbench.harness.steps.form import alike, batch_like, batch_tensors, channels_last, state_like, state_tensors
from ganbench.harness.steps.graph import StepGraph, graph_of
from ganbench.harness.steps.kept import KeptPrograms, Shelf
from ganbench.harness.steps.protocol import TrainingProtocol
from ganbench.harness.steps.replayed import Content, Run, replayed, scripted, written
from ganbench.harness.steps.step import Batch, Observations, State, StepFunction, make_step
from ganbench.harness.steps.ways import COMPILED, REPLAYED

if TYPE_CHECKING:
    from torch.cuda import _POOL_HANDLE

MOST = 32
"""Cells whose programs a process keeps. Each is some megabytes; a sweep sends a process the cells of one seed in turn."""

COMPARED = 2
"""Steps of every replayed program, and of every capture of one, that are made plainly too: one, and one from what it made,
where anything that it took for a constant has changed."""

WORTH_SECONDS = 0.5
"""Of plain steps of a cell in a process, after which it is worth while to make replayed programs: about what making them
takes. Whatever the number of steps turns out to be, they take at most twice as long as the better choice would have."""


@dataclass(frozen=True)
class Way:
    """A way of making programs.

    Attributes:
        name: What provenance calls a step that ran so.
        make: From a graph and an example of its inputs to a program.
        write: From these, and a folder for what is large, to what can be kept of a program; None where that is nothing.
        load: From what was kept to the program, likewise.
        lay: How tensors are to lie in memory: returns the same values.
        exact: Whether its numbers are the plain step's, bit for bit.
    """

    name: str
    make: Callable[[StepGraph, list[Tensor]], Run]
    write: Callable[[StepGraph, list[Tensor], Path], Content | None]
    load: Callable[[Content, list[Tensor], Path], Run]
    lay: Callable[[list[Tensor]], list[Tensor]]
    exact: bool


WAYS: Mapping[str, Way] = MappingProxyType(
    {
        way.name: way
        for way in (
            Way(REPLAYED, replayed, written, scripted, lambda tensors: tensors, exact=True),
            Way(COMPILED, just_in_time, compiled, loaded, channels_last, exact=False),
        )
    }
)


class NotTheSameError(Exception):
    """A program made other numbers than the step that it was made from."""


class Programs:
    """The programs of a process: the trials of a cell share them, and only the first waits for them to be made.

    Args:
        way: ``"replayed"`` or ``"compiled"``.
        tape: What captures a trial's programs; CUDA's graphs on a GPU, nothing elsewhere.
        beside: Whether trials run side by side. One that finds no GPU memory then is not made up for by a plain step: it
            may be its neighbours' doing, and it is tried again alone.
        after: Seconds that a cell's plain steps take in this process before its replayed programs are made. Both make the
            same numbers, so that a training may change over at any step; one that is compiled never begins plainly.
        kept: Where programs are kept for other processes; None for nowhere. One that is there is used at once.
    """

    def __init__(
        self,
        way: str = REPLAYED,
        tape: Callable[[], Tape] | None = None,
        *,
        beside: bool = False,
        after: float = 0.0,
        kept: KeptPrograms | None = None,
    ) -> None:
        self.way, self.tape, self.beside, self.after = WAYS[way], tape, beside, after
        self._kept = kept
        self._own: tempfile.TemporaryDirectory[str] | None = None
        self._made: OrderedDict[str, Program] = OrderedDict()

    def of(
        self,
        key: str,
        generator: Network,
        discriminator: Network,
        protocol: TrainingProtocol,
        plugins: Collection[Plugin] = (),
        always: bool = False,
    ) -> Program:
        """Return the program of a cell in a phase of its growth.

        Args:
            key: Says which; networks and protocol are the same wherever it is.
            generator: The generator.
            discriminator: The discriminator.
            protocol: The rules.
            plugins: All that they are made of.
            always: Whether its compiled steps all run as if they were observed.
        """
        if key not in self._made:
            shelf = None if self._kept is None or not plugins else Shelf(self._kept, key, plugins)
            self._made[key] = Program(self.way, generator, discriminator, protocol, self._folder(), shelf)
            self._made[key].always = always and not self.way.exact
            while len(self._made) > MOST:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]

    def _folder(self) -> Path:
        """Return where libraries go: for as long as this lives, where they are kept nowhere."""
        if self._kept is not None:
            return self._kept.folder
        self._own = self._own or tempfile.TemporaryDirectory(prefix="ganbench-")
        return Path(self._own.name)


Kind = tuple[object, ...]
"""What tells programs of a cell apart: whether the step is observed, which updates are penalized, the numbers' type."""


class Program:
    """The step of a cell in a phase, as a program for each kind of step, made when it is first needed.

    Attributes:
        way: How they are made.
        reason: Why there are none, in a line; empty where there are.
        always: Whether steps that are not observed run as the others do.
        note: What a reader of the results should know of them, in a line; empty for nothing.
        spent: Seconds that were spent on plain steps before programs were made.
        agreement: What came of comparing its steps with plain ones in this process.
    """

    def __init__(
        self,
        way: Way,
        generator: Network,
        discriminator: Network,
        protocol: TrainingProtocol,
        folder: Path,
        shelf: Shelf | None = None,
    ) -> None:
        self.way, self._folder, self._shelf = way, folder, shelf
        self.reason = cannot_run("compiled", generator, discriminator) or ""
        self.note, self.spent, self.always = "", 0.0, False
        self.agreement = Agreement()
        self._networks, self._protocol = (generator, discriminator), protocol
        self._step: StepFunction | None = None
        self._sought: set[Kind] = set()
        self._graphs: dict[Kind, StepGraph] = {}
        self._runs: dict[Kind, tuple[Run, tuple[str, ...]]] = {}
        self._left: dict[Kind, int] = {}

    def run(self, state: State, batch: Batch, observe: bool) -> tuple[Run, tuple[str, ...], Kind]:
        """Return the program for a kind of step, the names of its observations, and which kind it is.

        Raises:
            Exception: It cannot be made.
        """
        observe = observe or self.always
        kind = _kind(batch, observe)
        if not self.has(state, batch, observe):
            form, kept = kind[1:], state_tensors(state)
            given = kept + batch_tensors(batch)
            laid = alike(self.way.lay(given))
            if self._step is None:
                self._step = self._followed(state)
            if form not in self._graphs:
                state, batch = state_like(state, laid[: len(kept)]), batch_like(batch, laid[len(kept) :])
                self._graphs[form] = graph_of(self._step, state, batch)
            graph = self._graphs[form] if observe else self._graphs[form].unobserved()
            run, content = self._made(graph, laid)
            self._add(kind, run, graph.observed)
            if self._shelf is not None and content is not None:
                self._shelf.put((self.way.name, *kind), given, content | {"observed": list(graph.observed)})
        return *self._runs[kind], kind

    def has(self, state: State, batch: Batch, observe: bool) -> bool:
        """Say whether the program for a kind of step is at hand, looking for it once among those that are kept."""
        kind = _kind(batch, observe or self.always)
        if kind not in self._runs and self._shelf is not None and kind not in self._sought:
            self._sought.add(kind)
            given = state_tensors(state) + batch_tensors(batch)
            found = self._shelf.get((self.way.name, *kind), given)
            if found is not None:
                with suppress(RuntimeError, KeyError, TypeError):  # what cannot be loaded is made again
                    self._add(kind, self.way.load(found, self.way.lay(given), self._folder), tuple(found["observed"]))
        return kind in self._runs

    def _made(self, graph: StepGraph, laid: list[Tensor]) -> tuple[Run, Content | None]:
        """Make a graph's program, and what can be kept of it, which a compiled one is loaded from at once."""
        if self.way.exact:
            kept = None if self._shelf is None else self.way.write(graph, laid, self._folder)
            return self.way.make(graph, laid), kept
        content = self.way.write(graph, laid, self._folder)
        if content is None:
            return self.way.make(graph, laid), None
        return self.way.load(content, laid, self._folder), content

    def _add(self, kind: Kind, run: Run, observed: tuple[str, ...]) -> None:
        self._runs[kind] = (run, observed)
        self._left[kind] = COMPARED if self.way.exact else 1

    def forget(self) -> bool:
        """Drop what came from other processes, and take nothing more from them; returns whether anything did."""
        came = self._shelf is not None and self._shelf.distrust()
        if came:
            self._graphs, self._runs, self.agreement = {}, {}, Agreement()
        return came

    @property
    def begun(self) -> bool:
        """Whether there is a program for any kind of step."""
        return bool(self._runs)

    def _followed(self, state: State) -> StepFunction:
        """Return the step that programs are made of: layers of equal shape together, where rounding may be another."""
        if self.way.exact:
            return make_step(*self._networks, self._protocol)
        states = (state.generator, state.discriminator)
        reasons = [misfit(network, of.params, of.norm) for network, of in zip(self._networks, states, strict=True)]
        self.note = next((f"layers of equal shape run one by one: {reason}" for reason in reasons if reason), "")
        generator, discriminator = (
            replace(network, stacked=not reason) for network, reason in zip(self._networks, reasons, strict=True)
        )
        return make_step(generator, discriminator, self._protocol)

    def is_new(self, kind: Kind) -> bool:
        """Say whether the next step of a kind is one of its program's first, and count it."""
        return _counted(self._left, kind)

    def failed(self, error: Exception) -> None:
        """Give the program up: the next trial of the cell need not find out again."""
        self._graphs, self._runs = {}, {}
        self.reason = f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), 'no message')}"


class ProgramStep:
    """A trial's step: its cell's programs, with the plain step to fall back to.

    The step is pure, so that a program that fails can be made up for by the plain step: where that succeeds, it was the
    program's failure, and the trial goes on plainly; where it fails too, it was the method's, and raises as it would have.

    Attributes:
        prepares: Whether the last step also made, compared or captured a program, and took longer than others will.

    Args:
        programs: The process's.
        program: The cell's.
        plain: The same step, plain.
        tell: Called with one line when the plain step takes over.
    """

    def __init__(self, programs: Programs, program: Program, plain: StepFunction, tell: Callable[[str], None]) -> None:
        self._programs, self._plain, self._tell = programs, plain, tell
        self._program: Program | None = program
        self._captured: dict[Kind, Run] = {}
        self._left: dict[Kind, int] = {}
        self._pool: _POOL_HANDLE | None = None
        self._last: tuple[State, list[Tensor]] | None = None
        self.prepares = False
        if program.reason:
            self._give_up(program)

    @property
    def agreement(self) -> Agreement | None:
        """What came of comparing the cell's programs with the plain step in this process; None where steps are plain."""
        return self._program.agreement if self._program is not None and self.mode != "plain" else None

    @property
    def mode(self) -> str:
        """How steps are run now: the way's name, or ``"plain"``."""
        program = self._program
        return "plain" if program is None or (self._early(program) and not program.begun) else program.way.name

    def __call__(self, state: State, batch: Batch, observe: bool) -> tuple[State, Observations]:
        """Make a step."""
        program = self._program
        if program is None:
            return self._plain(state, batch, observe)
        if self._early(program) and not program.has(state, batch, observe):
            begun = time.perf_counter()
            made = self._plain(state, batch, observe)
            program.spent += time.perf_counter() - begun
            return made
        try:
            return self._made(program, state, batch, observe)
        except Exception as error:
            if self._programs.beside and isinstance(error, torch.OutOfMemoryError):
                raise
            if program.forget():
                self._captured = {}
                return self(state, batch, observe)
            result = self._plain(state, batch, observe)
            program.failed(error)
            self._give_up(program)
            return result

    def _early(self, program: Program) -> bool:
        return program.way.exact and program.spent < self._programs.after

    def _made(self, program: Program, state: State, batch: Batch, observe: bool) -> tuple[State, Observations]:
        held = self._last[1] if self._last is not None and self._last[0] is state else state_tensors(state)
        run, observed, kind = program.run(state, batch, observe)
        if program.note:
            self._tell(program.note)
        given = held + batch_tensors(batch)
        captured = len(self._captured)
        here = self._here(run, kind, given, len(held))
        # Each trial captures anew, and a capture can go wrong where the program is right.
        new = program.is_new(kind) | _counted(self._left, kind)
        # Of a copy: what it passes on as it came is overwritten when a captured program takes its turn.
        before = state_like(state, [tensor.clone() for tensor in held]) if new and program.way.exact else None
        plain = None if before is None else self._plain(before, batch, observe)
        made = here(given)
        self.prepares = new or len(self._captured) > captured
        if before is not None and plain is not None:

            def again() -> list[Tensor]:
                return _numbers(self._plain(before, batch, observe))

            agreement = compared(made, _numbers(plain), None if batch.real.device.type == "cpu" else again)
            if agreement is None and program.forget():
                self._captured = {}
                return self._made(program, before, batch, observe)
            if agreement is None:
                program.failed(NotTheSameError("its numbers are not those of the plain step"))
                self._give_up(program)
                return plain
            program.agreement = program.agreement.and_also(agreement)
        kept, seen = made[: len(held)], dict(zip(observed, made[len(held) :], strict=True))
        after = state if all(map(operator.is_, kept, held)) else state_like(state, kept)
        self._last = (after, kept)
        return after, seen if observe else {}

    def _here(self, run: Run, kind: Kind, given: list[Tensor], kept: int) -> Run:
        """Return a program as this trial runs it: on a GPU captured, with memory of its own."""
        tape = self._programs.tape or (self._graph if given[0].device.type == "cuda" else None)
        if tape is None:
            return run
        if kind not in self._captured:
            self._captured[kind] = Captured(run, given, kept, tape())
            self._left[kind] = COMPARED
        return self._captured[kind]

    def _graph(self) -> Tape:
        # One step runs at a time, so that all kinds of steps can have the same memory.
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        return GraphTape(self._pool)

    def _give_up(self, program: Program) -> None:
        self._program = self._last = None
        self._captured = {}
        self._tell(f"not {program.way.name}: {program.reason}")


def _numbers(made: tuple[State, Observations]) -> list[Tensor]:
    return [*state_tensors(made[0]), *made[1].values()]


def _kind(batch: Batch, observe: bool) -> Kind:
    return (observe, batch.penalized, batch.real.shape, batch.real.dtype, batch.real.device)


def _counted(left: dict[Kind, int], kind: Kind) -> bool:
    """Say whether steps of a kind are left, and take one."""
    new = left.get(kind, 0) > 0
    if new:
        left[kind] -= 1
    return new


def cannot_run(mode: str, *networks: Network) -> str | None:
    """Return which normalizer declares that it cannot run in a mode, or None."""
    names = (network.normalizer.name for network in networks if not network.normalizer.runs(mode))
    name = next(names, None)
    return None if name is None else f"normalizer {name!r} declares that it cannot run {mode}"
