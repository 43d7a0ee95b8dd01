"""The leaderboard's numbers: a row for every normalizer, every pair of them compared, and every cell counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ganbench.harness.statistics import (
    ALPHA,
    macro_bootstrap,
    median_failures_worst,
    rank_intervals,
    suite_generator,
    tiers,
)
from ganbench.reports.board.comparisons import Pair, compare_all, outcomes
from ganbench.reports.board.conformance import Conformance
from ganbench.reports.board.cost import step_costs
from ganbench.reports.board.counting import Count, count_all, count_cell
from ganbench.reports.evidence import Evidence, Group, QualityProtocol, Result

RESAMPLES = 4000
"""Of the seeds, for the chance of being best, which is shown in whole per cents: its standard error is below one."""


@dataclass(frozen=True)
class Quality:
    """What a normalizer reached in one protocol.

    Attributes:
        all: Median over all trials, where a failed one is worse than any number.
        stable: Median over those that did not fail: what to expect where it works, and no ground for a ranking.
        trials: How many did not fail and have a number.
        failed: Share of the protocol's trials that failed; nan without trials.
    """

    all: float
    stable: float
    trials: int
    failed: float


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
        rank: The ranks that it may have, 1 being the most stable.
        tiers: The tiers that it belongs to, from 0: no two normalizers of a tier are separated.
        best: Chance of the lowest rate when seeds are drawn anew, in [0, 1]; ties share it.
        change: Against the baseline; None for the baseline itself, and where there is none.
        quality: By protocol.
        lasted: Share of the budget for which its trainings were stable, the mean of the cells' means; nan without trials.
        cost: Time of a step over that of :attr:`Board.reference`; nan where nobody measured it.
        settings: In how many groups the plan has it.
        datasets: Failed and committed trials by data set, in the plan's order.
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
        rows: Sorted by instability rate, then by name; those without trials last.
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
    counts = {name: count_all([cell.count for cell in own]) for name, own in by_name.items()}
    order = sorted(counts, key=lambda name: _place(counts[name].rate, name))
    pairs = compare_all(evidence, order)
    places = {name: place for place, name in enumerate(order)}
    apart = [(places[pair.better], places[pair.worse]) for pair in pairs if pair.significant]
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
        found[cell.group.dataset] = failed + cell.count.unstable, trials + cell.count.trials
    return found


def _place(rate: float, name: str) -> tuple[bool, float, str]:
    return math.isnan(rate), 0.0 if math.isnan(rate) else rate, name  # nan does not sort


def _cell_row(evidence: Evidence, group: Group, normalizer: str) -> CellRow:
    results = evidence.of(group, normalizer)
    count = count_cell(results, evidence.wanted[group.cells[normalizer]])
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
    stable = [item.quality for item in results if not item.verdict.failed and math.isfinite(item.quality)]
    failed = sum(item.verdict.failed for item in results) / len(results) if results else math.nan
    return Quality(_median(results, protocol), median_failures_worst(stable, 0, protocol.better), len(stable), failed)


def _median(results: Sequence[Result], protocol: QualityProtocol) -> float:
    values = [item.quality for item in results if not item.verdict.failed and math.isfinite(item.quality)]
    return median_failures_worst(values, sum(item.verdict.failed for item in results), protocol.better)


def _lasted(evidence: Evidence, cells: Sequence[CellRow]) -> float:
    """Return the mean over cells of the restricted mean share: no trial is censored before its budget, so it is a mean."""
    shares = [[result.lasted for result in evidence.of(cell.group, cell.normalizer)] for cell in cells]
    return float(np.mean([np.mean(share) for share in shares if share])) if any(shares) else math.nan
