"""What runs where a trial runs: rebuild it from its task, train it, commit it, and say what became of it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, cast

from harness.cell import Cell, Trial
from harness.computing import Computing
from harness.data.store import Store
from harness.devices import device_of
from harness.errors import InputError, Interrupted, LedgerError, PluginError, UnknownNameError
from harness.how import How
from harness.interruption import interruption, is_asked_to_stop
from harness.ledger import Ledger
from harness.ledger.running import announced
from harness.plugin_source import PluginSource
from harness.registry import Catalog
from harness.scheduling.endings import (
    CROWDED,
    FAULT,
    MEMORY,
    PLUGIN,
    PREEMPTED,
    RESULTS,
    STOPPED,
    UNFIT,
    Done,
    Ending,
    Failed,
    Kind,
    fault,
)
from harness.scheduling.resources import Resources
from harness.side_by_side import Turns, alone, places, take_turns
from harness.stability import Detector, load_definition
from harness.training.checkpoint import EVERY_SECONDS
from harness.trial import Workshop


@dataclass(frozen=True)
class Task:
    """One attempt at a trial, in a form that can be sent to another machine.

    Attributes:
        trial_id: The trial's identity, checked after rebuilding.
        spec: The trial's canonical specification.
        setting: The suite's name for the hyperparameters.
        sources: Plugins beside the installed ones.
        definition: Version of the detectors' thresholds.
        ledger: The folder or address to commit to.
        attempt: From 1; more than one after infrastructure was lost.
        resources: What the attempt has; with a share of a GPU it trains there.
        how: How trials are run.
        data_dir: Where data sets stand; None for the place that the worker's machine says.
        checkpoint_every: Seconds between two checkpoints.
        detectors: Canonical specifications of those that look beside the definition's.
    """

    trial_id: str
    spec: dict[str, Any]
    setting: str
    sources: tuple[PluginSource, ...]
    definition: int
    ledger: str
    attempt: int = 1
    resources: Resources = field(default_factory=Resources)
    how: How = field(default_factory=How)
    data_dir: str | None = None
    checkpoint_every: float = EVERY_SECONDS
    detectors: tuple[dict[str, Any], ...] = ()


@lru_cache(maxsize=1)
def _workshop(sources: tuple[PluginSource, ...], data_dir: str | None, device: str) -> Workshop:
    # A process serves one sweep; its data and prepared metrics are kept from trial to trial.
    return Workshop(Catalog(sources, tolerant=True), Store.find(data_dir), device)


@lru_cache(maxsize=1)
def _ledger(where: str) -> Ledger:
    # What it knows of parts, which never change, serves every trial of a process.
    return Ledger(where)


def execute(task: Task) -> Done:
    """Run a task to its commit, alone in this process.

    A trial that is committed already is not trained again: after a lost message the same task may arrive twice.

    Raises:
        Interrupted: It was asked to stop, and has left a checkpoint.
    """
    task = laid(task, 1)
    with at_work(task) as (interrupted, computing):
        return alone(executing(task, interrupted, computing))


@contextmanager
def at_work(task: Task) -> Iterator[tuple[Callable[[], bool], Computing]]:
    """Set this process to what a task needs, and any others of its sweep beside it; yield what says when to stop."""
    with interruption(_ledger(task.ledger).storage) as interrupted, Computing(task.how) as computing:
        yield interrupted, computing


def executing(task: Task, interrupted: Callable[[], bool], computing: Computing) -> Turns[Done]:
    """Run a task to its commit in turns; :func:`execute` says the rest.

    Args:
        task: The task.
        interrupted: Says whether to stop.
        computing: What the process is set to.
    """
    ledger = _ledger(task.ledger)
    if ledger.holds(task.trial_id):
        record, first = ledger.read(task.trial_id), False
    else:
        if interrupted() or is_asked_to_stop(ledger.storage):
            raise Interrupted("stopped before it began")
        workshop = _workshop(task.sources, task.data_dir, device_of(task.resources, _lanes(task)))
        cell = _cell(task, workshop.catalog)
        trial = Trial(cell, task.spec["suite_seed"], task.spec["seed"])
        if trial.id != task.trial_id:
            raise RuntimeError(
                f"trial {task.trial_id} became {trial.id} here: this machine has another version of a plugin or of ganbench"
            )
        detectors = [cast("Detector", workshop.catalog.create("detector", spec)) for spec in task.detectors]
        checkpoints = ledger.checkpoints(task.trial_id)
        with announced(ledger.storage, task.trial_id, task.attempt):
            record = yield from workshop.turns(
                trial,
                load_definition(task.definition),
                task.attempt,
                computing=computing,
                resources=task.resources,
                checkpoints=checkpoints,
                checkpoint_every=task.checkpoint_every,
                interrupted=interrupted,
                detectors=detectors,
            )
        first = ledger.commit(record)
        checkpoints.clear()
    notes = tuple(record.provenance.get("notes", ()))
    return Done(
        record.trial_id, record.verdict.outcome, record.verdict.modes, record.provenance["seconds"], first, notes
    )


def _cell(task: Task, catalog: Catalog) -> Cell:
    try:
        return Cell.from_spec(task.spec["cell"], catalog, task.setting)
    except UnknownNameError as error:
        raise PluginError(
            f"on {platform.node()} there is no {error.kind} {error.name!r}, as there was where the command was given: every"
            " node needs the package that offers it (ganbench doctor --cluster compares them)"
        ) from error


KINDS: tuple[tuple[type[Exception], Kind], ...] = (
    (Interrupted, PREEMPTED),
    (MemoryError, MEMORY),
    # It harms the trials that name it; a node is not the worse for it.
    (PluginError, PLUGIN),
    # A disk that is full, a folder or a data set that is not there: another node may have what this one lacks.
    (LedgerError, RESULTS),
    (InputError, UNFIT),
    (OSError, UNFIT),
)
"""What an exception that is no result says about where it was raised; any other is a fault of ours."""


def attempt(task: Task) -> Ending:
    """Run a task alone and say what became of it, whatever it was."""
    try:
        return execute(task)
    except Exception as error:
        return _failed(laid(task, 1), error)


def attempts(tasks: Sequence[Task]) -> Iterator[tuple[int, Ending]]:
    """Run tasks of one sweep and shape, as many side by side as their first one says, in their order.

    When one of them ends because the process is to end, no other is begun.

    Yields:
        A task's number, from 0, and what became of it, as it does.
    """
    lanes = min(_lanes(tasks[0]), len(tasks))
    yield from _one_by_one(tasks) if lanes == 1 else _side_by_side(tasks, lanes)


def attempt_all(tasks: Sequence[Task]) -> list[Ending]:
    """Run tasks as :func:`attempts` does; when the process is to end, those that were not begun have the same ending."""
    endings = dict(attempts(tasks))
    last = next((ending for ending in endings.values() if is_over(ending)), None)
    return [ending for number in range(len(tasks)) if (ending := endings.get(number, last)) is not None]


def _one_by_one(tasks: Sequence[Task]) -> Iterator[tuple[int, Ending]]:
    for number, task in enumerate(tasks):
        ending = attempt(task)
        yield number, ending
        if is_over(ending):
            return


def _side_by_side(tasks: Sequence[Task], lanes: int) -> Iterator[tuple[int, Ending]]:
    tasks = [laid(task, lanes) for task in tasks]
    over = False
    with ExitStack() as stack:
        try:
            interrupted, computing = stack.enter_context(at_work(tasks[0]))
            where = places(lanes, device_of(tasks[0].resources, lanes))
        except Exception as error:
            yield from ((number, _failed(task, error)) for number, task in enumerate(tasks))
            return

        def begun() -> Iterator[Turns[Ending]]:
            for task in tasks:
                if over:
                    return
                yield _attempting(task, interrupted, computing)

        for number, ending in take_turns(begun(), where):
            over = over or is_over(ending)
            yield number, ending


def _attempting(task: Task, interrupted: Callable[[], bool], computing: Computing) -> Turns[Ending]:
    try:
        return (yield from executing(task, interrupted, computing))
    except Exception as error:
        return _failed(task, error)


def _failed(task: Task, error: Exception) -> Failed:
    kind = next((kind for raised, kind in KINDS if isinstance(error, raised)), FAULT)
    if kind == PREEMPTED and is_asked_to_stop(task.ledger):
        kind = STOPPED
    if kind == MEMORY and _lanes(task) > 1:
        kind = CROWDED
    return Failed(kind, fault(error) if kind == FAULT else f"{kind.name}: {error}")


def is_over(ending: Ending) -> bool:
    """Say whether an attempt ended because its process is to end."""
    return isinstance(ending, Failed) and ending.kind in (PREEMPTED, STOPPED)


def _lanes(task: Task) -> int:
    return task.how.lanes(task.resources.gpus)


def laid(task: Task, lanes: int) -> Task:
    """Return a task that says how many are trained beside each other where it is run."""
    return replace(task, how=replace(task.how, pack=lanes))
