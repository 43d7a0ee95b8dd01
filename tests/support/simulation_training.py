"""Trials that train nothing, in virtual time, under the real worker: the same result however often they are cut off.

The state of such a training is a chain of hashes, one link per step: a step that is left out, made twice, or made from
another trial's checkpoint gives another record.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from cells import CATALOG, TOY, a_cell
from simulation import Process, World
from simulation_cluster import Machine

from ganbench.harness.canonical import digest
from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.errors import InputError, Interrupted, MethodError, PluginError
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.running import Pulse
from ganbench.harness.planning.suite import Suite
from ganbench.harness.process import TooLongError
from ganbench.harness.scheduling.endings import MEMORY, WORKER
from ganbench.harness.stability import Definition, Detector
from ganbench.harness.storage import Storage
from ganbench.harness.traces.trace import Trace
from ganbench.harness.training.checkpoint import KEPT, Checkpoints
from ganbench.harness.training.lanes import Turns
from ganbench.harness.training.numerics import ProcessSettings
from ganbench.harness.worker import attempt as worker
from ganbench.harness.worker.interruption import is_asked_to_stop
from ganbench.harness.worker.watch import HANG_SECONDS, Stuck

STEP_SECONDS = 25.0
EVERY_SECONDS = 60.0


@dataclass(frozen=True)
class Trait:
    """What is the matter with a trial, until it is mended.

    Attributes:
        thirst: GiB without which its process is killed half-way.
        deadly: Its process dies at its first step, every time.
        greedy: It raises MemoryError at its first step, every time.
        broken: Our own code raises at its first step.
        hangs: A hook of it does not return, from the middle on; 2 where nothing but the end of its process helps.
    """

    thirst: float = 0.0
    deadly: bool = False
    greedy: bool = False
    broken: bool = False
    hangs: int = 0


@dataclass
class Kept:
    """What should be in a trial's folder of checkpoints: whether the file of each step is whole."""

    files: dict[int, bool] = field(default_factory=dict)
    spoilt_at: dict[int, float] = field(default_factory=dict)

    def saved(self, step: int, begun: float) -> None:
        """A file was written, and has its name since some moment after ``begun``."""
        self.files[step] = self.spoilt_at.get(step, -1.0) < begun
        self.files = {step: self.files[step] for step in sorted(self.files)[-KEPT:]}

    def spoilt(self, step: int, now: float) -> None:
        self.files[step], self.spoilt_at[step] = False, now

    def newest(self) -> int:
        return max((step for step, whole in self.files.items() if whole), default=0)


