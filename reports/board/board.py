"""The leaderboard's numbers: a row for every normalizer, every pair of them compared, and every cell counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ganbench.harness.stability.verdict import STABLE
from ganbench.harness.statistics import (
    ALPHA,
    kaplan_meier,
    median_failures_worst,
    rank_intervals,
    rate_elsewhere,
    tiers,
)
from ganbench.reports.board.comparisons import compare_all
from ganbench.reports.board.conformance import Conformance
from ganbench.reports.board.cost import step_costs
from ganbench.reports.board.counting import Count, count_all, count_cell
from ganbench.reports.board.order import chained, ordered
from ganbench.reports.board.pair import Pair
from ganbench.reports.board.standing import Standing, standing
from ganbench.reports.evidence import Evidence, Group, QualityProtocol, Result


@dataclass(frozen=True)
class Quality:
    """What a normalizer reached in one protocol.

    Attributes:
        all: Median over all trials, where a failed one is worse than any number. One that did not learn, or is undecided,
            has the number that it has.
        stable: Median over those that are stable: what to expect where it works, and no ground for a ranking.
        trials: How many are stable and have a number.
        others: Share of the protocol's trials that are not stable; nan without trials.
    """

    all: float
    stable: float
    trials: int
    others: float


@dataclass(frozen=True)
class Change:
    """How a normalizer's instability differs from the baseline's, over the pairs of trials that they share.

    Attributes:
        difference: Its rate less the baseline's, in [-1, 1]; nan without shared pairs.
        low: Lower end of its interval; those of all pairs of normalizers hold together (Bonferroni).
        high: Upper end.
        p: Corrected for all pairs; None where a test of sequential seeds decides instead.
        significant: Whether the two are separated in these settings.
        mixed: Whether the one that failed significantly less often learns significantly less often, so that they are not.
        wins: In how many settings it failed less often than the baseline.
        ties: In how many equally often.
        losses: In how many more often.
    """

    difference: float
    low: float
    high: float
    p: float | None
    significant: bool
    mixed: bool
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True)
class Row:
    """What the leaderboard says about a normalizer.

    Attributes:
        normalizer: Its label.
        count: Over the settings of the order, or over all its own where it stands apart; the rate is the mean of the
            cells' rates, and its interval is for these very settings. The intervals of all rows hold together.
        elsewhere: The interval of the mean rate on settings like these; those of all rows hold together, too.
        rank: The ranks that it may have in these settings, 1 being the most stable. None where it stands apart.
        tiers: The tiers that it belongs to, from 0: ranks separate no two normalizers of a tier; none where it stands
            apart, and where there are too many.
        change: Against the baseline; None for the baseline itself, and where there is none.
        quality: By protocol.
        lasted: Share of the budget before its trainings failed, the mean of the cells' means; nan without trials.
        cost: Time of a step over that of :attr:`Board.reference`; nan where nobody measured it.
        settings: In how many of the settings that the row speaks of there are trials of it.
        rated: In how many of them there are decided ones: the rate is the mean over these.
        missing: Planned trials of it that are not committed, also in settings that the order leaves out for want of them.
        datasets: Failed and decided trials by data set, in the plan's order.
        conformance: What ``ganbench check`` says of it, in a few words; empty where nobody checked.
    """

    normalizer: str
    count: Count
    elsewhere: tuple[float, float]
    rank: tuple[int, int] | None
    tiers: tuple[int, ...]
    change: Change | None
    quality: dict[QualityProtocol, Quality]
    lasted: float
    cost: float
    settings: int
    rated: int
    missing: int
    datasets: dict[str, tuple[int, int]]
    conformance: str = ""


@dataclass(frozen=True)
class CellRow:
    """What is said about one cell.

    Attributes:
        group: The cell's group.
        normalizer: Its normalizer.
        count: Over its seeds.
        quality: The median with failures worst.
        since: The steps at which its failed trials first failed, rising; a method that could not run has none.
    """

    group: Group
    normalizer: str
    count: Count
    quality: float
    since: tuple[int, ...]


@dataclass(frozen=True)
class Board:
    """All numbers of a page.

    Attributes:
        rows: Of the normalizers in the order: none is above one that is significantly better, or that learns significantly
            more often, but for circles and chains (:attr:`Pair.contradicted`); of the others the one with the lower rate is
            above, undecided trials counting as half a failure, and then the one that learns more often.
        apart: Of the others, in the plan's order: they lack a trial in some of its settings.
        pairs: All pairs of normalizers, the surest first.
        cells: All cells, in the plan's order.
        standing: Who stands in the order, and over which settings.
        reference: The normalizer whose steps the others' times are compared with; None where nobody measured any.
    """

    rows: tuple[Row, ...]
    apart: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    cells: tuple[CellRow, ...]
    standing: Standing
    reference: str | None

    @property
    def all_rows(self) -> tuple[Row, ...]:
        """The rows of the order, and then the others."""
        return self.rows + self.apart

    @cached_property
    def counts(self) -> dict[str, Count]:
        """How often each normalizer failed and did not learn, by its label."""
        return {row.normalizer: row.count for row in self.all_rows}

    @cached_property
    def beaten(self) -> dict[tuple[str, bool], list[str]]:
        """Whom of the order a normalizer fails less often than: by its label, and whether on settings like these."""
        found: dict[tuple[str, bool], list[str]] = {}
        for pair in self.pairs:
            if pair.significant and pair.worse in self.standing.names:
                for elsewhere in (False, True)[: 1 + pair.elsewhere]:
                    found.setdefault((pair.better, elsewhere), []).append(pair.worse)
        return found

    def torn(self, pair: Pair) -> bool:
        """Return whether one is more stable on the trials that two share, and its rate is not the lower one."""
        if not pair.significant:
            return False
        return not self.counts[pair.better].rate < self.counts[pair.worse].rate - 1e-9

    def torn_in_learning(self, pair: Pair) -> bool:
        """Return whether one learns more often on the trials that two share, and its share that did not is not lower."""
        if not pair.learns_less:
            return False
        more, less = self.counts[pair.learns_more], self.counts[pair.learns_less]
        return not more.not_learnt_rate < less.not_learnt_rate - 1e-9


def build(evidence: Evidence, checks: Mapping[str, Conformance] | None = None) -> Board:
    """Compute everything that the tables say.

    Args:
        evidence: The trials.
        checks: What ``ganbench check`` found, by the normalizer's label.
    """
    cells = tuple(_cell_row(evidence, group, normalizer) for group in evidence.groups for normalizer in group.cells)
    where = standing(evidence)
    own = {name: _own_cells(evidence, where, cells, name) for name in evidence.normalizers}
    alpha = ALPHA / max(1, len(where.names))
    counts = {name: count_all([cell.count for cell in found], evidence.modes, alpha) for name, found in own.items()}
    by_rate = sorted(where.names, key=lambda name: _place(counts[name], name))
    pairs = compare_all(evidence, [*by_rate, *where.apart], where)
    order, better = ordered(by_rate, pairs)
    places = {name: place for place, name in enumerate(order)}
    ranks, groups = rank_intervals(len(order), better), tiers(len(order), better)
    changes, (reference, costs) = _changes(evidence, pairs), step_costs(evidence)

    def row(name: str) -> Row:
        place = places.get(name)
        return Row(
            normalizer=name,
            count=counts[name],
            elsewhere=_elsewhere([cell.count for cell in own[name] if cell.count.trials], alpha),
            rank=None if place is None else ranks[place],
            tiers=tuple(index for index, tier in enumerate(groups) if place in tier),
            change=changes.get(name),
            quality={item: _quality(evidence, item, own[name]) for item in evidence.protocols},
            lasted=_lasted(evidence, own[name]),
            cost=costs[name],
            settings=sum(cell.count.trials > 0 for cell in own[name]),
            rated=sum(cell.count.decided > 0 for cell in own[name]),
            missing=sum(cell.count.missing for cell in cells if cell.normalizer == name),
            datasets=_datasets(own[name]),
            conformance=checks[name].badge(evidence.sources_of(name)) if checks and name in checks else "",
        )

    return Board(
        rows=tuple(map(row, order)),
        apart=tuple(map(row, where.apart)),
        pairs=tuple(_surest(chained(pairs, order, better))),
        cells=cells,
        standing=where,
        reference=reference,
    )


def ranked(results: Sequence[Result], protocol: QualityProtocol) -> list[Result]:
    """Return a cell's trials from the best final quality to the worst: failed ones last, equals by their seed."""
    sign = 1 if protocol.better == "lower" else -1

    def badness(result: Result) -> tuple[bool, bool, float, int]:
        unknown = not math.isfinite(result.quality)
        return result.verdict.failed, unknown, 0.0 if unknown else sign * result.quality, result.seed

    return sorted(results, key=badness)


