"""What a worker does with its tasks: rebuild each trial, train it, commit it, and say what became of it.

Reads from top to bottom: tasks are attempted alone or side by side, an attempt trains its trial to the commit, and what it
raises says what was lost.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.data.store import Store
from ganbench.harness.errors import InputError, Interrupted, LedgerError, MethodError, PluginError, UnknownNameError
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.running import Pulse, announced
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.plugins.source import PluginSource
from ganbench.harness.process import TooLongError
from ganbench.harness.scheduling.endings import (
    CROWDED,
    DEVICE,
    FAULT,
    GPU_MEMORY,
    HOOK,
    HUNG,
    MEMORY,
    PLUGIN,
    PREEMPTED,
    RESULTS,
    STOPPED,
    STUCK,
    UNFIT,
    Done,
    Ending,
    Failed,
    Kind,
    fault,
)
from ganbench.harness.scheduling.task import Task
from ganbench.harness.stability import Detector, load_definition
from ganbench.harness.steps.ways import COMPILED
from ganbench.harness.training.devices import GPUMemoryError, device_of
from ganbench.harness.training.lanes import Turns, places, take_turns
from ganbench.harness.training.numerics import ProcessSettings
from ganbench.harness.training.workshop import Workshop
from ganbench.harness.worker.checkup import check_up
from ganbench.harness.worker.interruption import interruption, is_asked_to_stop
from ganbench.harness.worker.machine_errors import is_about_files, is_of_the_machine
from ganbench.harness.worker.trial import train_trial
from ganbench.harness.worker.watch import COMPILING, Stuck, Watch


def attempt(task: Task) -> Ending:
    """Attempt a task alone in this process, however many lanes it may have."""
    ((_, ending),) = attempt_each([task.with_lanes(1)])
    return ending


def attempt_all(tasks: Sequence[Task]) -> list[Ending]:
    """Attempt tasks as :func:`attempt_each` does; when the process is to end, those not begun have the same ending."""
    endings = dict(attempt_each(tasks))
    last = next((ending for ending in endings.values() if is_over(ending)), None)
    return [ending for number in range(len(tasks)) if (ending := endings.get(number, last)) is not None]


def attempt_each(tasks: Sequence[Task]) -> Iterator[tuple[int, Ending]]:
    """Attempt tasks of one sweep and shape in their order, as many side by side as their first one says.

    When one of them ends because the process is to end, no other is begun.

    Yields:
        A task's number, from 0, and what became of it, as it does.
    """
    lanes = min(tasks[0].lanes, len(tasks))
    tasks = [task.with_lanes(lanes) for task in tasks]
    over = False
    with ExitStack() as stack:
        try:
            process = stack.enter_context(_process_for(tasks[0]))
            where = places(lanes, device_of(tasks[0].resources, lanes))
        except Exception as error:
            yield from ((number, _failed(task, error)) for number, task in enumerate(tasks))
            return

        def begun() -> Iterator[Turns[Ending]]:
            for task in tasks:
                if over:
                    return
                yield _attempt(task, process)

        for number, ending in take_turns(begun(), where):
            over = over or is_over(ending)
            yield number, ending


@dataclass(frozen=True)
class _Process:
    """What the tasks of a sweep share in this process.

    Attributes:
        interrupted: Says when to stop.
        settings: What the process is set to.
        watch: Ends what makes no progress.
        pulses: Of the trials under way.
    """

    interrupted: Callable[[], bool]
    settings: ProcessSettings
    watch: Watch
    pulses: list[Pulse]


@contextmanager
def _process_for(task: Task) -> Iterator[_Process]:
    """Set this process to what the tasks of a sweep need."""
    pulses: list[Pulse] = []

    def leave(found: Stuck) -> None:
        for pulse in pulses:
            pulse.say(stuck=found.words(), result=found.result() if found.in_hook else "")

    patience = COMPILING if task.execution.way == COMPILED else 1
    # Only a worker of a cluster can end its process: another one is somebody's.
    watch = Watch(task.hang_after, leave if task.node is not None else None, patience)
    with (
        interruption(_ledger(task.ledger).storage) as interrupted,
        ProcessSettings(task.execution) as process_settings,
        watch.on_duty(),
    ):
        yield _Process(interrupted, process_settings, watch, pulses)


@contextmanager
def _announced(task: Task, process: _Process) -> Iterator[Pulse]:
    """Say that a task's trial is under way, also should the process end meanwhile."""
    watch = process.watch
    where = _ledger(task.ledger).storage
    with announced(where, task.trial_id, task.attempt, task.node, lambda: watch.limit) as pulse:
        process.pulses.append(pulse)
        try:
            yield pulse
        finally:
            process.pulses.remove(pulse)


def _check_up(task: Task, device: str, watch: Watch) -> None:
    """See whether this machine is fit: before the first trial of a process, and before one that failed before."""
    try:
        with watch:
            if task.attempt > 1:
                check_up(_ledger(task.ledger), device)
            else:
                _checked_up(task.ledger, device)
    except TooLongError as error:
        watch.stuck = None
        raise InputError(f"{device} or the results folder does not answer on {platform.node()} ({error})") from error


@lru_cache(maxsize=1)
def _checked_up(where: str, device: str) -> None:
    check_up(_ledger(where), device)