@dataclass
class Trainings:
    """All trainings of a world.

    Attributes:
        world: Its time.
        place: The ledger.
        traits: Of trials, by identity.
        kept: What is known of their checkpoints.
        looked: Called when a training begins, with the step that it goes on from and the one that it should.
        committed: Says whether a trial is.
        hung: Attempts whose process ended because a hook did not return: trial and number.
        never: Trials whose result may be that.
    """

    world: World
    place: Path
    traits: dict[str, Trait] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)
    looked: Callable[[Trial, int, int], None] = lambda trial, found, wanted: None
    committed: Callable[[str], bool] = lambda trial: False
    hung: set[tuple[str, int]] = field(default_factory=set)
    never: set[str] = field(default_factory=set)

    def turns(
        self,
        workshop: object,
        trial: Trial,
        definition: Definition,
        attempt: int,
        *,
        process_settings: ProcessSettings,
        resources: Resources,
        checkpoints: Storage,
        checkpoint_every: float,
        interrupted: Callable[[], bool],
        detectors: Sequence[Detector] = (),
        doubted: Callable[[MethodError], bool] = lambda error: False,
        watch: SimulatedWatch,
        progress: Callable[[], None],
        hung: str,
    ) -> Turns[Record]:
        process = self.process
        machine: Machine = process.facts["machine"]
        if hung:
            assert trial.id in self.never, "said not to return, and it was a machine that did not"
            return Record.of(trial.spec(), None, self._about(self.world.now, attempt, definition), hung)
        if self.world.now < machine.unfit_until:
            raise InputError("this machine has no data set (simulated)")
        if self.world.now < machine.sick_until:
            self._sick(machine, doubted)
        started = self.world.now + machine.skew
        saves = Checkpoints(checkpoints, digest([trial.id, "simulated"]), checkpoint_every, self.world.clock)
        begun = saves.newest() or {"step": 0, "state": trial.id}
        step, state = begun["step"], begun["state"]
        self.looked(trial, step, self.kept_of(trial.id).newest())
        while step < trial.cell.steps:
            process.facts["training"] = trial.id
            process.sleep(STEP_SECONDS / machine.speed)
            self._suffer(trial, step, resources)
            self._hang(trial, step, attempt, watch)
            yield
            step += 1
            state = digest([state, step])
            stop, begun_at = interrupted(), self.world.now
            if stop or saves.due():
                with contextlib.suppress(OSError):
                    saves.save(step, {"step": step, "state": state})
                    if not self.committed(trial.id):  # those of a committed trial may go at any moment
                        self.kept_of(trial.id).saved(step, begun_at)
            if stop:
                raise Interrupted(f"stopped at step {step}")
        about = self._about(started, attempt, definition) | {"resumed_from": saves.resumed_from}
        return record_of(trial, definition, state, about)

    def _about(self, started: float, attempt: int, definition: Definition) -> dict[str, Any]:
        process, machine = self.process, self.process.facts["machine"]
        return {
            "started": started,
            "seconds": self.world.now + machine.skew - started,
            "attempt": attempt,
            "resumed_from": None,
            "host": machine.node.id,
            "pid": process.number,
            "device": "simulated",
            "definition": definition.version,
        }

    def kept_of(self, trial: str) -> Kept:
        return self.kept.setdefault(trial, Kept())

    @property
    def process(self) -> Process:
        assert self.world.current is not None
        return self.world.current

    def _sick(self, machine: Machine, doubted: Callable[[MethodError], bool]) -> None:
        error = RuntimeError("CUDA error: uncorrectable ECC error (simulated)")
        if not machine.sick_in_hooks:
            raise error
        try:
            raise MethodError("a hook raised (simulated)") from error
        except MethodError as raised:
            if doubted(raised):  # else another machine has said the same: this one is well by now
                raise

    def _hang(self, trial: Trial, step: int, attempt: int, watch: SimulatedWatch) -> None:
        trait, process = self.traits.get(trial.id, Trait()), self.process
        endless = trait.hangs and step >= trial.cell.steps // 2
        if not endless and self.world.now >= process.facts["machine"].hangs_until:
            return
        process.sleep(HANG_SECONDS)
        watch.stuck = Stuck(HANG_SECONDS, "a hook (simulated)", in_hook=True)
        if trait.hangs == 2 and process.facts["submission"].lanes == 1:
            watch.leave(watch.stuck)
            self.hung.add((trial.id, attempt))
            process.kill(WORKER)
        raise TooLongError

    def _suffer(self, trial: Trial, step: int, resources: Resources) -> None:
        trait = self.traits.get(trial.id, Trait())
        if resources.memory < trait.thirst and step >= trial.cell.steps // 2:
            self.process.kill(MEMORY)
        if trait.deadly:
            self.process.kill(WORKER)
        if trait.greedy:
            raise MemoryError("no memory left (simulated)")
        if trait.broken:
            raise RuntimeError("a fault of ours (simulated)")


class SimulatedWatch:
    """A watch in virtual time: what hangs says so itself."""

    limit = HANG_SECONDS

    def __init__(self, seconds: float, leave: Callable[[Stuck], None], patience: float) -> None:
        self.leave = leave
        self.stuck: Stuck | None = None

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...

    def progress(self) -> None: ...

    @contextmanager
    def on_duty(self) -> Iterator[None]:
        yield


