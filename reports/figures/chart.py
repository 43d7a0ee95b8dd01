"""Line charts as SVG, light enough to draw tens of thousands of them: every seed a thin line, their median a bold one.

Colours, widths and fonts are the page's (``templates/page.css``), so a chart follows light and dark, and a seed that is
pointed at stands out. Coordinates are whole numbers and each is written as its difference from the one before.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench.reports.figures.alignment import Numbers
from ganbench.reports.formatting import plain, tick

Places = NDArray[np.int32]

SPREAD = 20
"""Values that are so many times apart need a logarithmic axis."""

EXPONENTS = 6
"""A logarithmic axis ends so many powers of ten above the median; what goes beyond runs along its edge."""

HUGE = 1e100
"""Larger values are drawn as this one, so that differences stay finite."""

LARGEST = 1999
"""No coordinate is larger."""


@dataclass(frozen=True)
class Size:
    """How large a chart is drawn; on the page it fills its place.

    Attributes:
        width: In units of which a letter is 20 high.
        height: Likewise.
        left: Room for the labels of the vertical axis.
        bottom: Room for those of the horizontal one.
        top: Room above.
        right: Room beside.
    """

    width: int
    height: int
    left: int = 76
    bottom: int = 34
    top: int = 12
    right: int = 12

    @property
    def wide(self) -> int:
        """Of the plot, without the room around it."""
        return self.width - self.left - self.right

    @property
    def tall(self) -> int:
        """Of the plot, without the room around it."""
        return self.height - self.top - self.bottom


LARGE, SMALL, SPARK = Size(620, 360), Size(360, 230), Size(240, 80, 2, 2, 4, 4)


@dataclass(frozen=True)
class Line:
    """What is said about one line of a chart.

    Attributes:
        title: What it is; shown when it is pointed at.
        marks: Classes that the style sheet knows; not from outside.
        failed_at: The step at which it is crossed.
        style: Custom properties, such as the colour; not from outside.
        failed: Whether it is that of a failed trial.
    """

    title: str
    marks: str = ""
    failed_at: float | None = None
    style: str = ""
    failed: bool = False

    @cached_property
    def opening(self) -> str:
        """The start of its element: a cell has many charts of the same lines."""
        style = f' style="{self.style}"' if self.style else ""
        marks = f"{self.marks} f" if self.failed else self.marks
        return f'<g class="{marks}"{style}><title>{escape(plain(self.title))}</title>'


@dataclass(frozen=True)
class Chart:
    """What one chart shows.

    Attributes:
        words: What it is, for those who do not see it.
        steps: [steps] Rising.
        values: [lines, steps] Each line's values; nan where it has none.
        median: [steps] The bold line, or None.
        log: Whether the vertical axis is logarithmic; values that are not positive are not drawn then.
        bounds: Values at which a dashed line is drawn.
        size: Of the drawing.
        axes: Whether it has any; without, its lines are not told apart.
    """

    words: str
    steps: Numbers
    values: Numbers
    median: Numbers | None = None
    log: bool = False
    bounds: Sequence[float] = ()
    size: Size = LARGE
    axes: bool = True


def spreads(values: Numbers) -> bool:
    """Return whether values need a logarithmic axis.

    Args:
        values: Of any shape; nan is passed over.
    """
    low, high = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
    return bool(low > 0) and bool(high > SPREAD * low)


def draw(charts: Sequence[Chart], lines: Sequence[Line], *, until: float) -> list[str]:
    """Return an SVG element for each of some charts of the same lines; all are computed at once, which is what takes time.

    Args:
        charts: Not none.
        lines: What is said about each line.
        until: Where the horizontal axes end; they begin at 0.
    """
    until = until if until > 0 else 1.0
    widths = [len(chart.steps) for chart in charts]
    count = len(lines)
    table = np.full((count + 1, sum(widths)), np.nan)  # the last line is the bold one
    ends = np.cumsum(widths)
    places = [slice(end - width, end) for end, width in zip(ends.tolist(), widths, strict=True)]
    for chart, place in zip(charts, places, strict=True):
        table[:count, place] = chart.values
        if chart.median is not None:
            table[count, place] = chart.median
    logs = np.repeat([chart.log for chart in charts], widths)
    if logs.any():
        with np.errstate(divide="ignore", invalid="ignore"):
            table[:, logs] = np.log10(table[:, logs])
    finite = np.isfinite(table)
    table[~finite] = np.nan
    table = np.minimum(np.maximum(table, -HUGE), HUGE)
    low, high = np.fmin.reduce(table, axis=0), np.fmax.reduce(table, axis=0)
    limits = [
        _limits(chart, low[place], high[place], table[:, place]) for chart, place in zip(charts, places, strict=True)
    ]

    def column(numbers: Sequence[float]) -> Numbers:
        return np.repeat(np.array(numbers, dtype=float), widths)

    floor, ceiling = column([limit[0] for limit in limits]), column([limit[1] for limit in limits])
    scale = column([chart.size.tall for chart in charts]) / (ceiling - floor)
    table = np.where(finite, np.minimum(np.maximum(table, floor), ceiling), floor)
    y = ((ceiling - table) * scale + column([chart.size.top + 0.5 for chart in charts])).astype(np.int32)
    # Beyond these a number would not fit; only a trace that contradicts its own budget gets there.
    steps = np.concatenate([chart.steps for chart in charts])
    across = steps * column([chart.size.wide / until for chart in charts])
    x = np.minimum(np.maximum(across + column([chart.size.left + 0.5 for chart in charts]), 0), LARGEST).astype(
        np.int32
    )
    paths = iter(_paths(x, y, finite, widths))
    each = [[next(paths) for _ in charts] for _ in range(count + 1)]
    marked = [(index, line.failed_at) for index, line in enumerate(lines) if line.failed_at is not None]
    svgs, known = [], dict[bytes, list[_Spot]]()
    for number, (chart, place, limit) in enumerate(zip(charts, places, limits, strict=True)):
        crosses = (
            _crosses(marked, chart.steps, x[place], y[:, place], finite[:, place], known)
            if chart.axes and widths[number]
            else {}
        )
        svgs.append(_svg(chart, limit, until, lines, [own[number] for own in each], crosses))
    return svgs


def _svg(
    chart: Chart,
    limit: tuple[float, float],
    until: float,
    lines: Sequence[Line],
    paths: Sequence[str],
    crosses: dict[int, str],
) -> str:
    size, (low, high) = chart.size, limit
    words = escape(plain(chart.words))
    parts = [
        f'<svg class="chart" viewBox="0 0 {size.width} {size.height}" role="img" aria-label="{words}">',
        _axes(size, low, high, until, log=chart.log) if chart.axes else "",
    ]
    for bound in chart.bounds:
        place = round(size.top + (high - (math.log10(bound) if chart.log else bound)) / (high - low) * size.tall)
        parts.append(f'<path class="bound" d="M{size.left} {place}h{size.wide}"/>')
    if not chart.axes:
        for mark, failed in (("", False), ("f", True)):
            path = "".join(path for line, path in zip(lines, paths, strict=False) if line.failed == failed)
            parts.append(f'<g class="{mark}"><path d="{path}"/></g>' if path else "")
    parts += [
        f'{line.opening}<path d="{path}"/>{crosses.get(place, "")}</g>'
        for place, (line, path) in enumerate(zip(lines, paths[:-1], strict=True))
        if path and chart.axes
    ]
    if paths[-1]:
        parts.append(f'<path class="median" d="{paths[-1]}"/>')
    return "".join([*parts, "</svg>"])


def _limits(chart: Chart, lows: Numbers, highs: Numbers, table: Numbers) -> tuple[float, float]:
    """Return the ends of the vertical axis; exponents where it is logarithmic.

    Args:
        chart: Which.
        lows: [steps] The least value at each step; nan where there is none.
        highs: [steps] The largest.
        table: [lines, steps]
    """
    bounds = [math.log10(bound) for bound in chart.bounds] if chart.log else [*chart.bounds]
    low, high = float(np.fmin.reduce(lows, initial=np.nan)), float(np.fmax.reduce(highs, initial=np.nan))
    if math.isnan(low):
        low, high = (bounds[0], bounds[0]) if bounds else (0.0, 1.0)
    elif chart.log and high - low > EXPONENTS:
        finite = table[np.isfinite(table)]
        high = min(high, float(np.partition(finite, len(finite) // 2)[len(finite) // 2]) + EXPONENTS)
    low, high = min([low, *bounds]), max([high, *bounds])
    margin = max(0.04 * (high - low), 0.1) if chart.log else 0.04 * (high - low) or 0.05 * abs(high) or 0.5
    return low - margin, high + margin


def _axes(size: Size, low: float, high: float, until: float, *, log: bool) -> str:
    grid, labels = [], []
    for value, text in _log_ticks(low, high) if log else _ticks(low, high, 5):
        y = round(size.top + (high - value) / (high - low) * size.tall)
        grid.append(f"M{size.left} {y}h{size.wide}")
        labels.append(f'<text class="y" x="{size.left - 8}" y="{y + 7}">{text}</text>')
    return f'<path class="grid" d="{"".join(grid)}"/>{"".join(labels)}{_across(size, until)}'


@lru_cache(maxsize=64)
def _across(size: Size, until: float) -> str:
    """Return the horizontal axis."""
    floor = size.top + size.tall
    grid, labels = [], []
    for value, text in _ticks(0, until, 5 if size.wide > 400 else 3):
        x = round(size.left + value / until * size.wide)
        grid.append(f"M{x} {floor}v6")
        if x + 5 * len(text) < size.width - 60:
            labels.append(f'<text class="x" x="{x}" y="{floor + 27}">{text}</text>')
    labels.append(f'<text class="end" x="{size.width - size.right}" y="{floor + 27}">step</text>')
    axis = f'<path class="axis" d="M{size.left} {floor}h{size.wide}"/>'
    return f'<path class="grid" d="{"".join(grid)}"/>{axis}{"".join(labels)}'


def _ticks(low: float, high: float, about: int) -> list[tuple[float, str]]:
    """Return round values in a range, with their texts."""
    rough = (high - low) / about
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(place * step, tick(place * step)) for place in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Return powers of ten, or, where there are not two of them, other round values; low and high are exponents."""
    first, last = math.ceil(low), math.floor(high)
    if last > first:
        every = -(-(last - first) // 5)
        return [(power, tick(10.0**power)) for power in range(first, last + 1, every)]
    values = [factor * 10.0**power for power in range(first - 1, last + 1) for factor in (1, 2, 5)]
    inside = [(math.log10(value), tick(value)) for value in values if low <= math.log10(value) <= high]
    if len(inside) > 1 or high > 300:
        return inside
    return [(math.log10(value), text) for value, text in _ticks(10.0**low, 10.0**high, 3) if value > 0]


def _crosses(
    marked: Sequence[tuple[int, float]],
    steps: Numbers,
    x: Places,
    y: Places,
    finite: NDArray[np.bool_],
    known: dict[bytes, list[_Spot]],
) -> dict[int, str]:
    """Return a cross for each line that failed, on it: at its last point where it ends before that.

    Args:
        marked: Lines that failed, and when.
        steps: [points] Rising.
        x: [points]
        y: [lines, points]
        finite: [lines, points]
        known: Where lines without gaps are crossed, by x; other charts of the same steps have it there too.
    """
    key = x.tobytes()
    spots = known.get(key)
    if spots is None:
        every = list(range(len(x)))
        when, where = steps.tolist(), x.tolist()
        spots = known[key] = [_spot(every, when, where, failed_at) for _, failed_at in marked]
    whole: list[bool] = np.logical_and.reduce(finite, axis=1).tolist()
    found = {}
    for (line, failed_at), place in zip(marked, spots, strict=True):
        spot = place
        if not whole[line]:
            kept = finite[line].nonzero()[0].tolist()
            if not kept:
                continue
            spot = _spot(kept, steps.tolist(), x.tolist(), failed_at)
        first, second, share, across = spot
        low = int(y[line, first])
        down = round(low + share * (int(y[line, second]) - low))
        found[line] = f'<path class="cross" d="M{across} {down - 6}l12 12m0-12l-12 12"/>'
    return found


_Spot = tuple[int, int, float, int]
"""Between which two points, how far from the first to the second, and where a cross begins."""


def _spot(kept: Sequence[int], steps: Sequence[float], x: Sequence[int], failed_at: float) -> _Spot:
    after = min(bisect_left(kept, failed_at, key=steps.__getitem__), len(kept) - 1)
    first, second = kept[max(after - 1, 0)], kept[after]
    gap = steps[second] - steps[first]
    share = min(1.0, max(0.0, (failed_at - steps[first]) / gap)) if gap else 1.0
    return first, second, share, round(x[first] + share * (x[second] - x[first])) - 6


def _paths(x: Places, y: Places, finite: NDArray[np.bool_], widths: Sequence[int]) -> list[str]:
    """Return the paths of lines, with gaps where they are not finite; all at once, from tables of short texts.

    Args:
        x: [points] From 0 to :data:`LARGEST`, and so is y. The points of several charts follow one another.
        y: [lines, points]
        finite: [lines, points]
        widths: How many points each chart has.

    Returns:
        For each line, its path in each chart.
    """
    starts, rights, downs = _texts()
    first = np.cumsum([0, *widths])
    before = np.zeros_like(finite)
    before[:, 1:] = finite[:, :-1]
    before[:, first[:-1][np.array(widths) > 0]] = False
    after = np.zeros_like(finite)
    after[:, :-1] = finite[:, 1:] & before[:, 1:]
    joined = finite & before
    alone = finite & ~before & ~after
    moved, risen = x.copy(), y.copy()
    moved[1:] -= x[:-1]
    risen[:, 1:] -= y[:, :-1]
    texts = np.zeros((len(y), len(x), 3), dtype=starts.dtype)
    texts[..., 0] = np.where(joined, rights[moved], starts[x])
    texts[..., 1] = downs[np.where(joined, risen, y)]
    texts[..., 2][alone] = b"h0"  # a dot
    texts[~finite] = b""
    flat = np.insert(texts.reshape(len(y), -1), 3 * first[1:], b"\n", axis=1)
    return flat.tobytes().translate(None, b"\0").decode().split("\n")[:-1]


def dots(x: NDArray[np.integer[Any]], y: NDArray[np.integer[Any]]) -> str:
    """Return the path of separate points.

    Args:
        x: [points] From 0 to :data:`LARGEST`, and so is y.
        y: [points]
    """
    starts, _, downs = _texts()
    texts = np.full((len(x), 3), b"h0", dtype=starts.dtype)
    texts[:, 0], texts[:, 1] = starts[x], downs[y]
    return texts.tobytes().translate(None, b"\0").decode()


@cache
def _texts() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the texts of a start, a step to the right and a second coordinate, by their numbers; negative from the end."""
    numbers = [*range(LARGEST + 1), *range(-LARGEST, 0)]
    starts, rights, downs = ([form(number) for number in numbers] for form in (
        "M{}".format, "l{}".format, lambda number: f" {number}" if number >= 0 else f"{number}",
    ))  # fmt: skip
    return np.array(starts, dtype="S6"), np.array(rights, dtype="S6"), np.array(downs, dtype="S6")
