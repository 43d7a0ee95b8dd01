"""The figures of findings, in the leaderboard's colours and type."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganbench.reports.figures import Picture
from ganbench.reports.figures.canvas import SOFT, TEXT, colour, label
from ganbench.reports.figures.chart import spreads
from ganbench.reports.formatting import tick
from ganbench.reports.paper_claims.judging.looks import goodness

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ganbench.reports.evidence import Group
    from ganbench.reports.paper_claims.judging.cases import Cases

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Steps and values of one trial."""

PANELS = 4
"""So many stand side by side."""


def medians_over_steps(
    name: str,
    panels: Mapping[str, Mapping[str, Sequence[Curve]]],
    *,
    ylabel: str,
    spoken: str,
    bounds: Sequence[float] = (),
) -> tuple[Picture, ...]:
    """Return a picture of trials over their steps: every seed thin, the median of each normalizer bold.

    Args:
        name: Of the picture and its files.
        panels: Curves by normalizer, by the panel's title; of equal steps within a normalizer, though some end early.
        ylabel: What is shown.
        spoken: What a screen reader says.
        bounds: Where dashed lines are drawn.
    """
    shown = {title: lines for title, lines in panels.items() if any(lines.values())}
    if not shown:
        return ()
    names = list(dict.fromkeys(normalizer for lines in shown.values() for normalizer in lines))
    wide = spreads(
        np.concatenate([values for lines in shown.values() for each in lines.values() for _, values in each])
    )

    def paint(figure: Figure) -> None:
        columns = min(PANELS, len(shown))
        grid = figure.subplots(-(-len(shown) // columns), columns, squeeze=False, sharey=True)
        for axes in grid.flat[len(shown) :]:
            axes.set_visible(False)
        for axes, (title, lines) in zip(grid.flat, shown.items(), strict=False):
            for normalizer, curves in lines.items():
                _curves(axes, curves, colour(names.index(normalizer)))
            for bound in bounds:
                axes.axhline(bound, color=SOFT, lw=0.8, ls=(0, (4, 3)))
            if wide:
                axes.set_yscale("log")
                axes.yaxis.set_major_formatter(lambda value, _: tick(value))
                axes.yaxis.set_minor_formatter(lambda value, _: "")
            label(axes, title=title, xlabel="step")
        for row in grid:
            label(row[0], ylabel=ylabel)
        _legend(figure, names)

    rows = -(-len(shown) // PANELS)
    size = (TEXT, 2.2 * rows + 0.4)
    return (Picture(name, "", spoken, size, size, paint),)


def over_scales(
    name: str, panels: Mapping[str, Mapping[str, Mapping[float, tuple[float, float]]]], *, ylabel: str, spoken: str
) -> tuple[Picture, ...]:
    """Return a picture of quality, and of failures below it, over the scale.

    Args:
        name: Of the picture and its files.
        panels: Median quality and the share of failures, by scale, by family of normalizers, by the panel's title. Quality
            that is not finite is not drawn.
        ylabel: What quality is.
        spoken: What a screen reader says.
    """
    if not panels:
        return ()
    families = list(dict.fromkeys(family for lines in panels.values() for family in lines))

    def paint(figure: Figure) -> None:
        grid = figure.subplots(2, len(panels), squeeze=False, sharex="col", sharey="row")
        for column, (title, lines) in enumerate(panels.items()):
            for family, points in lines.items():
                own = colour(families.index(family))
                for row in (0, 1):
                    values = [found[row] if math.isfinite(found[row]) else math.nan for found in points.values()]
                    grid[row][column].plot(list(points), values, color=own, marker="o", ms=3)
            label(grid[0][column], title=title)
            label(grid[1][column], xlabel="scale")
            grid[1][column].set_ylim(-0.05, 1.05)
        label(grid[0][0], ylabel=ylabel)
        label(grid[1][0], ylabel="share that failed")
        _legend(figure, families)

    size = (TEXT if len(panels) > 1 else 0.6 * TEXT, 3.6)
    return (Picture(name, "", spoken, size, size, paint),)


def scale_points(cases: Cases, group: Group, labels: Mapping[float, str]) -> dict[float, tuple[float, float]]:
    """Return median quality, failures being worst, and the share of failures, by scale."""
    sign = 1 if group.protocol.better == "higher" else -1
    cells = {scale: cases.cell(group, name) for scale, name in labels.items()}
    return {
        scale: (
            sign * float(np.median([goodness(cases, case) for case in cell])),
            sum(case.failed for case in cell) / len(cell),
        )
        for scale, cell in cells.items()
        if cell
    }


def _curves(axes: Axes, curves: Sequence[Curve], own: str) -> None:
    for steps, values in curves:
        axes.plot(steps, values, color=own, lw=0.5, alpha=0.35)
    longest = max((steps for steps, _ in curves), key=len, default=np.empty(0))
    table = np.full((len(curves), len(longest)), np.nan)
    for row, (_, values) in zip(table, curves, strict=True):
        row[: len(values)] = values
    if len(longest):
        middle = [
            np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else math.nan for column in table.T
        ]
        axes.plot(longest, middle, color=own, lw=1.6)


def _legend(figure: Figure, names: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colour(place)) for place, _ in enumerate(names)]
    legend = figure.legend(handles, list(names), loc="outside upper center", ncols=len(names), frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
