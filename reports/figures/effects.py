"""What failures depend on: a panel for every hyperparameter that the suite drew, a line in it for every normalizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ganbench.reports.board import Board
from ganbench.reports.board.effects import Effect, effects
from ganbench.reports.evidence import Evidence
from ganbench.reports.figures.canvas import INK, SOFT, TEXT, label
from ganbench.reports.figures.drawing import Drawing, Picture
from ganbench.reports.figures.lines import LETTERS, Lines, choose, frame, greys
from ganbench.reports.formatting import EFFECTS, count, drawn, percent, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 9
"""Hyperparameters that have a panel; the table has all."""
ACROSS = 3
"""Panels side by side."""
ROOM = 26
"""Letters of all values that fit below a panel."""
_APART, _WIDEST = 0.09, 0.6
"""Between two normalizers in a bin, and between the first and the last, at most; bins are 1 apart."""


def draw(evidence: Evidence, board: Board) -> Drawing:
    """Draw the failure rates by the values of every hyperparameter that was drawn."""
    found = effects(evidence)
    shown, lines = found[:MOST], choose(evidence, board)
    across = min(ACROSS, max(len(shown), 1))
    down = -(-len(shown) // across)

    def paint(figure: Figure) -> None:
        places = figure.subplots(down, across, squeeze=False, sharey=True).flatten()
        for axes, effect in zip(places, shown, strict=False):
            _panel(axes, effect, lines)
        for axes in places[::across]:
            label(axes, ylabel="share that failed")
        for axes in places[len(shown) :]:
            axes.remove()
        _names(figure, lines, across)

    title = "What failures depend on"
    names = 0.22 * -(-len(lines.styles) // across)
    page, paper = (0.5 + 2.9 * across, 0.7 + 2.3 * down + names), (0.3 + 2.2 * across, 0.5 + 1.6 * down + 0.8 * names)
    return Drawing(
        name="effects",
        title=title,
        caption=EFFECTS
        + f" Thin lines are these {percent(0.95)} intervals." * lines.band
        + " The small numbers are settings."
        + f" Of {count(len(found), 'hyperparameter')}, the first {MOST}." * (len(found) > MOST)
        + lines.said(),
        parts=(Picture("effects", "", title, page, (min(TEXT, paper[0]), paper[1]), paint),)
        * bool(shown and lines.styles),
        on_page=False,
    )


def _panel(axes: Axes, effect: Effect, lines: Lines) -> None:
    frame(axes)
    middle = np.arange(len(effect.bins), dtype=float)

    def rates(name: str) -> list[float]:
        return [item.rates[name].count.rate for item in effect.bins]

    # Values that are no numbers have no order: no line leads from one to the next.
    ordered = effect.ranged or all(isinstance(item.ends[0], int | float) for item in effect.bins)
    greys(axes, [(middle, rates(name)) for name in lines.grey] if ordered else [])
    many = len(lines.styles)
    apart = min(_APART, _WIDEST / many)
    for place, (name, (shade, dash)) in reversed(list(enumerate(lines.styles.items()))):
        x = middle + apart * (place - (many - 1) / 2)
        axes.plot(x, rates(name), "o", ms=3.5, color=shade, linestyle=dash if ordered else "none")
        if lines.band:
            _intervals(axes, effect, name, x, shade)
    for place, item in enumerate(effect.bins):
        axes.text(place, 1.06, str(item.settings), ha="center", va="center", color=SOFT, fontsize="small")
    axes.set(xlim=(-0.5, len(effect.bins) - 0.5), ylim=(-0.02, 1.12))
    _values(axes, effect)
    label(axes, title=short(" = ".join((effect.key, *effect.tied)), 40))


def _intervals(axes: Axes, effect: Effect, name: str, x: Sequence[float], shade: str) -> None:
    counts = [item.rates[name].count for item in effect.bins]
    ends = [(place, end) for place, found in zip(x, counts, strict=True) if found.decided
            for end in (found.low, found.high, np.nan)]  # fmt: skip
    axes.plot([place for place, _ in ends], [end for _, end in ends], color=shade, lw=0.8, alpha=0.5)


def _values(axes: Axes, effect: Effect) -> None:
    """Write the values below the middle of the bins, or the ends of ranges below their edges."""
    if effect.ranged:
        edges = [item.ends[0] for item in effect.bins] + [effect.bins[-1].ends[1]]
        places, words = [place - 0.5 for place in range(len(edges))], [drawn([edge]) for edge in edges]
    else:
        places, words = [*range(len(effect.bins))], [short(drawn(item.ends), 24) for item in effect.bins]
    slant = 30 if sum(map(len, words)) > ROOM else 0
    axes.set_xticks(places, words, parse_math=False, rotation=slant, ha="right" if slant else "center",
                    rotation_mode="anchor" if slant else None)  # fmt: skip


def _names(figure: Figure, lines: Lines, columns: int) -> None:
    """Write the normalizers' names below the panels."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=shade, linestyle=dash, marker="o", ms=3.5) for shade, dash in lines.styles.values()]
    names = [short(name, LETTERS) for name in lines.styles]
    if lines.grey:
        handles.append(Line2D([], [], color=SOFT, lw=0.5, alpha=0.6))
        names.append(count(lines.others, "other"))
    # Before matplotlib 3.10 a legend passes over a label that begins with an underscore: names are written in afterwards.
    legend = figure.legend(handles, [str(place) for place in range(len(names))], loc="outside lower center",
                           ncols=columns, frameon=False, labelcolor=INK)  # fmt: skip
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