def representative(evidence: Evidence, group: Group, normalizer: str) -> Result | None:
    """Return the trial of median final quality, failures being worst; the better one of two in the middle."""
    results = ranked(evidence.of(group, normalizer), group.protocol)
    return results[(len(results) - 1) // 2] if results else None


def _datasets(cells: Sequence[CellRow]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for cell in cells:
        failed, trials = found.get(cell.group.dataset, (0, 0))
        found[cell.group.dataset] = failed + cell.count.unstable, trials + cell.count.decided
    return found


def _own_cells(evidence: Evidence, where: Standing, cells: Sequence[CellRow], name: str) -> list[CellRow]:
    """Return the cells that a normalizer's row speaks of."""
    titles = {group.title for group in where.settings_of(name, evidence)}
    return [cell for cell in cells if cell.normalizer == name and cell.group.title in titles]


def _place(count: Count, name: str) -> tuple[float, float, str]:
    return count.middle, count.not_learnt_rate if count.decided else 0.0, name  # nan does not sort


def _elsewhere(counts: Sequence[Count], alpha: float) -> tuple[float, float]:
    """Return the interval on settings like these, with all undecided trials counted as stable, and as failed."""
    low, high = ([getattr(count, bound) for count in counts] for bound in ("low_bound", "high_bound"))
    return rate_elsewhere(low, alpha)[0], rate_elsewhere(high, alpha)[1]


def _surest(pairs: Sequence[Pair]) -> list[Pair]:
    return sorted(pairs, key=lambda pair: (pair.failing.holm_p, pair.failing.p))


def _cell_row(evidence: Evidence, group: Group, normalizer: str) -> CellRow:
    results = evidence.of(group, normalizer)
    count = count_cell(results, evidence.wanted[group.cells[normalizer]], evidence.modes)
    since = sorted(step for result in results if (step := result.verdict.failed_at) is not None)
    return CellRow(group, normalizer, count, _median(results, group.protocol), tuple(since))


def _changes(evidence: Evidence, pairs: Sequence[Pair]) -> Mapping[str, Change]:
    baseline = evidence.plan.get("baseline")
    return {
        pair.second if pair.first == baseline else pair.first: _change(pair, len(pairs), first=pair.first == baseline)
        for pair in pairs
        if baseline in (pair.first, pair.second)
    }


def _change(pair: Pair, pairs: int, *, first: bool) -> Change:
    """Return the change of a pair's other normalizer to the baseline, which is its first one or its second."""
    found = pair.difference(ALPHA / pairs)
    value, low, high = (-found.value, -found.high, -found.low) if first else (found.value, found.low, found.high)
    wins, losses = (pair.groups_first, pair.groups_second) if first else (pair.groups_second, pair.groups_first)
    return Change(
        difference=value,
        low=low,
        high=high,
        p=pair.failing.holm_p if pair.failing.test is None else None,
        significant=pair.significant,
        mixed=pair.mixed,
        wins=wins,
        ties=pair.groups_level,
        losses=losses,
    )


def _quality(evidence: Evidence, protocol: QualityProtocol, cells: Sequence[CellRow]) -> Quality:
    own = [cell for cell in cells if cell.group.protocol == protocol]
    results = [result for cell in own for result in evidence.of(cell.group, cell.normalizer)]
    stable = [item for item in results if item.verdict.outcome == STABLE]
    values = [item.quality for item in stable if math.isfinite(item.quality)]
    others = (len(results) - len(stable)) / len(results) if results else math.nan
    return Quality(_median(results, protocol), median_failures_worst(values, 0, protocol.better), len(values), others)


def _median(results: Sequence[Result], protocol: QualityProtocol) -> float:
    values = [item.quality for item in results if not item.verdict.failed and math.isfinite(item.quality)]
    return median_failures_worst(values, sum(item.verdict.failed for item in results), protocol.better)


def _lasted(evidence: Evidence, cells: Sequence[CellRow]) -> float:
    """Return the mean over cells of the restricted mean share of the budget before a failure."""
    means = [_restricted_mean(results) for cell in cells if (results := evidence.of(cell.group, cell.normalizer))]
    return float(np.mean(means)) if means else math.nan


def _restricted_mean(results: Sequence[Result]) -> float:
    shares = [result.lasted for result in results]
    if any(result.lasted < 1 and not result.verdict.failed for result in results):
        return kaplan_meier(shares, [result.verdict.failed for result in results], 1.0).restricted_mean
    return float(np.mean(shares))  # no log ends before its budget, or before a failure
