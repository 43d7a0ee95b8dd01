"""How often a normalizer failed in one ledger and in another, and whether the change is more than noise.

Rates are compared on cells that take each other's place. Trials that share their random streams (cells that differ in
nothing but the normalizer's own specification, one suite's seed, one seed) are pairs, and McNemar's exact test is taken
over them; those that share nothing are compared by Boschloo's, or by Fisher's where there are many. All tests together are
corrected by Holm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganbench.harness.canonical import digest
from ganbench.harness.statistics import (
    ALPHA,
    RiskDifference,
    holm,
    least_discordant,
    mcnemar,
    risk_difference,
    seeds_needed,
)
from ganbench.harness.statistics.intervals import rate_interval
from ganbench.harness.statistics.unpaired import rate_difference, unpaired_p, unpaired_test
from ganbench.reports.board.counting import Count
from ganbench.reports.differences.plan_changes import CellPair
from ganbench.reports.differences.sides import Side, alike
from ganbench.reports.evidence import Result

PAIRED = "McNemar"

SUPPOSED = 0.2
"""The change that the seeds needed are said for where two rates are equal."""

_Outcomes = tuple[tuple[bool, ...], tuple[bool, ...]]
"""Who failed in one cell, in the first and in the second ledger, by seed."""


@dataclass(frozen=True)
class RateComparison:
    """A normalizer's trials in one ledger against those in the other.

    Attributes:
        normalizer: Its label.
        test: ``"McNemar"`` on pairs, ``"Boschloo"`` or ``"Fisher"`` on trials that share nothing.
        cells: On how many cells.
        first: Failures of the first's trials that are compared.
        second: Of the second's.
        change: Second rate minus first, with its interval.
        equal: Of pairs, how many are the same training, bit for bit, with the same verdict.
        only_first: Of pairs, how many failed in the first only.
        only_second: In the second only.
        p: Two-sided p-value.
        holm_p: Corrected for all comparisons.
        needed: Of pairs, the discordant ones, all one way, that could show a change.
        supposed: Two rates: the observed ones, or where these are equal others that are as far apart as ``SUPPOSED``.
        seeds: Seeds per cell that would tell these rates apart with a power of 80 %: if failures are nested, and if they
            are independent; None for more than any sweep has.
    """

    normalizer: str
    test: str
    cells: int
    first: Count
    second: Count
    change: RiskDifference
    equal: int
    only_first: int
    only_second: int
    p: float
    holm_p: float
    needed: int
    supposed: tuple[float, float]
    seeds: tuple[int | None, int | None]

    @property
    def significant(self) -> bool:
        """Whether the change is more than noise."""
        return self.holm_p <= ALPHA

    @property
    def identical(self) -> bool:
        """Whether nothing was left to noise: every pair is the same training."""
        return self.test == PAIRED and self.equal == self.first.trials > 0


@dataclass(frozen=True)
class Standing:
    """A normalizer's place in a leaderboard.

    Attributes:
        count: Over all cells.
        rank: The ranks that it may have.
        among: Of how many normalizers.
    """

    count: Count
    rank: tuple[int, int]
    among: int


@dataclass(frozen=True)
class NormalizerChange:
    """What is said of one normalizer.

    Attributes:
        normalizer: Its label.
        before: Its place in the first leaderboard; None if it is new.
        after: In the second; None if it vanished.
        comparisons: On the cells of both: none, one, or two where some trials share their streams and others do not.
    """

    normalizer: str
    before: Standing | None
    after: Standing | None
    comparisons: tuple[RateComparison, ...]


@dataclass(frozen=True)
class _Raw:
    """A comparison before it is corrected: for each cell the failures of both sides, by seed."""

    normalizer: str
    cells: tuple[_Outcomes, ...]
    equal: int = 0
    paired: bool = True

    def table(self) -> tuple[int, int, int, int]:
        """Return failures and trials of both sides."""
        first = [failed for cell, _ in self.cells for failed in cell]
        second = [failed for _, cell in self.cells for failed in cell]
        return sum(first), len(first), sum(second), len(second)

    def discordant(self) -> tuple[int, int, int, int]:
        """Return the pairs in which both failed, only the first, only the second, and neither."""
        pairs = [pair for first, second in self.cells for pair in zip(first, second, strict=True)]
        return (
            pairs.count((True, True)),
            pairs.count((True, False)),
            pairs.count((False, True)),
            pairs.count((False, False)),
        )

    def p(self) -> float:
        """Return the p-value of the claim that the rates differ."""
        if not self.paired:
            return unpaired_p(*self.table())
        _, only_first, only_second, _ = self.discordant()
        return mcnemar(only_first, only_second)


def normalizer_changes(first: Side, second: Side, pairs: Sequence[CellPair]) -> tuple[NormalizerChange, ...]:
    """Compare every normalizer of two ledgers.

    Args:
        first: The one ledger.
        second: The other.
        pairs: The cells that take each other's place.

    Returns:
        In the order of the second leaderboard; those that vanished last.
    """
    before, after = _standings(first), _standings(second)
    order = [*after, *(name for name in before if name not in after)]
    raw = [item for name in order for item in _raw(first, second, name, pairs)]
    p_values = [item.p() for item in raw]
    compared: dict[str, list[RateComparison]] = {}
    for index, (item, holm_p) in enumerate(zip(raw, holm(p_values), strict=True)):
        found = _comparison(item, p_values, index, holm_p)
        compared.setdefault(item.normalizer, []).append(found)
    return tuple(
        NormalizerChange(name, before.get(name), after.get(name), tuple(compared.get(name, []))) for name in order
    )


def _standings(side: Side) -> dict[str, Standing]:
    rows = side.board.rows
    return {row.normalizer: Standing(row.count, row.rank, len(rows)) for row in rows}


def _raw(first: Side, second: Side, normalizer: str, pairs: Sequence[CellPair]) -> list[_Raw]:
    """Return a normalizer's pairs of trials, and its trials that share nothing; what is empty is left out."""
    paired: list[_Outcomes] = []
    unpaired: list[_Outcomes] = []
    equal = 0
    for pair in pairs:
        if pair.first["normalizer"] != normalizer:
            continue
        ours, theirs = first.results_of(pair.first), second.results_of(pair.second)
        seeds = sorted(ours.keys() & theirs.keys())
        if seeds and _streams(first, pair.first) == _streams(second, pair.second):
            paired.append((_failed(ours, seeds), _failed(theirs, seeds)))
            equal += sum(alike((first, ours[seed]), (second, theirs[seed])) for seed in seeds)
        elif ours and theirs:
            unpaired.append((_failed(ours, sorted(ours)), _failed(theirs, sorted(theirs))))
    found = [_Raw(normalizer, tuple(paired), equal)] if paired else []
    return [*found, *([_Raw(normalizer, _balanced(unpaired), paired=False)] if unpaired else [])]


