"""The charts of the pages: of a cell, every seed; of a setting, the median of every normalizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ganbench.reports.evidence import D_GRADIENT, G_GRADIENT, QUALITY, SIGMA, VARIANCE, Group
from ganbench.reports.figures.alignment import Block, Numbers, aligned, block, middle
from ganbench.reports.figures.canvas import PALETTE
from ganbench.reports.figures.chart import LARGE, SMALL, SPARK, Chart, Line, Size, draw, spreads
from ganbench.reports.formatting import count, natural, number, quality_title
from ganbench.reports.pages.view import Cell

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


@dataclass(frozen=True)
class Drawn:
    """What is drawn of a cell, and what is left of it for the other pages.

    Attributes:
        panels: The charts of its page.
        spark: A small chart of the quality of all seeds; empty where none was evaluated.
        medians: Steps and medians of each series, by kind and layer; nan where fewer than half of the seeds have a value.
    """

    panels: Panels
    spark: str
    medians: Mapping[tuple[str, str], tuple[Numbers, Numbers]]


def shade(place: int) -> str:
    """Return a normalizer's colour and line style as custom properties, by its place in the plan."""
    dash = DASHES[place // len(PALETTE) % len(DASHES)]
    return f"--shade:var(--n{place % len(PALETTE)})" + ("" if dash == "none" else f";--dash:{dash}")


def seeds(cell: Cell) -> Drawn:
    """Return the charts of a cell."""
    found = [(series, *aligned(cell.blocks(series.kind, series.layer))) for series in _series(cell.group, [cell])]
    found = [(series, steps, table) for series, steps, table in found if table.size]
    if not found:
        return Drawn(Panels([], [], []), "", {})
    bold = middle(np.concatenate([table for _, _, table in found], axis=1))
    charts, medians = [], {}
    for series, steps, table in found:
        medians[series.kind, series.layer] = steps, bold[: len(steps)]
        words = f"{series.words}, {count(len(table), 'seed')}"
        charts.append(_chart(series, words, steps, table, cell.group, bold[: len(steps)]))
        bold = bold[len(steps) :]
    small = [replace(charts[0], size=SPARK, axes=False)] if found[0][0].kind == QUALITY else []
    svgs = draw([*charts, *small], cell.lines, until=cell.budget)
    panels = _panels([series for series, _, _ in found], svgs[: len(charts)])
    return Drawn(panels, svgs[-1] if small else "", medians)


def medians(group: Group, cells: Sequence[Cell], drawn: Mapping[str, Drawn]) -> Panels:
    """Return the charts of a setting.

    Args:
        group: The setting.
        cells: Its cells, in the order of the leaderboard.
        drawn: Of each of them, by identity.
    """
    chosen, svgs = [], []
    until = max((cell.budget for cell in cells), default=0.0)
    for series in _series(group, cells):
        found: list[Block] = []
        lines = []
        for cell in cells:
            steps, values = drawn[cell.identity].medians.get((series.kind, series.layer), (np.empty(0), np.empty(0)))
            kept = np.isfinite(values)
            if kept.any():
                found.append(block(len(found), steps[kept], values[kept]))
                lines.append(Line(cell.normalizer, f"n{cell.place}", style=shade(cell.place)))
        if found:
            chosen.append(series)
            svgs += draw([_chart(series, series.words, *aligned(found), group)], lines, until=until)
    return _panels(chosen, svgs)


@dataclass(frozen=True)
class Series:
    """What a chart is of.

    Attributes:
        kind: Of the names in :mod:`ganbench.reports.evidence.evidence`.
        layer: The layer; empty where it is not of one.
        title: The chart's.
        note: What else there is to say.
        words: What it is, for those who do not see it.
        size: Of the chart.
        bounds: Where a dashed line is.
    """

    kind: str
    layer: str
    title: str
    note: str
    words: str
    size: Size
    bounds: tuple[float, ...] = ()


def _series(group: Group, cells: Sequence[Cell]) -> list[Series]:
    """Return everything that there is a chart of on a page about some cells of a group."""
    protocol = group.protocol
    bounds: dict[str, float] = {}
    for cell in cells:
        for layout, _, _ in cell.layouts:  # of a growing network, the trial that got furthest has all layers
            bounds |= layout.bounds
    layers = sorted(bounds, key=natural)  # a record has them in alphabetical order: 10 before 2
    of = "gradient norm of the"
    return [
        Series(QUALITY, "", quality_title(protocol.measure, protocol.better), "", protocol.measure or "quality", LARGE),
        Series(D_GRADIENT, "", "Gradient norm of the discriminator", "", f"{of} discriminator", LARGE),
        Series(G_GRADIENT, "", "Gradient norm of the generator", "", f"{of} generator", LARGE),
        *(
            Series(
                VARIANCE,
                layer,
                layer,
                f"bound {number(bounds[layer])}",
                f"variance of layer {layer}",
                SMALL,
                (bounds[layer],),
            )
            for layer in layers
        ),
        *(Series(SIGMA, layer, layer, "", f"spectral norm of layer {layer}", SMALL) for layer in layers),
    ]


def _chart(
    series: Series, words: str, steps: Numbers, table: Numbers, group: Group, median: Numbers | None = None
) -> Chart:
    may = series.kind != QUALITY or group.protocol.better == "lower"
    log = series.kind in _LOGARITHMIC or (may and spreads(table))
    return Chart(words, steps, table, median, log, series.bounds, series.size)


def _panels(chosen: Sequence[Series], svgs: Sequence[str]) -> Panels:
    found = Panels([], [], [])
    lists = {VARIANCE: found.variances, SIGMA: found.sigmas}
    for series, svg in zip(chosen, svgs, strict=True):
        lists.get(series.kind, found.main).append(Panel(series.title, series.note, svg))
    return found


_LOGARITHMIC = {D_GRADIENT, G_GRADIENT, VARIANCE}
