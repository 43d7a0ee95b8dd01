"""The leaderboard's numbers: a row for every normalizer, every pair of them compared, and every cell counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ganbench.harness.stability.verdict import STABLE
from ganbench.harness.statistics import (
    ALPHA,
    kaplan_meier,
    macro_bootstrap,
    median_failures_worst,
    rank_intervals,
    suite_generator,
    tiers,
)
from ganbench.reports.board.comparisons import Pair, compare_all, compare_learning, outcomes
from ganbench.reports.board.conformance import Conformance
from ganbench.reports.board.cost import step_costs
from ganbench.reports.board.counting import Count, count_all, count_cell
from ganbench.reports.board.order import ordered
from ganbench.reports.evidence import Evidence, Group, QualityProtocol, Result

RESAMPLES = 4000
"""Of the seeds, for the chance of being best, which is shown in whole per cents: its standard error is below one."""


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
        low: Lower end of its interval; those of all comparisons with the baseline hold together (Bonferroni).
        high: Upper end.
        p: Corrected for the comparisons with the baseline; None where a test of sequential seeds decides instead.
        significant: Whether the two are separated among these comparisons.
        wins: In how many settings it failed less often than the baseline.
        ties: In how many equally often.
        losses: In how many more often.
    """

    difference: float
    low: float
    high: float
    p: float | None
    significant: bool
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True)
class Row:
    """What the leaderboard says about a normalizer.

    Attributes:
        normalizer: Its label.
        count: Over all cells; the rate is the mean of the cells' rates.
        rank: The ranks that it may have, 1 being the most stable; one that learns significantly more often is not below.
        tiers: The tiers that it belongs to, from 0: no two normalizers of a tier are separated.
        best: Chance of the lowest rate when seeds are drawn anew, in [0, 1]; ties share it.
        change: Against the baseline; None for the baseline itself, and where there is none.
        quality: By protocol.
        lasted: Share of the budget before its trainings failed, the mean of the cells' means; nan without trials.
        cost: Time of a step over that of :attr:`Board.reference`; nan where nobody measured it.
        settings: In how many groups the plan has it.
        datasets: Failed and decided trials by data set, in the plan's order.
        conformance: What ``ganbench check`` says of it, in a few words; empty where nobody checked.
    """

    normalizer: str
    count: Count
    rank: tuple[int, int]
    tiers: tuple[int, ...]
    best: float
    change: Change | None
    quality: dict[QualityProtocol, Quality]
    lasted: float
    cost: float
    settings: int
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
        rows: Sorted by instability rate, then by how often they do not learn, then by name, those without decided trials
            last; but none stands above one that learns significantly more often.
        pairs: All pairs of normalizers, the surest first.
        cells: All cells, in the plan's order.
        reference: The normalizer whose steps the others' times are compared with; None where nobody measured any.
    """

    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    cells: tuple[CellRow, ...]
    reference: str | None


def build(evidence: Evidence, checks: Mapping[str, Conformance] | None = None) -> Board:
    """Compute everything that the tables say.

    Args:
        evidence: The trials.
        checks: What ``ganbench check`` found, by the normalizer's label.
    """
    cells = tuple(_cell_row(evidence, group, normalizer) for group in evidence.groups for normalizer in group.cells)
    by_name: dict[str, list[CellRow]] = {name: [] for name in evidence.normalizers}
    for cell in cells:
        by_name[cell.normalizer].append(cell)
    counts = {name: count_all([cell.count for cell in own], evidence.modes) for name, own in by_name.items()}
    by_rate = sorted(counts, key=lambda name: _place(counts[name], name))
    learning = compare_learning(evidence, by_rate)
    slower = [(found.more, names - {found.more}) for names, found in learning.items() if found.significant]
    order = ordered(by_rate, [(next(iter(quicker)), name) for name, quicker in slower])
    pairs = compare_all(evidence, order, learning)
    places = {name: place for place, name in enumerate(order)}
    apart = [(places[pair.apart[0]], places[pair.apart[1]]) for pair in pairs if pair.apart is not None]
    ranks, groups = rank_intervals(len(order), apart), tiers(len(order), apart)
    best, changes, (reference, costs) = _best(evidence, order), _changes(evidence, pairs), step_costs(evidence)
    rows = tuple(
        Row(
            normalizer=name,
            count=counts[name],
            rank=ranks[place],
            tiers=tuple(index for index, tier in enumerate(groups) if place in tier),
            best=best[place],
            change=changes.get(name),
            quality={item: _quality(evidence, item, name) for item in evidence.protocols},
            lasted=_lasted(evidence, by_name[name]),
            cost=costs[name],
            settings=len(by_name[name]),
            datasets=_datasets(by_name[name]),
            conformance=checks[name].badge(evidence.sources_of(name)) if checks and name in checks else "",
        )
        for place, name in enumerate(order)
    )
    return Board(rows, tuple(sorted(pairs, key=lambda pair: (pair.holm_p, pair.p))), cells, reference)


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


def _place(count: Count, name: str) -> tuple[bool, float, float, str]:
    if not count.decided:
        return True, 0.0, 0.0, name  # nan does not sort
    return False, count.rate, count.not_learnt_rate, name


def _cell_row(evidence: Evidence, group: Group, normalizer: str) -> CellRow:
    results = evidence.of(group, normalizer)
    count = count_cell(results, evidence.wanted[group.cells[normalizer]], evidence.modes)
    since = sorted(step for result in results if (step := result.verdict.failed_at) is not None)
    return CellRow(group, normalizer, count, _median(results, group.protocol), tuple(since))


def _best(evidence: Evidence, order: Sequence[str]) -> list[float]:
    generator = suite_generator(str(evidence.plan.get("hash", evidence.plan["suite"])))
    found = macro_bootstrap(outcomes(evidence, order), generator, draws=RESAMPLES)
    return [float(chance) for chance in found.best]


def _changes(evidence: Evidence, pairs: Sequence[Pair]) -> Mapping[str, Change]:
    baseline = evidence.plan.get("baseline")
    family = [pair for pair in pairs if baseline in (pair.first, pair.second)]
    return {
        pair.second if pair.first == baseline else pair.first: _change(pair, len(family), first=pair.first == baseline)
        for pair in family
    }


def _change(pair: Pair, family: int, *, first: bool) -> Change:
    """Return the change of a pair's other normalizer to the baseline, which is its first one or its second."""
    found = pair.difference(ALPHA / family)
    value, low, high = (-found.value, -found.high, -found.low) if first else (found.value, found.low, found.high)
    wins, losses = (pair.groups_first, pair.groups_second) if first else (pair.groups_second, pair.groups_first)
    return Change(
        difference=value,
        low=low,
        high=high,
        p=pair.baseline_p if pair.test is None else None,
        significant=pair.significant_to_baseline if pair.test is None else pair.significant,
        wins=wins,
        ties=pair.groups_level,
        losses=losses,
    )


def _quality(evidence: Evidence, protocol: QualityProtocol, normalizer: str) -> Quality:
    groups = [group for group in evidence.groups if group.protocol == protocol]
    results = [result for group in groups for result in evidence.of(group, normalizer)]
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
