"""Every measure of quality, where trials have more than the one that they are ranked by."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ganbench.harness.statistics import median_failures_worst
from ganbench.reports.board import Board
from ganbench.reports.evidence import Evidence, QualityProtocol, Result


@dataclass(frozen=True)
class MeasureRow:
    """What a normalizer's trials measured.

    Attributes:
        normalizer: Its label.
        failed: How many of its trials failed, in the settings that its row of the leaderboard speaks of.
        trials: How many there are.
        medians: Of each measure, the median of the last evaluation over all trials.
    """

    normalizer: str
    failed: int
    trials: int
    medians: tuple[float, ...]


@dataclass(frozen=True)
class MeasureTable:
    """The measures of one protocol.

    Attributes:
        title: The data set, and what else tells the protocol from others.
        measures: Key and direction (``"lower"`` or ``"higher"`` is better) of each column.
        rows: In the order of the leaderboard.
    """

    title: str
    measures: tuple[tuple[str, str], ...]
    rows: tuple[MeasureRow, ...]


def measure_tables(evidence: Evidence, board: Board) -> list[MeasureTable]:
    """Return a table for each protocol that has several measures.

    Unlike the leaderboard's own column, in which a failed trial is worse than any number, a trial that failed counts with
    what it measured: here one looks up what failing looks like. Only what could not be measured, because samples were not
    finite or the method could not run, is worse than any number.
    """
    return [
        MeasureTable(
            protocol.title.replace(protocol.measure, "").strip(" ·") or protocol.dataset,
            protocol.measures,
            tuple(_row(evidence, board, protocol, row.normalizer) for row in board.all_rows),
        )
        for protocol in evidence.protocols
        if len(protocol.measures) > 1
    ]


def _row(evidence: Evidence, board: Board, protocol: QualityProtocol, normalizer: str) -> MeasureRow:
    groups = [group for group in board.standing.settings_of(normalizer, evidence) if group.protocol == protocol]
    results = [result for group in groups for result in evidence.of(group, normalizer)]
    medians = tuple(_median(results, key, better) for key, better in protocol.measures)
    return MeasureRow(normalizer, sum(result.verdict.failed for result in results), len(results), medians)


def _median(results: list[Result], key: str, better: str) -> float:
    # NaN says that nobody could compute it, on whatever samples: that is nobody's failure.
    values = [value for result in results if not math.isnan(value := result.measured.get(key, math.nan))]
    worst = sum(math.isinf(value) for value in values) + sum(not result.measured for result in results)
    finite = [value for value in values if math.isfinite(value)]
    return median_failures_worst(finite, worst, better)
