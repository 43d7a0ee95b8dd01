"""Normalizers two by two, on the trials that they share: which fails less often, and which learns more often.

A claim is made on one of two levels. *In these settings*: seeds are paired within settings, and the claim is about these
very settings. *On settings like these*: settings are the blocks, and the claim is about the population that they were
drawn from; it needs the first one, too.

An undecided trial may be either. What is claimed of two normalizers holds with the undecided trials of both counted as
failed (or as not learnt) and with those of both counted as stable, and the decided pairs lean to the same side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
    sign_flip_many,
)
from ganbench.harness.statistics.sequential import UNDECIDED, compare
from ganbench.reports.board.standing import Standing
from ganbench.reports.evidence import Evidence

Outcomes = NDArray[np.float64]
"""[normalizers, groups, seeds]: 1 failed (or not learnt), 0 not, nan missing."""


@dataclass(frozen=True)
class Tested:
    """What the tests say of two normalizers.

    Attributes:
        more: The one that has more (failures, or trials that did not learn), whichever way the undecided trials are
            counted, and if they are left out; empty where the two are level or that depends on the undecided.
        ways: Of all pairs, in how many only that one has it and in how many only the other: with the undecided trials of
            both counted as having it, and as not having it.
        p: McNemar's exact test, pooled over settings: the larger one of both ways to count the undecided, and 1 where
            they disagree on the direction.
        holm_p: The same, corrected for all pairs of normalizers.
        settings: How many settings they share.
        settings_p: The sign-flip test with settings as blocks, likewise.
        settings_holm_p: The same, corrected for all pairs.
        test: The test of sequential seeds that decides in place of McNemar's, which does not allow for its looks; or None.
        separated: After how many seeds that test found that they differ; None where it did not.
        turns: Whether planned trials that are missing could take the claim back, on the level on which it is made, if the
            settings of the order stay what they are. They may be missing because of what would have become of them.
    """

    more: str
    ways: tuple[tuple[int, int], ...]
    p: float
    holm_p: float
    settings: int
    settings_p: float
    settings_holm_p: float
    test: str | None = None
    separated: int | None = None
    turns: bool = False

    @property
    def here(self) -> bool:
        """Whether the two are separated in these settings, among all pairs."""
        return self.holm_p <= ALPHA if self.test is None else self.separated is not None

    @property
    def elsewhere(self) -> bool:
        """Whether they are separated on settings like these, too."""
        return self.here and self.settings_holm_p <= ALPHA


@dataclass(frozen=True)
class Pair:
    """Two normalizers on the trials that they share: of two in one order, those of the order's settings.

    Attributes:
        first: Label; of two in one order the one with the lower rate.
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
        needed: Discordant pairs, all one way, that could separate the two in these settings.
        enough: About how many pairs would, if discordant ones went on as they came; may be infinite.
        groups_first: In how many settings the first failed more often.
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
    def significant(self) -> bool:
        """Whether one is more stable in these settings: it fails less often, and does not learn less often."""
        return self.failing.here and not self.mixed

    @property
    def elsewhere(self) -> bool:
        """Whether one is more stable on settings like these."""
        return self.failing.elsewhere and not self.mixed

    @property
    def mixed(self) -> bool:
        """Whether the one that fails significantly less often learns significantly less often, too."""
        return self.failing.here and self.learns_less == self.better

    @property
    def learns_less(self) -> str:
        """The one that learns significantly less often; empty where none does."""
        return self.learning.more if self.learning.here else ""

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
        lower |= {self.worse} if self.failing.here else set()
        if len(lower) != 1:
            return None
        (below,) = lower
        return (self.second if below == self.first else self.first), below

    @property
    def rates(self) -> tuple[float, float]:
        """The rates of the first and of the second over the shared pairs; nan without any."""
        both = [self.both + alone for alone in (self.only_first, self.only_second)]
        first, second = (failed / self.shared if self.shared else float("nan") for failed in both)
        return first, second

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


