"""What failures depend on, as a table: a row for every value, or range, of every hyperparameter that the suite drew."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench.reports import formatting as f
from ganbench.reports.board import Board
from ganbench.reports.board.effects import Bin, effects
from ganbench.reports.evidence import Evidence


@dataclass(frozen=True)
class EffectTable:
    """The table.

    Attributes:
        heads: Of the columns: hyperparameter, values, settings, and a normalizer each.
        rows: Their texts.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def effect_table(evidence: Evidence, board: Board) -> EffectTable | None:
    """Return the table, normalizers in the order of the leaderboard, and then others; None where the suite drew nothing."""
    names = [*dict.fromkeys((*(row.normalizer for row in board.rows), *evidence.normalizers))]
    rows = tuple(
        (
            " = ".join((effect.key, *effect.tied)),
            f.drawn(item.ends),
            str(item.settings),
            *(_rate(item, n) for n in names),
        )
        for effect in effects(evidence)
        for item in effect.bins
    )
    return EffectTable(("hyperparameter", "values", "settings", *names), rows) if rows else None


def _rate(item: Bin, normalizer: str) -> str:
    found = item.rates[normalizer]
    some = f" in {f.count(found.settings, 'setting')}" if 0 < found.settings < item.settings else ""
    return f.rate(found.count) + some
