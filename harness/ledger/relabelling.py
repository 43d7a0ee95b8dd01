"""Judging a ledger's trials anew, from their stored traces: by another definition of instability, or by more detectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ganbench.harness.ledger import Ledger, write_added_verdicts
from ganbench.harness.stability import AddedVerdict, Detector, ask_added, load_definition

WARNED, CLEAR, BLIND, BROKEN = "a warning", "nothing found", "nothing to look at", "could not look"


@dataclass(frozen=True)
class Changes:
    """What another definition, or another detector, changed.

    Attributes:
        trials: How many trials were judged.
        moved: How many went from one verdict to another, by both in words.
        looked: Of each added detector, by its label, how many of its looks ended how.
        broken: What those said that could not look, by the detectors' labels; the first of each.
    """

    trials: int
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)
    looked: dict[str, Counter[str]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def relabel(ledger: Ledger, definition: int | None = None, detectors: Sequence[Detector] = ()) -> Changes:
    """Judge all trials by a definition, keep the choice for readers, and return what it changed.

    Args:
        ledger: The ledger; its records stay as they are.
        definition: Version of the definition; the one that readers use when absent.
        detectors: Those that look at all trials which have a trace. What they see is kept beside the records.

    Raises:
        InputError: There is no such definition; nothing was changed.
        LedgerError: A record is damaged, or the folder cannot be written.
    """
    version = ledger.plan()["definition"]
    chosen, current = load_definition(version if definition is None else definition), load_definition(version)
    trials, moved = 0, Counter[tuple[str, str]]()
    added_verdicts: dict[str, dict[str, AddedVerdict]] = {detector.label(): {} for detector in detectors}
    for record in ledger.records():
        trials += 1
        before, after = (_words(record.judged_by(item).modes) for item in (current, chosen))
        if before != after:
            moved[before, after] += 1
        if record.trace is not None:
            for look in ask_added(record.trace, detectors):
                added_verdicts[look.by.label][record.trial_id] = look
    for detector in detectors:
        if added_verdicts[detector.label()]:
            write_added_verdicts(ledger, detector.spec(), added_verdicts[detector.label()])
    if definition is not None:
        ledger.relabel(definition)
    return Changes(
        trials,
        moved,
        {label: Counter(map(_outcome, found.values())) for label, found in added_verdicts.items()},
        {
            label: look.finding.reason
            for label, found in added_verdicts.items()
            for look in reversed(found.values())
            if look.finding is not None and look.finding.mode == look.by.broken
        },
    )


def _outcome(look: AddedVerdict) -> str:
    if look.finding is not None:
        return BROKEN if look.finding.mode == look.by.broken else WARNED
    return CLEAR if look.by.seen else BLIND


def _words(modes: tuple[str, ...]) -> str:
    return ", ".join(mode.replace("_", " ") for mode in modes) or "stable"
