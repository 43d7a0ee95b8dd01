"""Where normalizers fail: a heat map of the cells. The page says this in a table; a paper wants a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.reports.board import Board, CellRow
from ganbench.reports.evidence import Evidence
from ganbench.reports.figures.canvas import FAIL, INK, PAPER, SOFT, TEXT
from ganbench.reports.figures.drawing import Drawing, Picture
from ganbench.reports.figures.lines import both_ends
from ganbench.reports.formatting import of, percent, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WITH_COUNTS = 8
"""Up to as many columns have room for the counts."""
MOST_COLUMNS, MOST_ROWS = 40, 90
HEAD, LEVEL = 26, 12
"""Letters of a head that is not level, and of one that is."""
DARKEST = 0.85
STEPS = 20
"""Shades from never to always."""

Box = tuple[float, float, float, float]


def draw(evidence: Evidence, board: Board) -> Drawing:
    """Draw instability by setting and normalizer."""
    columns, chosen = shown_columns(evidence, board)
    rows = [group.title for group in evidence.groups][:MOST_ROWS]
    cells = [cell for cell in board.cells if cell.normalizer in set(columns) and cell.group.title in set(rows)]
    counts = len(columns) <= WITH_COUNTS

    letters = max((len(short(name, HEAD)) for name in columns), default=0)
    slant = 90 if not counts else 30 if letters > LEVEL else 0

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        _cells(axes, cells, columns, rows, counts=counts)
        axes.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
        axes.set_xticks([x + 0.5 for x in range(len(columns))], [short(name, HEAD) for name in columns],
                        parse_math=False, color=INK, rotation=slant, ha="left" if slant == 30 else "center",
                        rotation_mode="anchor" if slant == 30 else None)  # fmt: skip
        axes.set_yticks([y + 0.5 for y in range(len(rows))], [short(name, 40) for name in rows],
                        parse_math=False, color=INK)  # fmt: skip
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        if not counts:
            _scale(axes)

    title = "Where they fail"
    tall = (
        0.4 + 0.035 * letters * (slant == 30) + (0.21 if len(rows) <= 30 else 0.14) * len(rows)
        if counts
        else 0.6 + 0.07 * letters + 0.135 * len(rows)
    )
    wide = min(TEXT, 2.2 + 0.62 * len(columns)) if counts else TEXT
    return Drawing(
        name="heat",
        title=title,
        caption=(
            f"Failed trials out of those {'committed' if evidence.decides_all else 'decided'}, for"
            if counts
            else "The darker, the more trials failed, for"
        )
        + " every setting (rows) and normalizer (columns, in the order of the table). Read a row to see how hard a"
        " setting is; read a column to see what a normalizer does not tolerate."
        + f" A cell with a dot has no {'trial yet' if evidence.decides_all else 'decided trial'}." * (not counts)
        + _cut(evidence, chosen, len(rows)),
        parts=(Picture("heat", "", title, (1.35 * wide, 1.35 * tall), (wide, tall), paint),) * bool(evidence.committed),
        on_page=False,
    )


def shown_columns(evidence: Evidence, board: Board) -> tuple[list[str], str]:
    """Return the normalizers that have a column, and which of many they are, in words."""
    names = [row.normalizer for row in board.all_rows]
    if len(names) <= MOST_COLUMNS:
        return names, ""
    return both_ends(names, board, MOST_COLUMNS // 2, MOST_COLUMNS // 2, evidence.plan.get("baseline"))


def _cut(evidence: Evidence, chosen: str, rows: int) -> str:
    said = f" Of {len(evidence.normalizers)} normalizers, {chosen}." if chosen else ""
    if rows < len(evidence.groups):
        said += f" Of {len(evidence.groups)} settings, the first {rows}."
    return said


def _cells(axes: Axes, cells: list[CellRow], columns: list[str], rows: list[str], *, counts: bool) -> None:
    across, down = ({name: place for place, name in enumerate(names)} for names in (columns, rows))
    boxes: dict[int, list[Box]] = {}
    for cell in cells:
        x, y = across[cell.normalizer], down[cell.group.title]
        if cell.count.decided:
            boxes.setdefault(round(STEPS * cell.count.rate), []).append((x + 0.03, y + 0.04, 0.94, 0.92))
        if counts:
            words = of(cell.count) if cell.count.decided else "undecided" if cell.count.trials else "missing"
            dark = bool(cell.count.decided) and cell.count.rate > 0.8
            shade = PAPER if dark else INK if cell.count.decided else SOFT
            axes.text(x + 0.5, y + 0.5, words, ha="center", va="center", color=shade, fontsize="small")
        elif not cell.count.decided:
            axes.plot([x + 0.5], [y + 0.5], ".", color=SOFT, ms=2)
    for step, same in sorted(boxes.items()):
        _fill(axes, same, step / STEPS)


def _fill(axes: Axes, boxes: list[Box], share: float) -> None:
    """Fill boxes of one shade, as one path: a shape for each would be most of the file."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    corners = [[(x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)] for x, y, w, h in boxes]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(boxes)
    path = Path([point for box in corners for point in box], codes)
    axes.add_patch(PathPatch(path, facecolor=FAIL, alpha=0.04 + (DARKEST - 0.04) * share, lw=0))


def _scale(axes: Axes) -> None:
    """Draw what the shades mean, below the map."""
    from matplotlib.transforms import Affine2D, ScaledTranslation

    figure = axes.get_figure(root=True)
    assert figure is not None
    points = Affine2D().scale(1 / 72) + figure.dpi_scale_trans
    corner = points + ScaledTranslation(0, 0, axes.transAxes)  # type: ignore[arg-type]  # it is affine
    inset = axes.inset_axes((0, -17, 110, 8), transform=corner)
    for step in range(STEPS + 1):
        _fill(inset, [(step, 0, 1, 1)], step / STEPS)
    inset.set(xlim=(0, STEPS + 1), ylim=(0, 1), yticks=[])
    inset.set_xticks([0.5, STEPS / 2 + 0.5, STEPS + 0.5], [percent(share) for share in (0, 0.5, 1)])
    inset.set_xlabel("of the trials failed", color=INK)
    inset.tick_params(length=0)
    inset.grid(visible=False)
    inset.spines[:].set_visible(False)
