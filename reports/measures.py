"""Every measure of quality, where trials have more than the one that they are ranked by."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports.board import Board
from reports.evidence import Evidence, Protocol
from reports.statistics import median_failures_worst


@dataclass(frozen=True)
class MeasureTable:
    """The measures of one protocol.

    Attributes:
        title: The data set, and what else tells the protocol from others.
        measures: Key and direction (``"lower"`` or ``"higher"`` is better) of each column.
        rows: Normalizer, and the median of each measure over all its trials, failures being worst.
    """

    title: str
    measures: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]


def measure_tables(evidence: Evidence, board: Board) -> list[MeasureTable]:
    """Return a table for each protocol that has several measures; rows in the order of the leaderboard."""
    return [
        MeasureTable(
            protocol.title.replace(protocol.measure, "").strip(" ·") or protocol.dataset,
            protocol.measures,
            tuple((row.normalizer, _medians(evidence, protocol, row.normalizer)) for row in board.rows),
        )
        for protocol in evidence.protocols
        if len(protocol.measures) > 1
    ]


def _medians(evidence: Evidence, protocol: Protocol, normalizer: str) -> tuple[float, ...]:
    groups = [group for group in evidence.groups if group.protocol == protocol]
    results = [result for group in groups for result in evidence.of(group, normalizer)]
    failed = sum(result.verdict.failed for result in results)

    def median(key: str, better: str) -> float:
        good = [result.measured.get(key, math.nan) for result in results if not result.verdict.failed]
        values = [value for value in good if math.isfinite(value)]
        # What nobody measured is not a failure, however many trials failed.
        measured = values or any(math.isfinite(result.measured.get(key, math.nan)) for result in results)
        return median_failures_worst(values, failed, better) if measured else math.nan

    return tuple(median(key, better) for key, better in protocol.measures)
