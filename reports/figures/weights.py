"""Whether weights keep their size: variance of the discriminator's effective weights against 1 / max(m, n)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.board import Board
from reports.evidence import Evidence, Group
from reports.figures.canvas import SOFT, colour, dashes, decades, label, render
from reports.figures.curves import middle
from reports.figures.drawing import Drawing, Part
from reports.formatting import number, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 3


def draw(evidence: Evidence, board: Board) -> Drawing:
    """Draw a panel per layer, for one group of cells of each data set: that in which most trials failed."""
    parts = []
    for index, dataset in enumerate(dict.fromkeys(group.dataset for group in evidence.groups)):
        groups = [group for group in evidence.groups if group.dataset == dataset and _layers(evidence, group)]
        if groups:
            parts.append(_part(f"weights{index}", evidence, max(groups, key=lambda item: _failed(board, item))))
    return Drawing(
        name="weights",
        title="Size of the discriminator's weights",
        caption="Variance of the effective weights of each layer, median over seeds, for the setting of each data set"
        " in which most trials failed. The dashed line is 1 / max(m, n), near which spectral normalization keeps it"
        " (Lin, Sekar & Fanti 2021). Look for lines that drift away from it.",
        parts=tuple(parts),
        legend=True,
    )


def _failed(board: Board, group: Group) -> int:
    return sum(cell.count.unstable for cell in board.cells if cell.group == group)


def _layers(evidence: Evidence, group: Group) -> dict[str, float]:
    """Return each layer's bound."""
    bounds: dict[str, float] = {}
    for name in group.cells:
        for result in evidence.of(group, name):
            bounds |= {} if result.curves is None else result.curves.bounds
    return bounds


def _part(name: str, evidence: Evidence, group: Group) -> Part:
    bounds = _layers(evidence, group)
    columns = min(COLUMNS, len(bounds))
    rows = -(-len(bounds) // columns)

    def paint(figure: Figure) -> None:
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat[len(bounds) :]:
            axes.set_visible(False)
        for place, (layer, bound) in enumerate(bounds.items()):
            axes = grid.flat[place]
            for index, normalizer in enumerate(evidence.normalizers):
                traced = [result.curves for result in evidence.of(group, normalizer) if result.curves is not None]
                lines = [curves.weights[layer] for curves in traced if layer in curves.weights]
                axes.plot(*middle(lines), color=colour(index), lw=1.7, linestyle=dashes(index))
            axes.axhline(bound, color=SOFT, lw=1, linestyle=(0, (4, 3)))
            axes.set_yscale("log")
            decades(axes)
            label(
                axes,
                title=f"{short(layer, 24)}, bound {number(bound)}",
                xlabel="step" if place // columns == rows - 1 else "",
            )
            if place % columns == 0:
                label(axes, ylabel="variance of weights")

    return Part(group.title, render(name, group.title, 0.5 + 3.4 * columns, 2.5 * rows, paint))
