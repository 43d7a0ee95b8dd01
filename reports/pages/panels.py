"""The charts of the pages: of a cell, every seed; of a setting, the median of every normalizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from reports.evidence import D_GRADIENT, G_GRADIENT, QUALITY, SIGMA, VARIANCE, Group
from reports.figures.canvas import PALETTE
from reports.figures.chart import LARGE, SMALL, SPARK, Line, Size, chart, spreads
from reports.figures.lines import Numbers, aligned, block, middle
from reports.formatting import count, number, quality_title
from reports.pages.view import Cell

DASHES = ("none", "7 3", "2 2.5", "8 3 2 3")
"""Line styles; the next one begins when the palette has been used up."""


@dataclass(frozen=True)
class Panel:
    """A chart on a page.

    Attributes:
        title: What it shows.
        note: What else there is to say.
        svg: The chart.
    """

    title: str
    note: str
    svg: str


@dataclass(frozen=True)
class Panels:
    """The charts of a page.

    Attributes:
        main: Quality and gradient norms.
        variances: Of each layer's weights.
        sigmas: Spectral norm of each layer.
    """

    main: list[Panel]
    variances: list[Panel]
    sigmas: list[Panel]


def shade(place: int) -> str:
    """Return a normalizer's colour and line style as custom properties, by its place in the plan."""
    dash = DASHES[place // len(PALETTE) % len(DASHES)]
    return f"--shade:var(--n{place % len(PALETTE)})" + ("" if dash == "none" else f";--dash:{dash}")


def seeds(cell: Cell) -> Panels:
    """Return the charts of a cell."""

    def draw(kind: str, layer: str, words: str, size: Size, bounds: Sequence[float]) -> str:
        return _seeds(cell, kind, layer, words, size, bounds)

    return _panels(cell.group, [cell], draw)


def medians(group: Group, cells: Sequence[Cell]) -> Panels:
    """Return the charts of a setting."""

    def draw(kind: str, layer: str, words: str, size: Size, bounds: Sequence[float]) -> str:
        found, lines = [], []
        for cell in cells:
            steps, table = aligned(cell.blocks(kind, layer))
            values = middle(table)
            kept = np.isfinite(values)
            if kept.any():
                found.append(block(len(found), steps[kept], values[kept]))
                lines.append(Line(cell.normalizer, f"n{cell.place}", style=shade(cell.place)))
        if not found:
            return ""
        steps, table = aligned(found)
        return _draw(cells[0], kind, steps, table, lines, words, size, bounds)

    return _panels(group, cells, draw)


def spark(cell: Cell) -> str:
    """Return a small chart of the quality of all seeds; empty where none was evaluated."""
    return _seeds(cell, QUALITY, "", f"{cell.group.protocol.measure} of all seeds", SPARK, (), axes=False)


def _panels(group: Group, cells: Sequence[Cell], draw: Callable[[str, str, str, Size, Sequence[float]], str]) -> Panels:
    protocol = group.protocol
    bounds: dict[str, float] = {}
    for cell in cells:
        for layout, _, _ in cell.layouts:  # of a growing network, the trial that got furthest has all layers
            bounds |= layout.bounds
    kinds = [
        (QUALITY, quality_title(protocol.measure, protocol.better), protocol.measure or "quality"),
        (D_GRADIENT, "Gradient norm of the discriminator", "gradient norm of the discriminator"),
        (G_GRADIENT, "Gradient norm of the generator", "gradient norm of the generator"),
    ]
    main = [Panel(title, "", draw(kind, "", words, LARGE, ())) for kind, title, words in kinds]
    variances = [
        Panel(layer, f"bound {number(bound)}", draw(VARIANCE, layer, f"variance of layer {layer}", SMALL, (bound,)))
        for layer, bound in bounds.items()
    ]
    sigmas = [Panel(layer, "", draw(SIGMA, layer, f"spectral norm of layer {layer}", SMALL, ())) for layer in bounds]
    return Panels(*([panel for panel in panels if panel.svg] for panels in (main, variances, sigmas)))


def _seeds(
    cell: Cell, kind: str, layer: str, words: str, size: Size, bounds: Sequence[float], *, axes: bool = True
) -> str:
    steps, table = aligned(cell.blocks(kind, layer))
    if not table.size:
        return ""
    said = f"{words}, {count(len(table), 'seed')}" if axes else words
    return _draw(cell, kind, steps, table, cell.lines, said, size, bounds, median=middle(table), axes=axes)


def _draw(
    cell: Cell,
    kind: str,
    steps: Numbers,
    table: Numbers,
    lines: Sequence[Line],
    words: str,
    size: Size,
    bounds: Sequence[float],
    *,
    median: Numbers | None = None,
    axes: bool = True,
) -> str:
    log = kind in _LOGARITHMIC or ((kind != QUALITY or cell.group.protocol.better == "lower") and spreads(table))
    return chart(
        words, steps, table, lines, until=cell.budget, median=median, log=log, bounds=bounds, size=size, axes=axes
    )


_LOGARITHMIC = {D_GRADIENT, G_GRADIENT, VARIANCE}
