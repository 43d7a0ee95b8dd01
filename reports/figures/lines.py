"""A line for every normalizer: which are in colour, how its steps become few points, and names at the lines' ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganbench.reports.board import Board
from ganbench.reports.evidence import Evidence
from ganbench.reports.figures.canvas import COLUMN, DASHES, GRID, INK, SOFT, TEXT, beside, colour
from ganbench.reports.formatting import count, listing, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALL_IN_COLOUR = 12
BEST, WORST = 4, 3
"""How many are in colour, of more normalizers than :data:`ALL_IN_COLOUR`; the baseline is always."""
MOST_GREY = 24
WITH_BANDS = 6
NARROW = 6
"""Lines that fit into a column of a paper, their names beside them."""
LETTERS = 22
_BEND, _SWATCH, _NAME = 9, 24, 28
"""Points from the axes to where a line has gone to the height of its name, to its end, and to the name."""
STEPS = 11_000
"""Steps of all lines of a figure together, so that the page keeps its size; never fewer than 24 for a line, or 12 where
it is grey."""


@dataclass(frozen=True)
class Lines:
    """How the normalizers are drawn.

    Attributes:
        styles: Colour and dashes of those in colour, by label, in the order of the table.
        grey: Labels of the others, or of some of them, evenly over the table: more would be a grey surface.
        others: How many others there are.
        chosen: Which are in colour, in words; empty where all are.
        band: Whether lines come with their intervals.
    """

    styles: Mapping[str, tuple[str, Any]]
    grey: tuple[str, ...]
    others: int
    chosen: str
    band: bool

    def levels(self, pictures: int) -> tuple[int, int]:
        """Return how many steps a line may have, in colour and grey.

        Args:
            pictures: Of the figure.
        """
        each = STEPS // max(1, pictures * (len(self.styles) + len(self.grey)))
        return min(200, max(24, each)), min(100, max(12, each * 3 // 4))

    def said(self) -> str:
        """Return what a caption says about the colours; empty where all normalizers have one."""
        if not self.others:
            return ""
        some = f" ({len(self.grey)} of {self.others}, evenly over the table)" * (len(self.grey) < self.others)
        number = len(self.styles) + self.others
        return f" Of {number} normalizers, {self.chosen} are in colour; others{some} are thin and grey."


def choose(evidence: Evidence, board: Board) -> Lines:
    """Choose how to draw each normalizer that has trials: its own colour, and dashes where colours come again."""
    ranked = [row.normalizer for row in board.all_rows if row.count.trials]
    shown, chosen = ranked, ""
    if len(ranked) > ALL_IN_COLOUR:
        shown, chosen = both_ends(ranked, board, BEST, WORST, evidence.plan.get("baseline"))
    styles: dict[str, tuple[str, Any]] = {}
    for index, name in enumerate(evidence.normalizers):
        if name in shown:
            taken = sum(shade == colour(index) for shade, _ in styles.values())
            styles[name] = colour(index), DASHES[taken % len(DASHES)]
    others = [name for name in ranked if name not in styles]
    step = max(1, -(-len(others) // MOST_GREY))
    return Lines(
        styles={name: styles[name] for name in shown},
        grey=tuple(others[step // 2 :: step]),
        others=len(others),
        chosen=chosen,
        band=len(ranked) <= WITH_BANDS,
    )


def both_ends(names: Sequence[str], board: Board, first: int, last: int, baseline: str | None) -> tuple[list[str], str]:
    """Choose normalizers from both ends of the table's order, and the baseline; what stands outside it has no place there.

    Args:
        names: Those that there are.
        board: The numbers.
        first: How many from its start.
        last: How many from its end.
        baseline: The baseline's label, if there is one.

    Returns:
        They, and which they are in words.
    """
    order = [row.normalizer for row in board.rows]
    few = len(order) <= first + last
    wanted = set(order if few else order[:first] + order[-last:]) | {baseline}
    words = ["those of the table's order"] if few else [f"the first {first}", f"the last {last} of the table's order"]
    return [name for name in names if name in wanted], listing(words + ["the baseline"] * (baseline in names))


def paper_size(lines: Lines) -> tuple[float, float]:
    """Return width and height in a paper: a column where few lines with short names fit into it."""
    few = len(lines.styles) <= NARROW and max(map(len, lines.styles), default=0) <= LETTERS
    return (COLUMN, 2.2) if few else (TEXT, 2.9)


def staircase(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the corners of a line that keeps each value until the next place; values that stay make no corner.

    Args:
        x: [points] Places, ascending or descending.
        y: [points] The value from each place on.

    Returns:
        Two arrays [corners]; the first and the last place are always among them.
    """
    places, values = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    turns = np.flatnonzero(np.diff(values)) + 1
    across = np.concatenate([places[:1], np.repeat(places[turns], 2), places[-1:]])
    up = np.concatenate([values[:1], np.repeat(values[turns], 2), values[-1:]])
    up[1:-1:2] = np.concatenate([values[:1], values[turns]])[:-1]
    return across, up


