"""Which normalizers are compared with which, and where; and in how many pairs of their trials only one has something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.stability import Verdict
from ganbench.harness.stability.verdict import NOT_LEARNT
from ganbench.harness.statistics.sequential import UNDECIDED
from ganbench.reports.board.standing import Standing
from ganbench.reports.evidence import Evidence

Outcomes = NDArray[np.float64]
"""[normalizers, groups, seeds]: 1 failed (or not learnt), 0 not, nan missing; undecided ones ``UNDECIDED`` or nan."""


@dataclass(frozen=True)
class Pairing:
    """All pairs of normalizers.

    Attributes:
        evidence: The trials.
        names: The normalizers.
        sides: [2, pairs] the places of each pair's normalizers.
        allowed: [groups, pairs] where they are compared: of two in one order, in the settings of the order.
    """

    evidence: Evidence
    names: tuple[str, ...]
    sides: NDArray[np.int_]
    allowed: NDArray[np.bool_]

    def both(self, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return in how many pairs of trials the one has the first and the other the second: [groups, pairs].

        Args:
            first: [normalizers, groups, seeds].
            second: Likewise.
        """
        one, other = (item.astype(np.float32).swapaxes(0, 1) for item in (first, second))
        found = np.rint(one @ other.swapaxes(1, 2)).astype(np.int64)
        return np.where(self.allowed, found[:, self.sides[0], self.sides[1]], 0)

    def alone(self, first: Outcomes, second: Outcomes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return in how many pairs only the first side has it, and in how many only the second: [groups, pairs] each.

        Args:
            first: Outcomes that count for first sides.
            second: Those that count for second sides; the same ones, unless missing trials are filled in by sides.
        """
        return self.both(first == 1, second == 0), self.both(first == 0, second == 1)

    def labels(self) -> list[tuple[str, str]]:
        """Return the normalizers of each pair."""
        return [(self.names[first], self.names[second]) for first, second in self.sides.T.tolist()]


def pair_all(evidence: Evidence, order: Sequence[str], where: Standing) -> Pairing:
    """Pair every normalizer with every other.

    Args:
        evidence: The trials.
        order: The normalizers; of each pair the one that comes first here is its first.
        where: Those that stand in one order, and in which settings.
    """
    sides = np.array(list(combinations(range(len(order)), 2)), int).reshape(-1, 2).T
    settings = {group.title for group in where.settings}
    inside = np.array([group.title in settings for group in evidence.groups], dtype=bool)
    ranked = np.array([name in where.names for name in order], dtype=bool)
    return Pairing(evidence, tuple(order), sides, inside[:, None] | ~(ranked[sides[0]] & ranked[sides[1]]))


def outcomes(evidence: Evidence, normalizers: Sequence[str]) -> Outcomes:
    """Return who failed; an undecided trial is as good as missing."""
    return decided(coded(evidence, normalizers, failed))


def coded(evidence: Evidence, normalizers: Sequence[str], counts: Callable[[Verdict], bool]) -> Outcomes:
    """Return whether trials count; of undecided ones ``UNDECIDED``."""
    found = np.full((len(normalizers), len(evidence.groups), evidence.seeds), np.nan)
    for row, normalizer in enumerate(normalizers):
        for column, group in enumerate(evidence.groups):
            for result in evidence.of(group, normalizer):
                verdict = result.verdict
                found[row, column, result.seed] = counts(verdict) if verdict.decided else UNDECIDED
    return found


def decided(outcomes: Outcomes) -> Outcomes:
    """Return outcomes of which undecided ones are as good as missing."""
    return np.where(outcomes == UNDECIDED, np.nan, outcomes)


def failed(verdict: Verdict) -> bool:
    """Whether a trial failed."""
    return verdict.failed


def not_learnt(verdict: Verdict) -> bool:
    """Whether a trial did not learn."""
    return verdict.outcome == NOT_LEARNT