def compare_all(evidence: Evidence, order: Sequence[str], where: Standing) -> list[Pair]:
    """Compare every pair of normalizers.

    Args:
        evidence: The trials.
        order: The normalizers; of each pair the one that comes first here is its first.
        where: Those that stand in one order, and in which settings.
    """
    sides = np.array(list(combinations(range(len(order)), 2)), int).reshape(-1, 2).T
    allowed = _allowed(evidence, order, where)[:, sides[0], sides[1]]
    coded = {count: _coded(evidence, order, count) for count in (_failed, _not_learnt)}
    failing, learning = (list(_tested(evidence, order, item, sides, allowed)) for item in coded.values())
    failing = _if_mixed(evidence, order, failing, coded[_not_learnt], sides, allowed)
    failed, unlearnt = (_decided(item) for item in coded.values())
    committed = np.isfinite(coded[_failed])
    together = _both(committed, committed, sides, allowed).sum(axis=0).tolist()
    shared = _both(np.isfinite(failed), np.isfinite(failed), sides, allowed)
    only_first, only_second = _alone(failed, failed, sides, allowed)
    both = _both(failed == 1, failed == 1, sides, allowed).sum(axis=0).tolist()
    unlearnt_first, unlearnt_second = (item.sum(axis=0).tolist() for item in _alone(unlearnt, unlearnt, sides, allowed))
    ahead = only_first - only_second
    groups = [(shared > 0) & found for found in (ahead > 0, ahead < 0, ahead == 0)]
    groups_first, groups_second, groups_level = (found.sum(axis=0).tolist() for found in groups)
    counts = [item.sum(axis=0).tolist() for item in (shared, only_first, only_second)]
    needed = least_discordant_each([item.p for item in failing])
    enough = pairs_needed(counts[1], counts[2], counts[0], ALPHA / max(1, len(failing))).tolist()
    return [
        Pair(
            first=order[first],
            second=order[second],
            shared=counts[0][index],
            undecided=together[index] - counts[0][index],
            only_first=counts[1][index],
            only_second=counts[2][index],
            both=both[index],
            unlearnt_first=unlearnt_first[index],
            unlearnt_second=unlearnt_second[index],
            failing=failing[index],
            learning=learning[index],
            needed=needed[index],
            enough=enough[index],
            groups_first=groups_first[index],
            groups_second=groups_second[index],
            groups_level=groups_level[index],
        )
        for index, (first, second) in enumerate(sides.T.tolist())
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


def _allowed(evidence: Evidence, order: Sequence[str], where: Standing) -> NDArray[np.bool_]:
    """Return in which groups two normalizers are compared: [groups, normalizers, normalizers].

    Args:
        evidence: The trials.
        order: The normalizers.
        where: Those that stand in one order, and in which settings.
    """
    settings = {group.title for group in where.settings}
    inside = np.array([group.title in settings for group in evidence.groups], dtype=bool)
    ranked = np.array([name in where.names for name in order], dtype=bool)
    return inside[:, None, None] | ~(ranked[:, None] & ranked)


def _both(
    first: NDArray[np.bool_], second: NDArray[np.bool_], sides: NDArray[np.int_], allowed: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return in how many pairs of trials the one has the first and the other the second: [groups, pairs].

    Args:
        first: [normalizers, groups, seeds].
        second: Likewise.
        sides: [2, pairs] the normalizers of each pair.
        allowed: [groups, pairs] where they are compared.
    """
    one, other = (item.astype(np.float32).swapaxes(0, 1) for item in (first, second))
    found = np.rint(one @ other.swapaxes(1, 2)).astype(np.int64)
    return np.where(allowed, found[:, sides[0], sides[1]], 0)


def _alone(
    first: Outcomes, second: Outcomes, sides: NDArray[np.int_], allowed: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return in how many pairs only the first side has it, and in how many only the second: [groups, pairs] each.

    Args:
        first: Outcomes that count for first sides.
        second: Those that count for second sides; the same ones, unless missing trials are filled in by sides.
        sides: [2, pairs] the normalizers of each pair.
        allowed: [groups, pairs] where they are compared.
    """
    return _both(first == 1, second == 0, sides, allowed), _both(first == 0, second == 1, sides, allowed)


def _tested(
    evidence: Evidence,
    normalizers: Sequence[str],
    coded: Outcomes,
    sides: NDArray[np.int_],
    allowed: NDArray[np.bool_],
) -> Iterator[Tested]:
    """Yield what the tests say of each pair.

    Args:
        evidence: Whose plan says how it is tested.
        normalizers: Labels.
        coded: Of :func:`_coded`.
        sides: [2, pairs] the normalizers of each pair.
        allowed: [groups, pairs] where they are compared.
    """
    p_values, alones, by_settings = [], [], []
    decided = _decided(coded)
    leans = [np.sign(np.subtract(*_alone(decided, decided, sides, allowed)).sum(axis=0))]
    for code in (1.0, 0.0) if (coded == UNDECIDED).any() else (0.0,):
        known = np.where(coded == UNDECIDED, code, coded)
        one, other = _alone(known, known, sides, allowed)
        by_settings.append(sign_flip_many((one - other).T))
        one, other = one.sum(axis=0), other.sum(axis=0)
        p_values.append(mcnemar_many(one, other))
        leans.append(np.sign(one - other))
        alones.append(np.stack([one, other], axis=1).tolist())
    agreed = np.all([lean == leans[0] for lean in leans], axis=0)
    raw, settings_raw = (
        np.where(agreed, np.maximum(found[0], found[-1]), 1.0).tolist() for found in (p_values, by_settings)
    )
    lean = np.where(agreed, leans[0], 0).tolist()
    committed = np.isfinite(coded)
    settings = (_both(committed, committed, sides, allowed) > 0).sum(axis=0).tolist()
    sequential = evidence.sequential
    test = None if sequential is None else sequential.test
    since = {} if test is None else _since(evidence, normalizers, coded, sides, allowed)
    corrected, settings_corrected = holm(raw), holm(settings_raw)
    missing = _planned(evidence, normalizers) & ~np.isfinite(coded)
    # For the claim that the second has more: the first's missing trials have it, the second's have not.
    worst = [
        _if_missing(coded, missing, fill, more, sides, allowed) for more, fill in ((0, (0.0, 1.0)), (1, (1.0, 0.0)))
    ]
    for index, (first, second) in enumerate(sides.T.tolist()):
        one_name, other_name = normalizers[first], normalizers[second]
        more, separated = ("", one_name, other_name)[lean[index]], None
        in_settings = settings_raw[index], settings_corrected[index]
        if (one_name, other_name) in since:
            separated, found = since[one_name, other_name]
            in_settings = in_settings if found == more else (1.0, 1.0)
            more = found
        ways = tuple((b, a) if more == other_name else (a, b) for a, b in (alones[0][index], alones[-1][index]))
        # Other pairs' missing trials could make their p-values larger too, so by the largest factor of Holm's.
        here, beyond = (len(raw) * float(item[index]) > ALPHA for item in worst[more == other_name])
        turns = bool(missing.any()) and more != "" and (here or (in_settings[1] <= ALPHA and beyond))
        yield Tested(more, ways, raw[index], corrected[index], settings[index], *in_settings, test, separated, turns)


def _planned(evidence: Evidence, normalizers: Sequence[str]) -> NDArray[np.bool_]:
    """Return which trials are planned: [normalizers, groups, seeds]."""
    wanted = [
        [evidence.wanted[group.cells[name]] if name in group.cells else 0 for group in evidence.groups]
        for name in normalizers
    ]
    return np.arange(evidence.seeds) < np.array(wanted, dtype=int).reshape(len(wanted), -1, 1)


def _if_missing(
    coded: Outcomes,
    missing: NDArray[np.bool_],
    fill: tuple[float, float],
    more: int,
    sides: NDArray[np.int_],
    allowed: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the p-values of the claim that one side has more, were missing trials known: [pairs], on each level.

    Args:
        coded: Of :func:`_coded`.
        missing: Planned trials that are not there.
        fill: What those of the first and of the second side would be.
        more: Which side is said to have more, 0 or 1; the p-value is 1 where it would not.
        sides: [2, pairs] the normalizers of each pair.
        allowed: [groups, pairs] where they are compared.
    """
    found, in_settings = np.zeros(sides.shape[1]), np.zeros(sides.shape[1])
    for code in (1.0, 0.0, np.nan) if (coded == UNDECIDED).any() else (0.0,):
        known = np.where(coded == UNDECIDED, code, coded)
        one, other = (np.where(missing, value, known) for value in fill)
        ahead, behind = _alone(one, other, sides, allowed)
        ahead, behind = (behind, ahead) if more else (ahead, behind)
        leads = ahead.sum(axis=0) > behind.sum(axis=0)
        if np.isnan(code):  # the decided trials alone need only lean the same way
            found, in_settings = (np.where(leads, item, 1.0) for item in (found, in_settings))
            continue
        p = mcnemar_many(ahead.sum(axis=0), behind.sum(axis=0))
        found = np.maximum(found, np.where(leads, p, 1.0))
        in_settings = np.maximum(in_settings, np.where(leads, sign_flip_many((ahead - behind).T), 1.0))
    return found, in_settings


def _if_mixed(
    evidence: Evidence,
    normalizers: Sequence[str],
    failing: list[Tested],
    unlearnt: Outcomes,
    sides: NDArray[np.int_],
    allowed: NDArray[np.bool_],
) -> list[Tested]:
    """Return what is said of failures; the better one may turn out not to learn where trials of it are missing."""
    missing = _planned(evidence, normalizers) & ~np.isfinite(unlearnt)
    if not missing.any():
        return failing
    less = [
        _if_missing(unlearnt, missing, fill, side, sides, allowed)[0]
        for side, fill in ((0, (1.0, 0.0)), (1, (0.0, 1.0)))
    ]
    better = [int(found.more == normalizers[first]) for found, first in zip(failing, sides[0].tolist(), strict=True)]
    return [
        replace(found, turns=found.turns or (found.more != "" and float(less[side][index]) <= ALPHA))
        for index, (found, side) in enumerate(zip(failing, better, strict=True))
    ]


def _since(
    evidence: Evidence,
    normalizers: Sequence[str],
    coded: Outcomes,
    sides: NDArray[np.int_],
    allowed: NDArray[np.bool_],
) -> Mapping[tuple[str, str], tuple[int, str]]:
    """Return the pairs that the test of sequential seeds separates: after how many seeds, and which one has more."""
    if evidence.sequential is None:
        return {}
    rule, found = evidence.sequential.rule(list(normalizers)), {}
    for where in np.unique(allowed, axis=1).T:  # all groups, and those of the order
        chosen = {tuple(pair) for pair in sides.T[(where == allowed.T).all(axis=1)].tolist()}
        for item in compare(coded[:, where], rule):
            if (item.first, item.second) in chosen and item.separated is not None and item.worse is not None:
                pair = normalizers[item.first], normalizers[item.second]
                found[pair] = item.separated, normalizers[item.worse]
    return found
