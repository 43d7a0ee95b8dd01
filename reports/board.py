"""The leaderboard's numbers: a row for every normalizer, every pair of them compared, and every cell counted."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import combinations

from harness.intervals import rate_interval
from harness.stability import METHOD_ERROR
from harness.stability.detectors import DETECTORS
from reports.evidence import Evidence, Group, Protocol, Result
from reports.statistics import (
    ALPHA,
    holm,
    least_discordant,
    mcnemar,
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
        p: McNemar's exact p-value.
        holm_p: The same, corrected for all pairs of normalizers.
        needed: Discordant pairs, all one way, that could separate the two.
        groups_first: In how many groups of cells the first failed more often.
        groups_second: In how many the second did.
    """

    first: str
    second: str
    shared: int
    only_first: int
    only_second: int
    p: float
    holm_p: float
    needed: int
    groups_first: int
    groups_second: int

    @property
    def significant(self) -> bool:
        """Whether the two are separated."""
        return self.holm_p <= ALPHA

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


def representative(evidence: Evidence, group: Group, normalizer: str) -> Result | None:
    """Return the trial of median final quality, failures being worst; the better one of two in the middle."""
    results = evidence.of(group, normalizer)
    sign = 1 if group.protocol.better == "lower" else -1

    def badness(result: Result) -> tuple[bool, bool, float, int]:
        unknown = not math.isfinite(result.quality)
        return result.verdict.failed, unknown, 0.0 if unknown else sign * result.quality, result.seed

    return sorted(results, key=badness)[(len(results) - 1) // 2] if results else None


def _cell_row(evidence: Evidence, group: Group, normalizer: str) -> CellRow:
    results = evidence.of(group, normalizer)
    failed = sum(result.verdict.failed for result in results)
    low, high = rate_interval(failed, len(results))
    rate = failed / len(results) if results else math.nan
    count = Count(failed, len(results), evidence.seeds, rate, low, high, _modes(results))
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


def _pairs(evidence: Evidence, order: list[str]) -> list[Pair]:
    tables = [(first, second, _discordant(evidence, first, second)) for first, second in combinations(order, 2)]
    raw = [mcnemar(sum(b for _, b, _ in table), sum(c for _, _, c in table)) for _, _, table in tables]
    return [
        Pair(
            first=first,
            second=second,
            shared=sum(shared for shared, _, _ in table),
            only_first=sum(b for _, b, _ in table),
            only_second=sum(c for _, _, c in table),
            p=raw[index],
            holm_p=holm_p,
            needed=least_discordant(raw, index),
            groups_first=sum(b > c for _, b, c in table),
            groups_second=sum(c > b for _, b, c in table),
        )
        for index, ((first, second, table), holm_p) in enumerate(zip(tables, holm(raw), strict=True))
    ]


def _discordant(evidence: Evidence, first: str, second: str) -> list[tuple[int, int, int]]:
    """Return for each group: shared pairs, those in which only the first failed, those in which only the second did."""
    table = []
    for group in evidence.groups:
        a, b = ({item.seed: item.verdict.failed for item in evidence.of(group, name)} for name in (first, second))
        shared = a.keys() & b.keys()
        table.append((len(shared), sum(a[seed] and not b[seed] for seed in shared),
                      sum(b[seed] and not a[seed] for seed in shared)))  # fmt: skip
    return table
