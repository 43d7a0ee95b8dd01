"""The first table as data: the columns of ``leaderboard.csv`` and ``leaderboard.parquet``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from reports.board import Board, Row
from reports.counting import MODES
from reports.evidence import Evidence, Protocol
from reports.formatting import tier

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
    "tier",
    "chance_of_lowest_rate",
    "settings",
    "change",
    "change_low",
    "change_high",
    "change_holm_p",
    "wins",
    "ties",
    "losses",
    "stable_share_of_steps",
    "step_time_factor",
)
"""Then follow three columns of quality for each protocol."""


def table(evidence: Evidence, board: Board) -> pd.DataFrame:
    """Return a row for every normalizer, in the order of the leaderboard."""
    import pandas as pd

    quality = [name for protocol in evidence.protocols for name in _names(protocol)]
    frame = pd.DataFrame([_row(row) for row in board.rows], columns=[*COLUMNS, *quality])
    return frame.astype(dict.fromkeys(("wins", "ties", "losses"), "Int64"))


def _row(row: Row) -> dict[str, Any]:
    change = row.change
    return {
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
        "tier": tier(row.tiers),
        "chance_of_lowest_rate": row.best if row.count.trials else math.nan,
        "settings": row.settings,
        "change": math.nan if change is None else change.difference,
        "change_low": math.nan if change is None else change.low,
        "change_high": math.nan if change is None else change.high,
        "change_holm_p": math.nan if change is None or change.p is None else change.p,
        "wins": None if change is None else change.wins,
        "ties": None if change is None else change.ties,
        "losses": None if change is None else change.losses,
        "stable_share_of_steps": row.lasted,
        "step_time_factor": row.cost,
    } | {
        name: value
        for protocol, quality in row.quality.items()
        for name, value in zip(_names(protocol), (quality.all, quality.stable, quality.trials), strict=True)
    }


def _names(protocol: Protocol) -> tuple[str, str, str]:
    return protocol.title, f"{protocol.title} (stable only)", f"{protocol.title} (stable trials)"
