"""What runs where a trial runs: rebuild it from its task, train it, commit it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness.cell import Cell, Trial
from harness.data.store import Store
from harness.interruption import interruption
from harness.ledger import Ledger
from harness.ledger.running import announced
from harness.registry import Catalog, PluginSource
from harness.stability import load_definition
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
        compiled: Whether to compile the step.
        data_dir: Where data sets stand; None for the place that the worker's machine says.
    """

    trial_id: str
    spec: dict[str, Any]
    setting: str
    sources: tuple[PluginSource, ...]
    definition: int
    ledger: str
    attempt: int = 1
    compiled: bool = False
    data_dir: str | None = None


@dataclass(frozen=True)
class Done:
    """What a worker reports of a committed trial.

    Attributes:
        trial_id: Which one.
        outcome: Its verdict's outcome.
        modes: Its failure modes.
        seconds: How long it took.
        first: False if another attempt had committed it before.
        notes: What a reader should know of how it ran, one line each.
    """

    trial_id: str
    outcome: str
    modes: tuple[str, ...]
    seconds: float
    first: bool
    notes: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def _workshop(sources: tuple[PluginSource, ...], data_dir: str | None) -> Workshop:
    # A process serves one sweep; its data and prepared metrics are kept from trial to trial.
    return Workshop(Catalog(sources), Store.find(data_dir))


@lru_cache(maxsize=1)
def _ledger(where: str) -> Ledger:
    # What it knows of parts, which never change, serves every trial of a process.
    return Ledger(where)


def execute(task: Task) -> Done:
    """Run a task to its commit.

    A trial that is committed already is not trained again: after a lost message the same task may arrive twice.

    Raises:
        Interrupted: It was asked to stop, and has left a checkpoint.
    """
    ledger = _ledger(task.ledger)
    if ledger.holds(task.trial_id):
        record, first = ledger.read(task.trial_id), False
    else:
        workshop = _workshop(task.sources, task.data_dir)
        cell = Cell.from_spec(task.spec["cell"], workshop.catalog, task.setting)
        trial = Trial(cell, task.spec["suite_seed"], task.spec["seed"])
        if trial.id != task.trial_id:
            raise RuntimeError(
                f"trial {task.trial_id} became {trial.id} here: this machine has another version of a plugin or of ganbench"
            )
        checkpoints = ledger.checkpoints(task.trial_id)
        with interruption(ledger.storage) as interrupted, announced(ledger.storage, task.trial_id, task.attempt):
            record = workshop.run(
                trial,
                load_definition(task.definition),
                task.attempt,
                compiled=task.compiled,
                checkpoints=checkpoints,
                interrupted=interrupted,
            )
        first = ledger.commit(record)
        checkpoints.clear()
    notes = tuple(record.provenance.get("notes", ()))
    return Done(
        record.trial_id, record.verdict.outcome, record.verdict.modes, record.provenance["seconds"], first, notes
    )
