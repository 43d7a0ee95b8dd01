"""Training committed trials again, and holding them against what the ledger says.

Reading proves that a record fits its own checksums; it cannot tell a trace that was made up. A trial is a function of its
specification on a given machine with given software, so training it again tells: equal bit for bit where both are the
same, and equal in its first steps, up to rounding, everywhere.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.data.store import Store
from ganbench.harness.errors import InputError
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.stability import load_definition
from ganbench.harness.stability.references import equal_references, recorded_references
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.traces.trace import Column, Trace
from ganbench.harness.training.workshop import Workshop
from ganbench.harness.worker.trial import run_trial
from ganbench.harness.worker.watch import HANG_SECONDS

EQUAL, NEAR, DIFFERENT = "equal", "near", "different"

TOLERANCE = 1e-3
"""Relative, of the first numbers of a training: rounding leaves much less, another training much more."""

SETTING = ("packages", "python", "machine", "device", "step", "sources", "data")
"""Of a record's provenance, what its numbers may depend on."""


@dataclass(frozen=True)
class Reran:
    """What training a committed trial again showed.

    Attributes:
        trial: Its identity.
        title: Its cell and seed, for people.
        outcome: :data:`EQUAL`, bit for bit; :data:`NEAR`, the first numbers agree, and machine or software are others;
            :data:`DIFFERENT`, anything else.
        words: What was compared, in a sentence.
    """

    trial: str
    title: str
    outcome: str
    words: str


def rerun(ledger: Ledger, count: int, catalog: Catalog, store: Store) -> Iterator[Reran]:
    """Train trials again that are drawn at random, on the CPU, one after the other.

    Nobody knows beforehand which are drawn, so whoever forged some of many is found sooner or later.

    Args:
        ledger: Whose trials; it is only read.
        count: How many are drawn.
        catalog: The plugins.
        store: Where data sets are on this machine.

    Raises:
        LedgerError: The ledger cannot be read.
        InputError: A plugin is not there, or is of another version; or data are absent.
    """
    cells = {cell["id"]: cell for cell in ledger.plan()["cells"]}
    known = sorted(row["trial"] for row in ledger.summary() if row["cell"] in cells)
    workshop = Workshop(catalog, store)
    for trial_id in random.SystemRandom().sample(known, min(count, len(known))):
        record = ledger.read(trial_id)
        yield _held(record, _again(record, cells[record.cell_id]["setting"], workshop))


def _again(record: Record, setting: str, workshop: Workshop) -> Record:
    cell = Cell.from_spec(record.spec["cell"], workshop.catalog, setting)
    trial = Trial(cell, record.spec["suite_seed"], record.seed)
    if trial.id != record.trial_id:
        raise InputError(f"trial {record.trial_id} is {trial.id} here: a plugin of it is of another version")
    how = record.provenance.get("how")
    execution = replace(ExecutionMode(**how) if isinstance(how, Mapping) else ExecutionMode(), pack=1)
    definition = load_definition(record.definition)
    return run_trial(workshop, trial, definition, execution=execution, hang_after=HANG_SECONDS)


def _held(record: Record, again: Record) -> Reran:
    cell = record.spec["cell"]
    names = " · ".join(str(cell.get(kind, {}).get("name")) for kind in ("dataset", "architecture", "normalizer"))
    title = f"{names}, seed {record.seed}"
    bars = [recorded_references(item.provenance) for item in (record, again)]
    if bars[0] is not None and not equal_references(bars[0], bars[1] or {}):
        return Reran(record.trial_id, title, DIFFERENT, "another bar is computed from the data than it says")
    if again.sha256 == record.sha256:
        return Reran(record.trial_id, title, EQUAL, "the same result, bit for bit")
    before, now = (item.verdict.outcome.replace("_", " ") for item in (record, again))
    outcomes = f"it was {before} and is {now}"
    others = [key for key in SETTING if record.provenance.get(key) != again.provenance.get(key)]
    if not others:
        return Reran(record.trial_id, title, DIFFERENT, f"another result on the same machine and software; {outcomes}")
    apart = _first_apart(record, again)
    if apart:
        return Reran(record.trial_id, title, DIFFERENT, f"{apart}; {outcomes}")
    return Reran(
        record.trial_id,
        title,
        NEAR,
        f"the first numbers agree; the rest may differ, because {', '.join(others)} are others; {outcomes}",
    )


def _first_apart(record: Record, again: Record) -> str:
    """Say which of the first numbers of two trainings do not agree up to rounding; empty where all do."""
    if record.trace is None or again.trace is None:
        return "" if record.error == again.error else "one of the two could not run, or for another reason"
    for name, was, now in _first_numbers(record.trace, again.trace):
        if not math.isclose(was, now, rel_tol=TOLERANCE, abs_tol=TOLERANCE) and not (
            math.isnan(was) and math.isnan(now)
        ):
            return f"already the first value of {name} is another one: it was {was:.6g} and is {now:.6g}"
    return ""


def _first_numbers(was: Trace, now: Trace) -> Iterator[tuple[str, float, float]]:
    for old, new in ((was.scalars, now.scalars), (was.evaluations, now.evaluations)):
        for name in sorted(old.keys() | new.keys()):
            yield name, _first(old.get(name)), _first(new.get(name))


def _first(column: Column | None) -> float:
    return float(column[0]) if column is not None and len(column) else math.nan
