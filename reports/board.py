"""The leaderboard's numbers: a row for every normalizer, every pair of them compared, and every cell counted."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harness.intervals import rate_interval
from harness.sequential import compare
from harness.stability import METHOD_ERROR
from harness.stability.detectors import DETECTORS
from reports.evidence import Evidence, Group, Protocol, Result
from reports.statistics import (
    ALPHA,
    holm,
    least_discordant_each,
    mcnemar_many,
    mean_rate,
    median_failures_worst,
    rank_intervals,
)

MODES = (*DETECTORS, METHOD_ERROR)
"""Every way to fail, in the order of the tables."""


@dataclass(frozen=True)
class Count:
    """How many of some trials failed.

    Attributes:
        unstable: Failed trials; a method that cannot run is not stable.
        trials: Committed trials.
        planned: Planned trials.
        rate: The instability rate; nan without trials.
        low: Lower end of its interval.
        high: Upper end.
        modes: How often each failure mode was found; one trial can have several.
    """

    unstable: int
    trials: int
    planned: int
    rate: float
    low: float
    high: float
    modes: dict[str, int]

    @property
    def missing(self) -> int:
        """Planned trials that are not committed. They are in neither number of the rate."""
        return self.planned - self.trials


@dataclass(frozen=True)
class Row:
    """What the leaderboard says about a normalizer.

    Attributes:
        normalizer: Its label.
        count: Over all cells; the rate is the mean of the cells' rates.
        rank: The ranks that it may have, 1 being the most stable.
        quality: By protocol, the median over all trials with failures worst.
    """

    normalizer: str
    count: Count
    rank: tuple[int, int]
    quality: dict[Protocol, float]


@dataclass(frozen=True)
class CellRow:
    """What is said about one cell.

    Attributes:
        group: The cell's group.
        normalizer: Its normalizer.
        count: Over its seeds.
        quality: The median with failures worst.
    """

    group: Group
    normalizer: str
    count: Count
    quality: float


@dataclass(frozen=True)
class Pair:
    """Two normalizers on the trials that they share.

    Attributes:
        first: Label; the one that comes first in the table.
        second: Label of the other.
        shared: Pairs of trials with the same seed and everything else equal.
        only_first: Pairs in which only the first failed.
        only_second: Pairs in which only the second failed.
        p: McNemar's exact test, pooled over groups, see ``reports.statistics.claim_p``.
        holm_p: The same, corrected for all pairs of normalizers.
        baseline_p: The same, corrected for the comparisons with the baseline; None where neither is the baseline.
        needed: Discordant pairs, all one way, that could separate the two.
        groups_first: In how many groups of cells the first failed more often.
        groups_second: In how many the second did.
        test: The test of sequential seeds that decides in place of the p-values, which do not allow for its looks; or
            None.
        separated: After how many seeds that test found that they differ; None where it did not.
    """

    first: str
    second: str
    shared: int
    only_first: int
    only_second: int
    p: float
    holm_p: float
    baseline_p: float | None
    needed: int
    groups_first: int
    groups_second: int
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

    @property
    def better(self) -> str:
        """The one that failed alone less often."""
        return self.second if self.only_first > self.only_second else self.first

    @property
    def worse(self) -> str:
        """The other one."""
        return self.first if self.only_first > self.only_second else self.second


@dataclass(frozen=True)
class Board:
    """All numbers of a page.

    Attributes:
        rows: Sorted by instability rate, then by name; those without trials last.
        pairs: All pairs of normalizers, the surest first.
        cells: All cells, in the plan's order.
    """

    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    cells: tuple[CellRow, ...]


def build(evidence: Evidence) -> Board:
    """Compute everything that the tables say."""
    cells = tuple(_cell_row(evidence, group, normalizer) for group in evidence.groups for normalizer in group.cells)
    counts = {name: _overall([cell.count for cell in cells if cell.normalizer == name])
              for name in evidence.normalizers}  # fmt: skip
    order = sorted(counts, key=lambda name: (math.isnan(counts[name].rate), counts[name].rate, name))
    if order and math.isnan(counts[order[0]].rate):
        order = sorted(order)  # nan does not sort
    pairs = _pairs(evidence, order)
    places = {name: place for place, name in enumerate(order)}
    ranks = rank_intervals(
        len(order), [(places[pair.better], places[pair.worse]) for pair in pairs if pair.significant]
    )
    quality = {name: {item: _quality(evidence, item, name) for item in evidence.protocols} for name in order}
    rows = tuple(Row(name, counts[name], ranks[places[name]], quality[name]) for name in order)
    return Board(rows, tuple(sorted(pairs, key=lambda pair: (pair.holm_p, pair.p))), cells)


def ranked(results: list[Result], protocol: Protocol) -> list[Result]:
    """Return a cell's trials from the best final quality to the worst, failures being worst."""
    sign = 1 if protocol.better == "lower" else -1

    def badness(result: Result) -> tuple[bool, bool, float, int]:
        unknown = not math.isfinite(result.quality)
        return result.verdict.failed, unknown, 0.0 if unknown else sign * result.quality, result.seed

    return sorted(results, key=badness)


