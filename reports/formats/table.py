"""The tables as data: ``leaderboard.csv`` and ``leaderboard.parquet`` of normalizers, ``cells.csv`` of cells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ganbench.harness.stability.verdict import NEEDS
from ganbench.harness.statistics import ALPHA
from ganbench.reports.board import Board, Row
from ganbench.reports.board.counting import Count
from ganbench.reports.evidence import Evidence, QualityProtocol
from ganbench.reports.formatting import tier
from ganbench.reports.wording.matrix import level_of

if TYPE_CHECKING:
    import pandas as pd

GRADED = ("not_learnt", "not_learnt_rate", "undecided", "rate_low_bound", "rate_high_bound", "undecided_needs")
"""Beside them, where the definition knows such trials."""

COUNTS = ("trials", "unstable", "instability_rate", "ci_low", "ci_high")
"""Of both tables, and ``missing`` and the failure modes of the definition. The intervals of ``leaderboard.csv`` hold for
all rows of the order together, those of ``cells.csv`` each alone."""

COLUMNS = (
    "tier",
    "ci_low_elsewhere",
    "ci_high_elsewhere",
    "settings",
    "conformance",
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
"""Of ``leaderboard.csv``, after the counts; then follow three columns of quality for each protocol."""


PAIR_COLUMNS = (
    "first",
    "second",
    "settings",
    "shared",
    "undecided",
    "only_first_failed",
    "only_second_failed",
    "difference",
    "difference_low",
    "difference_high",
    "holm_p",
    "settings_holm_p",
    "separated",
    "better",
    "learns_more",
)
"""Of ``pairs.csv``; the intervals of the differences hold for all pairs together, as those on the page do."""


def table(evidence: Evidence, board: Board) -> pd.DataFrame:
    """Return a row for every normalizer, in the order of the leaderboard; those in no order come last, unranked."""
    import pandas as pd

    quality = [name for protocol in evidence.protocols for name in _names(protocol)]
    columns = ["normalizer", *COUNTS, "rank_low", "rank_high", *_counted(evidence), *COLUMNS, *quality]
    frame = pd.DataFrame([_row(row) for row in board.all_rows], columns=columns)
    return frame.astype(dict.fromkeys(("rank_low", "rank_high", "wins", "ties", "losses"), "Int64"))


def cell_table(evidence: Evidence, board: Board) -> pd.DataFrame:
    """Return a row for every cell, in the plan's order, with a column of quality for each protocol."""
    import pandas as pd

    rows = [
        {
            "cell": cell.group.cells[cell.normalizer],
            "dataset": cell.group.dataset,
            "architecture": cell.group.architecture,
            "setting": cell.group.setting,
            "normalizer": cell.normalizer,
            **_counts(cell.count),
            cell.group.protocol.title: cell.quality,
        }
        for cell in board.cells
    ]
    own = ("cell", "dataset", "architecture", "setting", "normalizer")
    quality = (protocol.title for protocol in evidence.protocols)
    return pd.DataFrame(rows, columns=[*own, *COUNTS, *_counted(evidence), *quality])


def pair_table(board: Board) -> pd.DataFrame:
    """Return a row for every pair of normalizers, the surest first: what both tests say, and on which level they differ.

    ``difference`` is the first one's rate less the second one's on the decided trials that both have.
    """
    import pandas as pd

    rows = []
    for pair in board.pairs:
        found = pair.difference(ALPHA / len(board.pairs))
        rows.append(
            {
                "first": pair.first,
                "second": pair.second,
                "settings": pair.failing.settings,
                "shared": pair.shared,
                "undecided": pair.undecided,
                "only_first_failed": pair.only_first,
                "only_second_failed": pair.only_second,
                "difference": found.value,
                "difference_low": found.low,
                "difference_high": found.high,
                "holm_p": None if pair.failing.test else pair.failing.holm_p,
                "settings_holm_p": pair.failing.settings_holm_p,
                "separated": level_of(pair),
                "better": pair.better if pair.significant else None,
                "learns_more": pair.learns_more or None,
            }
        )
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def as_parquet(frame: pd.DataFrame, ledger: str) -> bytes:
    """Return a table as a Parquet file, with the hash of the ledger that it was made from in its metadata."""
    import pyarrow as pa
    from pyarrow import parquet

    content = pa.Table.from_pandas(frame, preserve_index=False)
    metadata = {**(content.schema.metadata or {}), b"ganbench.ledger": ledger.encode()}
    sink = pa.BufferOutputStream()
    parquet.write_table(content.replace_schema_metadata(metadata), sink)
    return bytes(sink.getvalue().to_pybytes())


def _counted(evidence: Evidence) -> tuple[str, ...]:
    """Return the columns of what else was counted."""
    return ("missing", *(() if evidence.decides_all else GRADED), *evidence.modes)


def _counts(count: Count) -> dict[str, Any]:
    return {
        "trials": count.trials,
        "unstable": count.unstable,
        "instability_rate": count.rate,
        "ci_low": count.low,
        "ci_high": count.high,
        "missing": count.missing,
        "not_learnt": count.not_learnt,
        "not_learnt_rate": count.not_learnt_rate,
        "undecided": count.undecided,
        "rate_low_bound": count.low_bound,
        "rate_high_bound": count.high_bound,
        "undecided_needs": "; ".join(f"{name} {count.needs[name]}" for name in NEEDS if count.needs.get(name)),
        **count.modes,
    }


def _row(row: Row) -> dict[str, Any]:
    change = row.change
    return {
        "normalizer": row.normalizer,
        **_counts(row.count),
        "missing": row.missing,
        "rank_low": None if row.rank is None else row.rank[0],
        "rank_high": None if row.rank is None else row.rank[1],
        "tier": tier(row.tiers),
        "ci_low_elsewhere": row.elsewhere[0],
        "ci_high_elsewhere": row.elsewhere[1],
        "settings": row.settings,
        "conformance": row.conformance or None,
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


def _names(protocol: QualityProtocol) -> tuple[str, str, str]:
    return protocol.title, f"{protocol.title} (stable only)", f"{protocol.title} (stable trials)"