def greys(axes: Axes, corners: Sequence[tuple[ArrayLike, ArrayLike]]) -> None:
    """Draw many lines as one path, thin and grey.

    Args:
        axes: Where.
        corners: x and y of each line.
    """
    if not corners:
        return
    gap = [np.nan]
    x, y = (np.concatenate([np.concatenate([np.asarray(line[place]), gap]) for line in corners]) for place in (0, 1))
    axes.plot(x, y, color=SOFT, lw=0.5, alpha=0.45, zorder=1.5)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return places that are at least a gap apart and as near as possible (in squares) to where they are wanted.

    Args:
        wanted: Ascending.
        gap: Between neighbours; less where there is not enough room for all.
        low: The lowest place.
        high: The highest.
    """
    if len(wanted) > 1:
        gap = min(gap, (high - low) / (len(wanted) - 1))
    # Less their gaps, the places need only ascend: pools of neighbours share their mean (isotonic regression).
    pools: list[list[float]] = []
    for index, place in enumerate(wanted):
        pools.append([place - index * gap, 1])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (mean, size), (last, other) = pools[-2:]
            pools[-2:] = [[(mean * size + last * other) / (size + other), size + other]]
    flat = [mean for mean, size in pools for _ in range(int(size))]
    top = high - gap * (len(flat) - 1)
    return [min(max(place, low), max(top, low)) + index * gap for index, place in enumerate(flat)]


def name_ends(
    figure: Figure, axes: Axes, lines: Lines, ends: Mapping[str, float], more: Mapping[str, str] | None = None
) -> None:
    """Write the normalizers' names beside the right ends of their lines, from 0 to 1 on the vertical axis.

    Args:
        figure: The figure, which holds nothing else beside the axes.
        axes: Where; its vertical limits are set.
        lines: How they are drawn.
        ends: Where each line in colour ends.
        more: What is said after a name.
    """
    import matplotlib as mpl

    size = float(mpl.rcParams["font.size"]) - 0.5
    bottom, top = axes.get_ylim()
    inches = max(0.5, figure.get_figheight() - 0.7)
    backwards = list(ends)[::-1]  # of lines that end level, the more stable one is named first, which is further up
    names = sorted(backwards, key=lambda name: ends[name])
    extra = [f"{count(lines.others, 'other')}"] if lines.grey else []
    gap = size * 1.3 / 72 / inches * (top - bottom)
    places = spread([*(-1.0 for _ in extra), *(ends[name] for name in names)], gap, 0.0, 1.0)
    right = beside(axes)
    for place in places[: len(extra)]:
        axes.plot([_BEND, _SWATCH], [place, place], transform=right, clip_on=False, color=SOFT, lw=0.5, alpha=0.6)
        axes.text(_NAME, place, extra[0], transform=right, va="center", fontsize=size, color=SOFT)
    for name, place in zip(names, places[len(extra) :], strict=True):
        shade, dash = lines.styles[name]
        x, y = [1, _BEND, _SWATCH], [ends[name], place, place]
        axes.plot(x[:2], y[:2], transform=right, clip_on=False, color=shade, lw=0.6, alpha=0.8)
        axes.plot(x[1:], y[1:], transform=right, clip_on=False, color=shade, linestyle=dash)
        words = short(name, LETTERS) + (more or {}).get(name, "")
        axes.text(_NAME, place, words, transform=right, va="center", fontsize=size, color=INK, parse_math=False)


def frame(axes: Axes) -> None:
    """Give the axes a share of trials as their vertical axis."""
    from matplotlib.ticker import FixedLocator, FuncFormatter

    from ganbench.reports.formatting import percent

    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value)))
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", visible=False)
    axes.grid(axis="y", color=GRID)
