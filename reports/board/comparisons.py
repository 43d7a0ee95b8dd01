"""Normalizers two by two, on the trials that they share: which fails less often, and which learns more often.

An undecided trial may be either. What is claimed of two normalizers holds with the undecided trials of both counted as
failed (or as not learnt) and with those of both counted as stable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.stability import Verdict
from ganbench.harness.stability.verdict import NOT_LEARNT
from ganbench.harness.statistics import (
    ALPHA,
    RiskDifference,
    holm,
    least_discordant_each,
    mcnemar_many,
    pairs_needed,
    risk_difference,
)
from ganbench.harness.statistics.sequential import UNDECIDED, compare
from ganbench.reports.evidence import Evidence

Outcomes = NDArray[np.float64]
"""[normalizers, groups, seeds]: 1 failed (or not learnt), 0 not, nan missing."""


@dataclass(frozen=True)
class Tested:
    """What the tests say of two normalizers.

    Attributes:
        more: The one that has more (failures, or trials that did not learn), whichever way the undecided trials are
            counted; empty where the two are level or that depends on the undecided.
        ways: Of all pairs, in how many only that one has it and in how many only the other: with the undecided trials of
            both counted as having it, and as not having it.
        p: McNemar's exact test, pooled over groups, see ``ganbench.harness.statistics.claim_p``: the larger one of both
            ways to count the undecided, and 1 where they disagree on the direction.
        holm_p: The same, corrected for all pairs of normalizers.
        baseline_p: The same, corrected for the comparisons with the baseline; None where neither is the baseline.
        test: The test of sequential seeds that decides in place of the p-values, which do not allow for its looks; or
            None.
        separated: After how many seeds that test found that they differ; None where it did not.
    """

    more: str
    ways: tuple[tuple[int, int], ...]
    p: float
    holm_p: float
    baseline_p: float | None
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


@dataclass(frozen=True)
class Pair:
    """Two normalizers on the trials that they share.

    Attributes:
        first: Label; the one that comes first in the table.
        second: Label of the other.
        shared: Pairs of decided trials with the same seed and everything else equal.
        undecided: Further pairs, of which at least one trial is undecided.
        only_first: Of the shared pairs, those in which only the first failed.
        only_second: Those in which only the second failed.
        both: Those in which both failed.
        unlearnt_first: Of the shared pairs, those in which only the first did not learn.
        unlearnt_second: Those in which only the second did not learn.
        failing: What the tests say of how often they fail.
        learning: What they say of how often they do not learn.
        needed: Discordant pairs, all one way, that could separate the two.
        enough: About how many pairs would separate them, if discordant ones went on as they came; may be infinite.
        groups_first: In how many groups of cells the first failed more often.
        groups_second: In how many the second did.
        groups_level: In how many both failed equally often.
    """

    first: str
    second: str
    shared: int
    undecided: int
    only_first: int
    only_second: int
    both: int
    unlearnt_first: int
    unlearnt_second: int
    failing: Tested
    learning: Tested
    needed: int
    enough: float
    groups_first: int
    groups_second: int
    groups_level: int

    @property
    def p(self) -> float:
        """The p-value of how often they fail."""
        return self.failing.p

    @property
    def holm_p(self) -> float:
        """The same, corrected for all pairs of normalizers."""
        return self.failing.holm_p

    @property
    def baseline_p(self) -> float | None:
        """The same, corrected for the comparisons with the baseline; None where neither is the baseline."""
        return self.failing.baseline_p

    @property
    def test(self) -> str | None:
        """The test of sequential seeds that decides in place of the p-values; or None."""
        return self.failing.test

    @property
    def separated(self) -> int | None:
        """After how many seeds that test found that they fail differently often; None where it did not."""
        return self.failing.separated

    @property
    def significant(self) -> bool:
        """Whether one is more stable, among all pairs: it fails less often, and does not learn less often."""
        return self.failing.significant and self.learns_less != self.better

    @property
    def significant_to_baseline(self) -> bool:
        """Whether one is among the comparisons with the baseline, a family that the suite declares."""
        learning = self.learning
        worse_learner = self.learns_less or (learning.more if learning.significant_to_baseline else "")
        return self.failing.significant_to_baseline and worse_learner != self.better

    @property
    def learns_less(self) -> str:
        """The one that learns significantly less often, among all pairs; empty where none does."""
        return self.learning.more if self.learning.significant else ""

    @property
    def learns_more(self) -> str:
        """The other one of such a pair; empty where there is none."""
        return {"": "", self.first: self.second, self.second: self.first}[self.learns_less]

    @property
    def apart(self) -> tuple[str, str] | None:
        """Which of the two is above the other: it fails less often, or learns more often, and nothing speaks against it.

        None where the two are not separated, or one is better in the one and the other in the other.
        """
        lower = {self.learns_less} if self.learns_less else set()
        lower |= {self.worse} if self.failing.significant else set()
        if len(lower) != 1:
            return None
        (below,) = lower
        return (self.second if below == self.first else self.first), below

    def difference(self, alpha: float = ALPHA) -> RiskDifference:
        """Return the first one's rate less the second one's, over the shared pairs.

        Args:
            alpha: One minus the confidence of its interval.
        """
        neither = self.shared - self.both - self.only_first - self.only_second
        return risk_difference(self.both, self.only_first, self.only_second, neither, alpha)

    @property
    def better(self) -> str:
        """The one that fails less often; the first where that is open."""
        return self.second if self.failing.more == self.first else self.first

    @property
    def worse(self) -> str:
        """The other one."""
        return self.first if self.failing.more == self.first else self.second


def outcomes(evidence: Evidence, normalizers: Sequence[str]) -> Outcomes:
    """Return who failed; an undecided trial is as good as missing."""
    return _decided(_coded(evidence, normalizers, _failed))


def compare_learning(evidence: Evidence, normalizers: Sequence[str]) -> dict[frozenset[str], Tested]:
    """Return of every pair of normalizers what the tests say of how often they do not learn."""
    return dict(_tested(evidence, normalizers, _coded(evidence, normalizers, _not_learnt)))


def compare_all(evidence: Evidence, order: Sequence[str], learning: Mapping[frozenset[str], Tested]) -> list[Pair]:
    """Compare every pair of normalizers.

    Args:
        evidence: The trials.
        order: The normalizers; of each pair the one that comes first here is its first.
        learning: Of :func:`compare_learning`.
    """
    coded = _coded(evidence, order, _failed)
    tested = dict(_tested(evidence, order, coded))
    failed = dict(zip(order, _decided(coded), strict=True))
    unlearnt = _alone(_decided(_coded(evidence, order, _not_learnt)))
    committed = np.isfinite(coded).reshape(len(order), -1).astype(float)
    together = np.rint(committed @ committed.T).astype(int)
    places = list(combinations(range(len(order)), 2))
    names = [(order[first], order[second]) for first, second in places]
    counts = [_discordant(failed[first], failed[second]) for first, second in names]
    first_alone, second_alone, shared = (
        [count[key] for count in counts] for key in ("only_first", "only_second", "shared")
    )
    needed = least_discordant_each([tested[frozenset(pair)].p for pair in names])
    enough = pairs_needed(first_alone, second_alone, shared, ALPHA / max(1, len(names))).tolist()
    return [
        Pair(
            first=order[first],
            second=order[second],
            **counts[index],
            undecided=int(together[first, second]) - counts[index]["shared"],
            unlearnt_first=int(unlearnt[first, second]),
            unlearnt_second=int(unlearnt[second, first]),
            failing=tested[frozenset(names[index])],
            learning=learning[frozenset(names[index])],
            needed=needed[index],
            enough=enough[index],
        )
        for index, (first, second) in enumerate(places)
    ]


def _failed(verdict: Verdict) -> bool:
    return verdict.failed


def _not_learnt(verdict: Verdict) -> bool:
    return verdict.outcome == NOT_LEARNT


def _coded(evidence: Evidence, normalizers: Sequence[str], counts: Callable[[Verdict], bool]) -> Outcomes:
    """Return whether trials count; of undecided ones ``UNDECIDED``."""
    found = np.full((len(normalizers), len(evidence.groups), evidence.seeds), np.nan)
    for row, normalizer in enumerate(normalizers):
        for column, group in enumerate(evidence.groups):
            for result in evidence.of(group, normalizer):
                verdict = result.verdict
                found[row, column, result.seed] = counts(verdict) if verdict.decided else UNDECIDED
    return found


def _decided(coded: Outcomes) -> Outcomes:
    return np.where(coded == UNDECIDED, np.nan, coded)


def _alone(values: Outcomes) -> NDArray[np.int64]:
    """Return in how many pairs of trials only the one counts, and the other does not: [normalizers, normalizers]."""
    flat = values.reshape(len(values), -1)
    return np.rint((flat == 1).astype(float) @ (flat == 0).astype(float).T).astype(np.int64)


def _tested(evidence: Evidence, normalizers: Sequence[str], coded: Outcomes) -> Iterator[tuple[frozenset[str], Tested]]:
    """Yield the pairs of normalizers, and what the tests say of them.

    Args:
        evidence: Whose plan says how it is tested.
        normalizers: Labels.
        coded: Of :func:`_coded`.
    """
    first, second = (
        np.array([pair[side] for pair in combinations(range(len(normalizers)), 2)], int) for side in (0, 1)
    )
    p_values, leans, alones = [], [], []
    for code in (1.0, 0.0) if (coded == UNDECIDED).any() else (0.0,):
        alone = _alone(np.where(coded == UNDECIDED, code, coded))
        one, other = alone[first, second], alone[second, first]
        p_values.append(mcnemar_many(one, other))  # what claim_p returns for each
        leans.append(np.sign(one - other))
        alones.append(np.stack([one, other], axis=1).tolist())
    agreed = leans[0] == leans[-1]
    raw = np.where(agreed, np.maximum(p_values[0], p_values[-1]), 1.0).tolist()
    lean = np.where(agreed, leans[0], 0).tolist()
    names = [(normalizers[one], normalizers[other]) for one, other in zip(first, second, strict=True)]
    family = [index for index, pair in enumerate(names) if evidence.plan.get("baseline") in pair]
    to_baseline = dict(zip(family, holm([raw[index] for index in family]), strict=True))
    sequential = evidence.sequential
    test = None if sequential is None else sequential.test
    since = {} if test is None else _since(evidence, normalizers, coded)
    for index, ((one, other), holm_p) in enumerate(zip(names, holm(raw), strict=True)):
        more, separated = ("", one, other)[lean[index]], None
        if (one, other) in since:
            separated, more = since[one, other]
        ways = tuple((b, a) if more == other else (a, b) for a, b in (alones[0][index], alones[-1][index]))
        yield frozenset((one, other)), Tested(more, ways, raw[index], holm_p, to_baseline.get(index), test, separated)


def _since(evidence: Evidence, normalizers: Sequence[str], coded: Outcomes) -> dict[tuple[str, str], tuple[int, str]]:
    """Return the pairs that the test of sequential seeds separates: after how many seeds, and which one has more."""
    if evidence.sequential is None:
        return {}
    found = compare(coded, evidence.sequential.rule(list(normalizers)))
    return {
        (normalizers[item.first], normalizers[item.second]): (item.separated, normalizers[item.worse])
        for item in found
        if item.separated is not None and item.worse is not None
    }


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