def _attempt(task: Task, process: _Process) -> Turns[Ending]:
    try:
        return (yield from _train(task, process))
    except (Exception, TooLongError) as error:
        stuck, process.watch.stuck = process.watch.stuck, None
        return _failed(task, error) if stuck is None else _stuck(stuck)


def _stuck(found: Stuck) -> Failed:
    """Say what a lack of progress is: of the machine where data are read, perhaps the method's in one of its hooks."""
    kind = HUNG if found.in_hook else UNFIT if found.in_data else STUCK
    return Failed(kind, f"{kind.name}: {found.words()}", result=found.result() if kind == HUNG else "")


def _train(task: Task, process: _Process) -> Turns[Done]:
    """Train a task's trial to its commit, in turns.

    A trial that is committed already is not trained again: after a lost message the same task may arrive twice.

    Raises:
        Interrupted: It was asked to stop, and has left a checkpoint.
    """
    ledger = _ledger(task.ledger)
    if ledger.holds(task.trial_id):
        record, first = ledger.read(task.trial_id), False
    else:
        if process.interrupted() or is_asked_to_stop(ledger.storage):
            raise Interrupted("stopped before it began")
        checkpoints, watch = ledger.checkpoints(task.trial_id), process.watch
        with _announced(task, process) as pulse:
            device = device_of(task.resources, task.lanes)
            _check_up(task, device, watch)
            workshop = _workshop(task.sources, task.data_dir, device)
            trial = _rebuilt(task, workshop.catalog)
            detectors = [cast("Detector", workshop.catalog.create("detector", spec)) for spec in task.detectors]

            def asked() -> bool:  # after every step
                pulse.step()
                return process.interrupted()

            def progress() -> None:
                pulse.progress()
                watch.progress()

            record = yield from train_trial(
                workshop,
                trial,
                load_definition(task.definition),
                task.attempt,
                process_settings=process.settings,
                resources=task.resources,
                checkpoints=checkpoints,
                checkpoint_every=task.checkpoint_every,
                interrupted=asked,
                detectors=detectors,
                doubted=lambda error: watch.stuck is not None or _may_be_the_machines(task, error),
                watch=watch,
                progress=progress,
                hung=task.hung,
            )
        first = ledger.commit(record)
        checkpoints.clear()
    notes = tuple(record.provenance.get("notes", ()))
    verdict = record.verdict
    return Done(
        record.trial_id,
        verdict.outcome,
        verdict.modes,
        record.provenance["seconds"],
        first,
        notes,
        message=record.error,
    )


def _may_be_the_machines(task: Task, error: MethodError) -> bool:
    """Say whether what a hook raised is no result yet: a device's or the system's until a second node says the same.

    A file that is not there may be there elsewhere; where there is no elsewhere, it is the hook's.
    """
    cause = error.__cause__
    if cause is None or task.second:
        return False
    return is_of_the_machine(cause) or (is_about_files(cause) and not task.alone)


def _rebuilt(task: Task, catalog: Catalog) -> Trial:
    try:
        cell = Cell.from_spec(task.spec["cell"], catalog, task.setting)
    except UnknownNameError as error:
        raise PluginError(
            f"on {platform.node()} there is no {error.kind} {error.name!r}, as there was where the command was given: every"
            " node needs the package that offers it (ganbench doctor --cluster compares them)"
        ) from error
    trial = Trial(cell, task.spec["suite_seed"], task.spec["seed"])
    if trial.id != task.trial_id:
        raise InputError(
            f"trial {task.trial_id} became {trial.id} on {platform.node()}: this machine has another version of a plugin or"
            " of ganbench (ganbench doctor --cluster compares them)"
        )
    return trial


@lru_cache(maxsize=1)
def _workshop(sources: tuple[PluginSource, ...], data_dir: str | None, device: str) -> Workshop:
    # A process serves one sweep; its data and prepared metrics are kept from trial to trial.
    return Workshop(Catalog(sources, tolerant=True), Store.find(data_dir), device)


@lru_cache(maxsize=1)
def _ledger(where: str) -> Ledger:
    # What it knows of parts, which never change, serves every trial of a process.
    return Ledger(where)


KINDS: tuple[tuple[type[Exception], Kind], ...] = (
    (Interrupted, PREEMPTED),
    (GPUMemoryError, GPU_MEMORY),
    (MemoryError, MEMORY),
    (MethodError, HOOK),  # others are results, and never come here
    # It harms the trials that name it; a node is not the worse for it.
    (PluginError, PLUGIN),
    # A disk that is full, a folder, a data set or weights that are not there: another node may have what this one lacks.
    (LedgerError, RESULTS),
    (InputError, UNFIT),
    (OSError, UNFIT),
)
"""What an exception that is no result says about where it was raised; any other is a fault of ours."""


def _failed(task: Task, error: BaseException) -> Failed:
    kind = next((kind for raised, kind in KINDS if isinstance(error, raised)), None)
    if kind is None:
        kind = DEVICE if is_of_the_machine(error) else FAULT
    if kind == PREEMPTED and is_asked_to_stop(task.ledger):
        kind = STOPPED
    if kind in (MEMORY, GPU_MEMORY) and task.lanes > 1:
        kind = CROWDED
    return Failed(kind, fault(error) if kind == FAULT else f"{kind.name}: {error}")


def is_over(ending: Ending) -> bool:
    """Say whether an attempt ended because its process is to end."""
    return isinstance(ending, Failed) and ending.kind in (PREEMPTED, STOPPED)
