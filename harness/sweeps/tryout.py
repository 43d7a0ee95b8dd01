"""Trying a new normalizer: a suite's baseline and the new one in its place, with the baseline's trials taken over.

The cells are those of the suite's baseline, and the same with the new normalizer, so that seeds pair. They stand in a
ledger of their own, named by the new one's source: who edits a normalizer and tries it again trains it again. Records of
the baseline are copied from ledgers that hold them, through the ledger's own commit; no other ledger is written to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench.harness.canonical import digest
from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.errors import InputError, LedgerError
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.names import PLAN, file_name
from ganbench.harness.planning.suite import Suite

if TYPE_CHECKING:
    from ganbench.harness.normalizer import Normalizer

FOLDER = Path("results") / "try"
"""Where tries stand: in a folder for each suite, one for each normalizer's source."""

NAME = 64
"""Characters of a suite's name."""


@dataclass(frozen=True)
class TrySuite(Suite):
    """A suite's baseline, and normalizers in its place.

    Attributes:
        tried: The labels of those.
        left_out: Where one of them makes no sense on a network, and why; a line for each.
        command: What made it.
    """

    tried: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    command: str = ""

    def plan(self) -> dict[str, Any]:
        """Return the plan, with the command that a reader repeats it by: there is no suite file of that name."""
        return {**super().plan(), "command": self.command}

    def is_tried(self, trial: Trial) -> bool:
        """Say whether a trial is of a normalizer that is tried, not of the baseline."""
        return trial.cell.normalizer.label() in self.tried


@dataclass
class TakenOver:
    """What became of records that other ledgers hold.

    Attributes:
        trials: How many were copied, by where from.
        stale: How many are of a normalizer that is tried, but made with another source, by where; left.
        damaged: Those that cannot be read; left.
        set_aside: Damaged records of the try's own ledger, moved out of the way.
    """

    trials: Counter[str] = field(default_factory=Counter)
    stale: Counter[str] = field(default_factory=Counter)
    damaged: list[str] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)


def against_baseline(suite: Suite, normalizers: Sequence[Normalizer], command: str = "") -> TrySuite:
    """Return the suite's baseline, and the same cells with other normalizers in its place.

    A network on which a normalizer makes no sense is left out for it; what is compared with nothing is left out as well.
    Sequential seeds become a fixed number, their least: what more of them would decide is between all of the suite.

    Args:
        suite: The suite; its other normalizers are dropped.
        normalizers: At least one.
        command: What a reader repeats it by.

    Raises:
        InputError: The suite declares no baseline, a normalizer is the baseline itself, or makes sense on no network of the
            suite.
    """
    if suite.baseline is None:
        raise InputError(
            f"suite {suite.name!r} declares no baseline to compare with; write one into a copy of it, as"
            " `baseline: spectral_norm`"
        )
    labels = tuple(normalizer.label() for normalizer in normalizers)
    if suite.baseline in labels:
        raise InputError(
            f"{suite.baseline!r} is the baseline of suite {suite.name!r}; there is nothing to compare it with"
        )
    cells: list[Cell] = []
    left_out: dict[str, None] = {}
    for cell in suite.cells:
        if cell.normalizer.label() != suite.baseline:
            continue
        kept = []
        for normalizer in normalizers:
            if reason := _refusal(cell, normalizer):
                left_out[f"{normalizer.label()} on {cell.architecture.label()}: {reason}"] = None
            else:
                kept.append(replace(cell, normalizer=normalizer))
        cells += [cell, *kept] if kept else []
    if not cells:
        raise InputError([f"it cannot be tried on suite {suite.name!r}", *left_out])
    known = {item.name: getattr(suite, item.name) for item in fields(Suite)}
    known |= {
        "name": f"{suite.name}-try-{file_name(labels[0])}"[:NAME],
        "description": f"Is {', '.join(labels)} more stable than {suite.baseline}, on the settings of {suite.name}?",
        "seeds": suite.seeds if suite.sequential is None else suite.sequential.least,
        "sequential": None,
        "cells": tuple(cells),
    }
    return TrySuite(**known, tried=labels, left_out=tuple(left_out), command=command)


