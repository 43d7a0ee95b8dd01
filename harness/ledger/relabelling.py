"""Judging a ledger's trials anew, from their stored traces: by another definition of instability, or by more detectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ganbench.harness.ledger import Ledger, write_added_verdicts
from ganbench.harness.stability import AddedVerdict, Detector, Verdict, ask_added, load_definition
from ganbench.harness.stability.definition import changed

WARNED, CLEAR, BLIND, BROKEN = "a warning", "nothing found", "nothing to look at", "could not look"


@dataclass(frozen=True)
class Changes:
    """What another definition, or another detector, changed.

    Attributes:
        trials: How many trials were judged.
        before: How many had each outcome, by the definition that readers used.
        after: How many have it now.
        moved: How many went from one verdict to another, by both in words.
        looked: Of each added detector, by its label, how many of its looks ended how.
        broken: What those said that could not look, by the detectors' labels; the first of each.
    """

    trials: int
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)
    looked: dict[str, Counter[str]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def relabel(
    ledger: Ledger, definition: int | None = None, detectors: Sequence[Detector] = (), settings: Sequence[str] = ()
) -> Changes:
    """Judge all trials by a definition, keep the choice for readers, and return what it changed.

    Args:
        ledger: The ledger; its records stay as they are.
        definition: Version of the definition; the one that readers use when absent.
        detectors: Those that look at all trials which have a trace. What they see is kept beside the records.
        settings: Thresholds that are not the definition's, ``RULE.PARAMETER=VALUE`` each: then nothing is written.

    Raises:
        InputError: There is no such definition; nothing was changed.
        LedgerError: A record is damaged, or the folder cannot be written.
    """
    version = ledger.plan()["definition"]
    chosen, current = load_definition(version if definition is None else definition), load_definition(version)
    chosen = changed(chosen, settings)
    trials, outcomes, moved = 0, (Counter[str](), Counter[str]()), Counter[tuple[str, str]]()
    added_verdicts: dict[str, dict[str, AddedVerdict]] = {detector.label(): {} for detector in detectors}
    for record in ledger.records():
        trials += 1
        verdicts = [record.judged_by(item) for item in (current, chosen)]
        for counted, verdict in zip(outcomes, verdicts, strict=True):
            counted[verdict.outcome] += 1
        before, after = map(_words, verdicts)
        if before != after:
            moved[before, after] += 1
        if record.trace is not None:
            for look in ask_added(record.trace, detectors):
                added_verdicts[look.by.label][record.trial_id] = look
    for detector in detectors:
        if added_verdicts[detector.label()]:
            write_added_verdicts(ledger, detector.spec(), added_verdicts[detector.label()])
    if definition is not None and not settings:
        ledger.relabel(definition)
    return Changes(
        trials,
        *outcomes,
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


def _words(verdict: Verdict) -> str:
    return ", ".join(name.replace("_", " ") for name in verdict.modes or (verdict.outcome,))