def _failed(results: Mapping[int, Result], seeds: Sequence[int]) -> tuple[bool, ...]:
    return tuple(results[seed].verdict.failed for seed in seeds)


def _streams(side: Side, cell: Any) -> tuple[str, Any]:
    """Return what a trial's random streams depend on, beside its seed (``Cell.group``)."""
    return digest({key: value for key, value in cell["spec"].items() if key != "normalizer"}), side.plan.get("seed")


def _balanced(cells: Sequence[_Outcomes]) -> tuple[_Outcomes, ...]:
    """Return the trials of cells that weigh the same on both sides, so that pooling them compares like with like."""
    sizes = [(len(first), len(second)) for first, second in cells]
    a, b = sizes[0]
    if all(one * b == other * a for one, other in sizes):
        return tuple(cells)
    return tuple((first[: min(size)], second[: min(size)]) for (first, second), size in zip(cells, sizes, strict=True))


def _comparison(raw: _Raw, p_values: Sequence[float], index: int, holm_p: float) -> RateComparison:
    failed, trials, later, others = raw.table()
    both, only_first, only_second, neither = raw.discordant() if raw.paired else (0, 0, 0, 0)
    if raw.paired:
        change = risk_difference(both, only_second, only_first, neither)
    else:
        change = rate_difference(later, others, failed, trials)
    supposed = _supposed(failed / trials, later / others)
    level = ALPHA / len(p_values)
    seeds = [
        seeds_needed(*supposed, nested=nested, cells=len(raw.cells), alpha=level) for nested in (raw.paired, False)
    ]
    return RateComparison(
        normalizer=raw.normalizer,
        test=PAIRED if raw.paired else unpaired_test(trials, others),
        cells=len(raw.cells),
        first=_count(failed, trials),
        second=_count(later, others),
        change=change,
        equal=raw.equal,
        only_first=only_first,
        only_second=only_second,
        p=p_values[index],
        holm_p=holm_p,
        needed=least_discordant(p_values, index) if raw.paired else 0,
        supposed=supposed,
        seeds=(seeds[0], seeds[1]),
    )


def _supposed(first: float, second: float) -> tuple[float, float]:
    if first != second:
        return first, second
    return first, first + SUPPOSED if first + SUPPOSED <= 1 else first - SUPPOSED


def _count(failed: int, trials: int) -> Count:
    low, high = rate_interval(failed, trials)
    return Count(failed, trials, trials, failed / trials, low, high, {})