def record_of(trial: Trial, definition: Definition, state: str, provenance: dict[str, Any]) -> Record:
    """The record of a trial whose training came to a state: all that it logged, and so its verdict, is of that alone."""
    number, budget = int(state[:4], 16), trial.cell.steps
    about = {**provenance, "definition": definition.version}
    if number % 7 == 0:
        return Record.of(trial.spec(), None, about, f"the plugin raised (simulated): {state}")
    halves = np.array([int(state[:10], 16), int(state[10:], 16)], dtype=np.float64)
    trace = Trace(
        budget=budget,
        stopped=budget,
        steps=np.array([1.0, budget]),
        scalars={"d_loss": np.array([1.0, np.nan if number % 3 == 0 else 1.0])},
        probe_steps=np.empty(0),
        layers={},
        evaluation_steps=np.array([0.0, budget]),
        evaluations={"state": halves},
    )
    return Record.of(trial.spec(), trace, about)


def undisturbed(trial: Trial, definition: Definition) -> Record:
    """What a trial comes to if nothing happens."""
    state = trial.id
    for step in range(trial.cell.steps):
        state = digest([state, step + 1])
    return record_of(trial, definition, state, {})


@cache
def a_suite(cells: int, seeds: int) -> Suite:
    """Small cells of both kinds: short and long, on the CPU and on a share of a GPU."""
    return Suite("simulated", 1, "", 3, seeds, 2, None, tuple(_cells()[:cells]), "")


@cache
def _cells() -> list[Cell]:
    half = Resources(1.0, 0.5)
    kinds = [
        ("none", 6, Resources()),
        ("spectral_norm", 9, Resources(2.0)),
        ("none", 2, half),
        ("none", 20, Resources()),
    ]
    return [a_cell(TOY, normalizer=name, steps=steps, log_points=1, resources=need) for name, steps, need in kinds]


@contextmanager
def workers_of(trainings: Trainings) -> Iterator[None]:
    """Have the real worker train in virtual time, where SIGTERM is a fact about a process and clocks differ."""

    @contextmanager
    def interruption(root: Storage) -> Iterator[Callable[[], bool]]:
        process = trainings.process
        yield lambda: bool(process.facts["noticed"]) or is_asked_to_stop(root)

    @contextmanager
    def announced(root: Storage, trial_id: str, attempt: int, node: str, limit: Callable[[], float]) -> Iterator[Pulse]:
        pulse = Pulse(root, trial_id, attempt, node, limit)
        pulse.say()
        try:
            yield pulse
        finally:
            root.delete(pulse.name)

    def check_up(ledger: Ledger | str, device: str) -> None:
        process, now = trainings.process, trainings.world.now
        machine: Machine = process.facts["machine"]
        if now < machine.hangs_until:
            process.sleep(HANG_SECONDS)
            raise TooLongError
        if now < machine.other_until and not machine.other_plugin:
            raise InputError("this machine has another version of ganbench (simulated)")
        if now < machine.other_until:
            raise PluginError("on this machine there is no such plugin (simulated)")
        Ledger(trainings.place).probe()

    class Workshop:
        catalog = CATALOG

    with ExitStack() as stack:
        for name, other in (("interruption", interruption), ("announced", announced)):
            stack.enter_context(mock.patch.object(worker, name, other))
        stack.enter_context(mock.patch.object(worker, "check_up", check_up))
        stack.enter_context(mock.patch.object(worker, "_checked_up", check_up))
        stack.enter_context(mock.patch.object(worker, "Watch", SimulatedWatch))
        stack.enter_context(mock.patch.object(worker, "_workshop", lambda *args: Workshop))
        stack.enter_context(mock.patch.object(worker, "train_trial", trainings.turns))
        stack.enter_context(mock.patch.object(worker, "device_of", lambda resources, lanes: "cpu"))
        stack.enter_context(mock.patch.object(worker, "ProcessSettings", lambda execution: nullcontext()))
        # A process of its own for every task: none knows what another one has read.
        stack.enter_context(mock.patch.object(worker, "_ledger", Ledger))
        yield