def representative(evidence: Evidence, group: Group, normalizer: str) -> Result | None:
    """Return the trial of median final quality, failures being worst; the better one of two in the middle."""
    results = ranked(evidence.of(group, normalizer), group.protocol)
    return results[(len(results) - 1) // 2] if results else None


def _cell_row(evidence: Evidence, group: Group, normalizer: str) -> CellRow:
    results = evidence.of(group, normalizer)
    failed = sum(result.verdict.failed for result in results)
    low, high = rate_interval(failed, len(results))
    rate = failed / len(results) if results else math.nan
    planned = evidence.wanted[group.cells[normalizer]]
    count = Count(failed, len(results), planned, rate, low, high, _modes(results))
    return CellRow(group, normalizer, count, _median(results, group.protocol))


def _overall(counts: list[Count]) -> Count:
    rate, low, high = mean_rate([(count.unstable, count.trials) for count in counts])
    return Count(
        unstable=sum(count.unstable for count in counts),
        trials=sum(count.trials for count in counts),
        planned=sum(count.planned for count in counts),
        rate=rate,
        low=low,
        high=high,
        modes={mode: sum(count.modes[mode] for count in counts) for mode in MODES},
    )


def _modes(results: list[Result]) -> dict[str, int]:
    found = Counter(mode for result in results for mode in set(result.verdict.modes))
    return {mode: found[mode] for mode in MODES}


def _quality(evidence: Evidence, protocol: Protocol, normalizer: str) -> float:
    groups = [group for group in evidence.groups if group.protocol == protocol]
    return _median([result for group in groups for result in evidence.of(group, normalizer)], protocol)


def _median(results: list[Result], protocol: Protocol) -> float:
    values = [item.quality for item in results if not item.verdict.failed and math.isfinite(item.quality)]
    return median_failures_worst(values, sum(item.verdict.failed for item in results), protocol.better)


def outcomes(evidence: Evidence, normalizers: list[str]) -> NDArray[np.float64]:
    """Return who failed: [normalizers, groups, seeds], 1 failed, 0 stable, nan missing."""
    found = np.full((len(normalizers), len(evidence.groups), evidence.seeds), np.nan)
    for row, normalizer in enumerate(normalizers):
        for column, group in enumerate(evidence.groups):
            for result in evidence.of(group, normalizer):
                found[row, column, result.seed] = result.verdict.failed
    return found


def _pairs(evidence: Evidence, order: list[str]) -> list[Pair]:
    failed = dict(zip(order, outcomes(evidence, order), strict=True))
    names = list(combinations(order, 2))
    counts = [_discordant(failed[first], failed[second]) for first, second in names]
    raw = mcnemar_many(
        [count["only_first"] for count in counts], [count["only_second"] for count in counts]
    ).tolist()  # what claim_p returns for each
    family = [index for index, pair in enumerate(names) if evidence.plan.get("baseline") in pair]
    to_baseline = dict(zip(family, holm([raw[index] for index in family]), strict=True))
    needed = least_discordant_each(raw)
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
            test=None if decided is None or evidence.sequential is None else evidence.sequential.test,
            separated=None if decided is None else decided.get(frozenset((first, second))),
        )
        for index, ((first, second), holm_p) in enumerate(zip(names, holm(raw), strict=True))
    ]


def _decided(evidence: Evidence, order: list[str]) -> dict[frozenset[str], int | None] | None:
    """Return since which seed the test of sequential seeds separates each pair; None where no such test was used."""
    sequential = evidence.sequential
    if sequential is None or sequential.test is None:
        return None
    found = compare(outcomes(evidence, order), sequential.rule(order))
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
        "groups_first": (groups > 0).sum(),
        "groups_second": (groups < 0).sum(),
    }
    return {name: int(number) for name, number in counts.items()}
