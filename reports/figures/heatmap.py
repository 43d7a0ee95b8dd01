"""Where normalizers fail: a heat map of the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.board import Board
from reports.evidence import Evidence
from reports.figures.canvas import FAIL, INK, SOFT, render
from reports.figures.drawing import Drawing, Part
from reports.formatting import of, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(evidence: Evidence, board: Board) -> Drawing:
    """Draw instability by setting and normalizer."""
    columns = [row.normalizer for row in board.rows]
    rows = [group.title for group in evidence.groups]
    counts = {(cell.group.title, cell.normalizer): cell.count for cell in board.cells}

    def paint(figure: Figure) -> None:
        from matplotlib.patches import Rectangle

        axes = figure.subplots()
        for (title, normalizer), count in counts.items():
            x, y = columns.index(normalizer), rows.index(title)
            if count.trials:
                # The most intense is not opaque, so that the count stays readable on it.
                box = Rectangle((x + 0.03, y + 0.05), 0.94, 0.9, color=FAIL, alpha=0.04 + 0.51 * count.rate, lw=0)
                axes.add_patch(box)
            words = of(count) if count.trials else "missing"
            axes.text(x + 0.5, y + 0.5, words, ha="center", va="center", color=INK if count.trials else SOFT)
        axes.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
        axes.set_xticks([x + 0.5 for x in range(len(columns))])
        axes.set_yticks([y + 0.5 for y in range(len(rows))])
        axes.set_xticklabels([short(name, 18) for name in columns], parse_math=False, color=INK)
        axes.set_yticklabels([short(name, 44) for name in rows], parse_math=False, color=INK)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)

    title = "Where they fail"
    width, height = 2.6 + 1.35 * len(columns), 0.55 + 0.4 * len(rows)
    return Drawing(
        name="heat",
        title=title,
        caption="Failed trials out of those committed, for every setting (rows) and normalizer (columns, the most"
        " stable on the left). Read a row to see how hard a setting is; read a column to see what a normalizer does not"
        " tolerate.",
        parts=(Part("", render("heat", title, width, height, paint)),) if rows else (),
        legend=False,
    )