def default_results(suite: Suite, normalizers: Sequence[Normalizer]) -> Path:
    """Return where a try stands unless told otherwise.

    Args:
        suite: The suite that it is made from.
        normalizers: What is tried. Another parameter, version or source is another folder.
    """
    key = digest([[normalizer.spec(), normalizer.source()] for normalizer in normalizers], 8)
    return FOLDER / file_name(suite.name) / f"{file_name(normalizers[0].label()).strip('_')}-{key}"


def known_ledgers(results: Path) -> list[Ledger]:
    """Return earlier tries that stand beside one, by name: they may hold the baseline's trials."""
    beside = sorted(results.parent.glob(f"*/{PLAN}")) if results.parent.is_dir() else []
    return [Ledger(path.parent) for path in beside if path.parent != results]


def unfinished(suite: TrySuite, ledgers: Iterable[Ledger]) -> list[Cell]:
    """Return the cells that have trials which none of some ledgers holds."""
    held = {trial for ledger in ledgers for trial in ledger.committed()}
    return list({trial.cell.id: trial.cell for trial in suite.trials() if trial.id not in held}.values())


def timed_apart(suite: TrySuite, ledger: Ledger) -> bool:
    """Say whether the baseline's trials ran on other machines than those that are tried, or were all begun before them.

    The times of their steps are then compared across whatever else those machines had to do.
    """
    tried = {cell.id: cell.normalizer.label() in suite.tried for cell in suite.cells}
    rows = [row for row in ledger.summary() if row["cell"] in tried]
    new, old = ([row for row in rows if tried[row["cell"]] is which] for which in (True, False))
    if not new or not old:
        return False
    before = max(row["started"] for row in old) < min(row["started"] for row in new)
    return before or {row["host"] for row in old} != {row["host"] for row in new}


def begin(suite: TrySuite, ledger: Ledger, sources: Sequence[Ledger]) -> TakenOver:
    """Write the plan of a try, and take over the records that other ledgers have of it. Doing it twice changes nothing.

    Records count by their identity, as they do everywhere. But those of a normalizer that is tried must be of the source
    that is tried: an edit under the same version is what a try is for.

    Args:
        suite: What is tried.
        ledger: The try's own.
        sources: Where else records may be; they stay as they are.

    Raises:
        InputError: The ledger holds trials of a normalizer that is tried, made with another source.
        LedgerError: It cannot be written, or belongs to another suite.
    """
    ledger.write_plan(suite.plan())
    done = TakenOver(set_aside=ledger.set_damaged_aside())
    held = ledger.committed()
    trials = suite.trials()
    _refuse_other_source(suite, ledger, [trial for trial in trials if trial.id in held and suite.is_tried(trial)])
    for source in sources:
        if source.where == ledger.where:
            continue
        there = source.committed()
        for trial in trials:
            if trial.id in held or trial.id not in there:
                continue
            try:
                record = source.read(trial.id)
            except LedgerError as error:
                done.damaged.append(str(error))
                continue
            if suite.is_tried(trial) and _source(record.provenance) != trial.cell.normalizer.source():
                done.stale[source.where] += 1
                continue
            ledger.commit(record)
            held.add(trial.id)
            done.trials[source.where] += 1
    return done


def _refuse_other_source(suite: TrySuite, ledger: Ledger, trials: Iterable[Trial]) -> None:
    for trial in trials:
        normalizer = trial.cell.normalizer
        if _source(ledger.read(trial.id).provenance) != normalizer.source():
            raise InputError(
                f"--results {ledger.where}: holds trials of {normalizer.label()!r} version {normalizer.version!r} that were"
                " made with another source of it; raise its version, or choose another folder"
            )


def _source(provenance: dict[str, Any]) -> Any:
    return (provenance.get("sources") or {}).get("normalizer")


def _refusal(cell: Cell, normalizer: Normalizer) -> str | None:
    """Say why a normalizer makes no sense on a cell's networks, or return None when it does.

    Raises:
        InputError: It could not be asked.
    """
    from ganbench.harness.models.build import refusal

    try:
        return refusal(cell.architecture, normalizer, cell.dataset.sample_shape())
    except Exception as error:  # whatever a plugin comes up with
        raise InputError(
            f"normalizer {normalizer.label()!r} could not be asked whether it is for {cell.architecture.label()}:"
            f" {type(error).__name__}: {error}; `ganbench check` says more"
        ) from error
