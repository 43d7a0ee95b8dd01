"""What became of a sweep's trials, in words."""

from __future__ import annotations

from collections.abc import Mapping

from ganbench.harness.stability import METHOD_ERROR, NOT_LEARNT, UNDECIDED, UNSTABLE

TOLD = (UNSTABLE, METHOD_ERROR, NOT_LEARNT, UNDECIDED)
"""Outcomes in the order in which they are told. The trials that are left are stable."""


def outcomes_in_words(outcomes: Mapping[str, int], modes: Mapping[str, int]) -> str:
    """Return ``3 unstable (diverged 2, lost quality 1), 2 not learnt, 5 undecided``.

    Args:
        outcomes: How many trials had each outcome.
        modes: How often each failure mode was found.
    """
    found = sorted((mode for mode in modes if mode != METHOD_ERROR), key=lambda mode: -modes[mode])
    ways = ", ".join(f"{_words(mode)} {modes[mode]}" for mode in found)
    parts = [
        f"{outcomes.get(outcome, 0)} {_words(outcome)}{f' ({ways})' if ways and outcome == UNSTABLE else ''}"
        for outcome in TOLD
        if outcome == UNSTABLE or outcomes.get(outcome, 0)
    ]
    return ", ".join(parts)


def _words(name: str) -> str:
    return name.replace("_", " ")
