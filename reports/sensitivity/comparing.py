"""What of a board stays when it is judged in another way: its claims, its order, its outcomes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ganbench.harness.stability import METHOD_ERROR, NOT_LEARNT, STABLE, UNDECIDED, Verdict
from ganbench.harness.stability.definition import LOSSES
from ganbench.harness.statistics.intervals import wilson
from ganbench.reports.board import Board

BROKE, LOST = "broke", "lost"

KINDS = (STABLE, BROKE, LOST, NOT_LEARNT, UNDECIDED, METHOD_ERROR)
"""Outcomes, and of what is unstable whether it broke or lost what it had."""


def kind_of(verdict: Verdict) -> str:
    """Return one of :data:`KINDS`."""
    if verdict.outcome in KINDS:
        return verdict.outcome
    return LOST if set(verdict.modes) & set(LOSSES) else BROKE


@dataclass(frozen=True)
class Claims:
    """The claims of a board judged in another way, held against its own.

    Attributes:
        own: How many the board makes.
        kept: How many of those the other makes too.
        reversed: How many of those the other makes the other way round.
        new: How many the other makes of pairs of which the board makes none.
    """

    own: int
    kept: int
    reversed: int
    new: int


Claim = tuple[str, str, str]
"""What one does more often or less often than another: "fails less", or "learns more"; the better one; the other."""


def claims_of(board: Board) -> set[Claim]:
    """Return who failed significantly less often than whom, and who learnt significantly more often."""
    found = {("fails less", pair.better, pair.worse) for pair in board.pairs if pair.significant}
    found |= {("learns more", pair.learns_more, pair.learns_less) for pair in board.pairs if pair.learns_less}
    return found


ELSEWHERE = "fails less on settings like these"


def claims_on_levels(board: Board) -> set[Claim]:
    """Return the claims, and those on settings like these once more as claims of their own."""
    return claims_of(board) | {(ELSEWHERE, pair.better, pair.worse) for pair in board.pairs if pair.elsewhere}


def compared(own: Board, other: Board) -> Claims:
    """Compare the claims of two boards of the same trials."""
    first, second = claims_of(own), claims_of(other)
    opposite = {(what, worse, better) for what, better, worse in first}
    return Claims(len(first), len(first & second), len(opposite & second), len(second - first - opposite))


def rank_correlation(own: Board, other: Board) -> float:
    """Return Kendall's tau-b between the rates of two boards; nan where one has no order."""
    from scipy.stats import kendalltau

    rates = {row.normalizer: row.count.rate for row in other.rows}
    pairs = [(row.count.rate, rates[row.normalizer]) for row in own.rows if row.normalizer in rates]
    known = [pair for pair in pairs if all(map(math.isfinite, pair))]
    return float(kendalltau(*zip(*known, strict=True)).statistic) if len(known) > 1 else math.nan


@dataclass(frozen=True)
class Share:
    """So many of so many, with the 95 % interval."""

    count: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval; (0, 1) of none."""
        return wilson(self.count, self.of) if self.of else (0.0, 1.0)


def transitions(
    early: Mapping[tuple[str, int], Verdict], late: Mapping[tuple[str, int], Verdict]
) -> Counter[tuple[str, str]]:
    """Count outcomes at a part of the budget and at all of it, trial by trial."""
    return Counter((kind_of(verdict), kind_of(late[trial])) for trial, verdict in early.items())


def healed(found: Mapping[tuple[str, str], int], kinds: Iterable[str]) -> Share:
    """Return how many trials of some outcome at a part of the budget were stable at the end."""
    chosen = set(kinds)
    return Share(
        sum(count for (early, late), count in found.items() if early in chosen and late == STABLE),
        sum(count for (early, _), count in found.items() if early in chosen),
    )
