"""The first table as data: the columns of ``leaderboard.csv``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.board import MODES, Board
from reports.evidence import Evidence

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "normalizer",
    "trials",
    "unstable",
    "instability_rate",
    "ci_low",
    "ci_high",
    "rank_low",
    "rank_high",
    "missing",
    *MODES,
)
"""Then follows a column of quality for each protocol."""


def table(evidence: Evidence, board: Board) -> pd.DataFrame:
    """Return a row for every normalizer, in the order of the leaderboard."""
    import pandas as pd

    rows = [
        {
            "normalizer": row.normalizer,
            "trials": row.count.trials,
            "unstable": row.count.unstable,
            "instability_rate": row.count.rate,
            "ci_low": row.count.low,
            "ci_high": row.count.high,
            "rank_low": row.rank[0],
            "rank_high": row.rank[1],
            "missing": row.count.missing,
            **row.count.modes,
            **{protocol.title: value for protocol, value in row.quality.items()},
        }
        for row in board.rows
    ]
    return pd.DataFrame(rows, columns=[*COLUMNS, *(protocol.title for protocol in evidence.protocols)])
