"""Judging a ledger's trials by another definition of instability, from their stored traces."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from harness.ledger import Ledger
from harness.stability import load_definition


@dataclass(frozen=True)
class Changes:
    """What another definition changed.

    Attributes:
        trials: How many trials were judged.
        moved: How many went from one verdict to another, by both in words.
    """

    trials: int
    moved: Counter[tuple[str, str]]


def relabel(ledger: Ledger, definition: int) -> Changes:
    """Judge all trials by a definition, keep the choice for readers, and return what it changed.

    Args:
        ledger: The ledger; its records stay as they are.
        definition: Version of the definition.

    Raises:
        InputError: There is no such definition; nothing was changed.
        LedgerError: A record is damaged, or the folder cannot be written.
    """
    chosen, current = load_definition(definition), load_definition(ledger.plan()["definition"])
    trials, moved = 0, Counter[tuple[str, str]]()
    for record in ledger.records():
        trials += 1
        before, after = (_words(record.judged_by(item).modes) for item in (current, chosen))
        if before != after:
            moved[before, after] += 1
    ledger.relabel(definition)
    return Changes(trials, moved)


def _words(modes: tuple[str, ...]) -> str:
    return ", ".join(mode.replace("_", " ") for mode in modes) or "stable"
