"""Normalizers two by two, on the trials that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.statistics import (
    ALPHA,
    RiskDifference,
    holm,
    least_discordant_each,
    mcnemar_many,
    pairs_needed,
    risk_difference,
)
from ganbench.harness.statistics.sequential import compare
from ganbench.reports.evidence import Evidence


@dataclass(frozen=True)
class Pair:
    """Two normalizers on the trials that they share.

    Attributes:
        first: Label; the one that comes first in the table.
        second: Label of the other.
        shared: Pairs of trials with the same seed and everything else equal.
        only_first: Pairs in which only the first failed.
        only_second: Pairs in which only the second failed.
        both: Pairs in which both failed.
        p: McNemar's exact test, pooled over groups, see ``ganbench.harness.statistics.claim_p``.
        holm_p: The same, corrected for all pairs of normalizers.
        baseline_p: The same, corrected for the comparisons with the baseline; None where neither is the baseline.
        needed: Discordant pairs, all one way, that could separate the two.
        enough: About how many pairs would separate them, if discordant ones went on as they came; may be infinite.
        groups_first: In how many groups of cells the first failed more often.
        groups_second: In how many the second did.
        groups_level: In how many both failed equally often.
        test: The test of sequential seeds that decides in place of the p-values, which do not allow for its looks; or
            None.
        separated: After how many seeds that test found that they differ; None where it did not.
    """

    first: str
    second: str
    shared: int
    only_first: int
    only_second: int
    both: int
    p: float
    holm_p: float
    baseline_p: float | None
    needed: int
    enough: float
    groups_first: int
    groups_second: int
    groups_level: int
    test: str | None = None
    separated: int | None = None

    @property
    def significant(self) -> bool:
        """Whether the two are separated, among all pairs."""
        return self.holm_p <= ALPHA if self.test is None else self.separated is not None

    @property
    def significant_to_baseline(self) -> bool:
        """Whether the two are separated among the comparisons with the baseline, a family that the suite declares."""
        return self.test is None and self.baseline_p is not None and self.baseline_p <= ALPHA

    def difference(self, alpha: float = ALPHA) -> RiskDifference:
        """Return the first one's rate less the second one's, over the shared pairs.

        Args:
            alpha: One minus the confidence of its interval.
        """
        neither = self.shared - self.both - self.only_first - self.only_second
        return risk_difference(self.both, self.only_first, self.only_second, neither, alpha)

    @property
    def better(self) -> str:
        """The one that failed alone less often."""
        return self.second if self.only_first > self.only_second else self.first

    @property
    def worse(self) -> str:
        """The other one."""
        return self.first if self.only_first > self.only_second else self.second


def outcomes(evidence: Evidence, normalizers: Sequence[str]) -> NDArray[np.float64]:
    """Return who failed: [normalizers, groups, seeds], 1 failed, 0 stable, nan missing."""
    found = np.full((len(normalizers), len(evidence.groups), evidence.seeds), np.nan)
    for row, normalizer in enumerate(normalizers):
        for column, group in enumerate(evidence.groups):
            for result in evidence.of(group, normalizer):
                found[row, column, result.seed] = result.verdict.failed
    return found


def compare_all(evidence: Evidence, order: Sequence[str]) -> list[Pair]:
    """Compare every pair of normalizers.

    Args:
        evidence: The trials.
        order: The normalizers; of each pair the one that comes first here is its first.
    """
    failed = dict(zip(order, outcomes(evidence, order), strict=True))
    names = list(combinations(order, 2))
    counts = [_discordant(failed[first], failed[second]) for first, second in names]
    first_alone, second_alone, shared = (
        [count[key] for count in counts] for key in ("only_first", "only_second", "shared")
    )
    raw = mcnemar_many(first_alone, second_alone).tolist()  # what claim_p returns for each
    family = [index for index, pair in enumerate(names) if evidence.plan.get("baseline") in pair]
    to_baseline = dict(zip(family, holm([raw[index] for index in family]), strict=True))
    needed = least_discordant_each(raw)
    enough = pairs_needed(first_alone, second_alone, shared, ALPHA / max(1, len(names))).tolist()
    decided = _decided(evidence, order)
    return [
        Pair(
            first=first,
            second=second,
            **counts[index],
            p=raw[index],
            holm_p=holm_p,
            baseline_p=to_baseline.get(index),
            needed=needed[index],
            enough=enough[index],
            test=None if decided is None or evidence.sequential is None else evidence.sequential.test,
            separated=None if decided is None else decided.get(frozenset((first, second))),
        )
        for index, ((first, second), holm_p) in enumerate(zip(names, holm(raw), strict=True))
    ]


def _decided(evidence: Evidence, order: Sequence[str]) -> dict[frozenset[str], int | None] | None:
    """Return since which seed the test of sequential seeds separates each pair; None where no such test was used."""
    sequential = evidence.sequential
    if sequential is None or sequential.test is None:
        return None
    found = compare(outcomes(evidence, order), sequential.rule(list(order)))
    return {frozenset((order[item.first], order[item.second])): item.separated for item in found}


def _discordant(first: NDArray[np.float64], second: NDArray[np.float64]) -> dict[str, int]:
    """Return the counts of :class:`Pair` for outcomes [groups, seeds]; a pair with a missing half is no pair."""
    difference = first - second
    shared = np.isfinite(difference)
    difference = np.where(shared, difference, 0)
    groups = difference.sum(axis=1)
    counts = {
        "shared": shared.sum(),
        "only_first": (difference > 0).sum(),
        "only_second": (difference < 0).sum(),
        "both": (shared & (first == 1) & (second == 1)).sum(),
        "groups_first": (groups > 0).sum(),
        "groups_second": (groups < 0).sum(),
        "groups_level": (shared.any(axis=1) & (groups == 0)).sum(),
    }
    return {name: int(number) for name, number in counts.items()}
