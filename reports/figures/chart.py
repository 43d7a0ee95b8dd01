"""Line charts as SVG, light enough to draw tens of thousands of them: every seed a thin line, their median a bold one.

Colours, widths and fonts are the page's (``templates/page.css``), so a chart follows light and dark, and a seed that is
pointed at stands out. Coordinates are whole numbers and each is written as its difference from the one before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.figures.lines import Numbers
from reports.formatting import tick

Places = NDArray[np.int32]

SPREAD = 20
"""Values that are so many times apart need a logarithmic axis."""

BEYOND = 1e6
"""A logarithmic axis ends so many times above the median; what goes beyond runs along its edge."""

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
    """

    width: int
    height: int
    left: int = 76
    bottom: int = 34
    top: int = 12
    right: int = 12


LARGE, SMALL, SPARK = Size(620, 360), Size(360, 230), Size(240, 80, 2, 2, 4, 4)


@dataclass(frozen=True)
class Line:
    """What is said about one line of a chart.

    Attributes:
        title: What it is; shown when it is pointed at.
        marks: Classes that the style sheet knows; not from outside.
        failed_at: The step at which it is crossed.
        style: Custom properties, such as the colour; not from outside.
    """

    title: str
    marks: str = ""
    failed_at: float | None = None
    style: str = ""

    @cached_property
    def opening(self) -> str:
        """The start of its element: a cell has many charts of the same lines."""
        style = f' style="{self.style}"' if self.style else ""
        return f'<g class="{self.marks}"{style}><title>{escape(self.title)}</title>'


def spreads(values: Numbers) -> bool:
    """Return whether values need a logarithmic axis.

    Args:
        values: Of any shape; nan is passed over.
    """
    finite = values[np.isfinite(values)]
    return len(finite) > 0 and bool(finite.min() > 0) and bool(finite.max() > SPREAD * finite.min())


def chart(
    words: str,
    steps: Numbers,
    values: Numbers,
    lines: Sequence[Line],
    *,
    until: float,
    median: Numbers | None = None,
    log: bool = False,
    bounds: Sequence[float] = (),
    size: Size = LARGE,
    axes: bool = True,
) -> str:
    """Return an SVG element.

    Args:
        words: What it shows, for those who do not see it.
        steps: [steps] Rising.
        values: [lines, steps] Each line's values; nan where it has none.
        lines: What is said about each.
        until: Where the horizontal axis ends; it begins at 0.
        median: [steps] The bold line.
        log: Whether the vertical axis is logarithmic; values that are not positive are not drawn then.
        bounds: Values at which a dashed line is drawn.
        size: Of the drawing.
        axes: Whether it has any.
    """
    drawn = values if median is None else np.concatenate([values, median[None]])
    if log:
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = np.log10(drawn)
        bounds = [math.log10(bound) for bound in bounds if bound > 0]
    finite = np.isfinite(drawn)
    low, high = _limits(drawn[finite], bounds, log=log)
    wide, tall = size.width - size.left - size.right, size.height - size.top - size.bottom
    until = until if until > 0 else 1.0
    # Beyond these a number would not fit; only a trace that contradicts its own budget gets there.
    x = np.minimum(np.maximum(steps * (wide / until) + (size.left + 0.5), 0), LARGEST).astype(np.int32)
    share = (high - np.where(finite, np.minimum(np.maximum(drawn, low), high), low)) / (high - low)
    y = (share * tall + (size.top + 0.5)).astype(np.int32)
    paths = _paths(x, y, finite)
    count = len(lines)
    dashed = (round(size.top + (high - bound) / (high - low) * tall) for bound in bounds)
    parts = [
        f'<svg class="chart" viewBox="0 0 {size.width} {size.height}" role="img" aria-label="{escape(words)}">',
        _axes(size, low, high, until, log=log) if axes else "",
        *(f'<path class="bound" d="M{size.left} {place}h{wide}"/>' for place in dashed),
        *_drawn(lines, paths[:count], _crosses(lines, steps, x, y[:count], finite[:count])),
        *(f'<path class="median" d="{path}"/>' for path in paths[count:] if path),
        "</svg>",
    ]
    return "".join(parts)


def _drawn(lines: Sequence[Line], paths: Sequence[str], crosses: dict[int, str]) -> list[str]:
    return [
        f'{line.opening}<path d="{path}"/>{crosses.get(place, "")}</g>'
        for place, (line, path) in enumerate(zip(lines, paths, strict=True))
        if path
    ]


def _limits(finite: Numbers, bounds: Sequence[float], *, log: bool) -> tuple[float, float]:
    """Return the ends of the vertical axis."""
    if not len(finite):
        finite = np.array(bounds) if len(bounds) else np.array([0.0, 1.0])
    low, high = float(finite.min()), float(finite.max())
    if log:
        high = min(high, float(np.partition(finite, len(finite) // 2)[len(finite) // 2]) + math.log10(BEYOND))
    low, high = min([low, *bounds]), max([high, *bounds])
    if log:
        margin = max(0.04 * (high - low), 0.1)
    else:
        margin = 0.04 * (high - low) or 0.05 * abs(high) or 0.5
    return low - margin, high + margin


def _axes(size: Size, low: float, high: float, until: float, *, log: bool) -> str:
    wide, tall = size.width - size.left - size.right, size.height - size.top - size.bottom
    floor = size.top + tall
    grid, labels = [], []
    for value, text in _log_ticks(low, high) if log else _ticks(low, high, 5):
        y = round(size.top + (high - value) / (high - low) * tall)
        grid.append(f"M{size.left} {y}h{wide}")
        labels.append(f'<text class="y" x="{size.left - 8}" y="{y + 7}">{text}</text>')
    for value, text in _ticks(0, until, 5 if wide > 400 else 3):
        x = round(size.left + value / until * wide)
        grid.append(f"M{x} {floor}v6")
        if x + 5 * len(text) < size.width - 60:
            labels.append(f'<text class="x" x="{x}" y="{floor + 27}">{text}</text>')
    labels.append(f'<text class="end" x="{size.width - size.right}" y="{floor + 27}">step</text>')
    return f'<path class="grid" d="{"".join(grid)}"/><path class="axis" d="M{size.left} {floor}h{wide}"/>{"".join(labels)}'


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
    lines: Sequence[Line], steps: Numbers, x: Places, y: Places, finite: NDArray[np.bool_]
) -> dict[int, str]:
    """Return a cross for each line that failed, on it: at its last point where it ends before that."""
    marked = [place for place, line in enumerate(lines) if line.failed_at is not None and finite[place].any()]
    if not marked:
        return {}
    failed = np.array([lines[place].failed_at for place in marked], dtype=float)
    own = finite[marked]
    first, last = own.argmax(axis=1), own.shape[1] - 1 - own[:, ::-1].argmax(axis=1)
    failed = np.clip(failed, steps[first], steps[last])
    after = np.clip(np.searchsorted(steps, failed), first, last)
    before = np.maximum(after - 1, first)
    rows = np.arange(len(marked))
    # Beside a gap, the point that is there.
    after = np.where(own[rows, after], after, before)
    before = np.where(own[rows, before], before, after)
    gap = steps[after] - steps[before]
    share = np.where(gap > 0, (failed - steps[before]) / np.where(gap > 0, gap, 1), 0.0)
    heights = y[marked]
    across = np.rint(x[before] + share * (x[after] - x[before])).astype(int).tolist()
    down = np.rint(heights[rows, before] + share * (heights[rows, after] - heights[rows, before])).astype(int).tolist()
    return {
        place: f'<path class="cross" d="M{i - 6} {j - 6}l12 12m0-12l-12 12"/>'
        for place, i, j in zip(marked, across, down, strict=True)
    }


def _paths(x: Places, y: Places, finite: NDArray[np.bool_]) -> list[str]:
    """Return the path of each line, with a gap where it is not finite; all at once, from tables of short texts.

    Args:
        x: [points] From 0 to :data:`LARGEST`, and so is y.
        y: [lines, points]
        finite: [lines, points]
    """
    count, points = y.shape
    if not points:
        return [""] * count
    starts, rights, downs = _texts()
    before = np.zeros_like(finite)
    before[:, 1:] = finite[:, :-1]
    alone = finite & ~before
    alone[:, :-1] &= ~finite[:, 1:]
    joined = finite & before
    texts = np.zeros((count, points * 3 + 1), dtype=starts.dtype)
    moved, risen = x.copy(), y.copy()
    moved[1:] -= x[:-1]
    risen[:, 1:] -= y[:, :-1]
    texts[:, :-1:3] = np.where(joined, rights[moved], starts[x])
    texts[:, 1:-1:3] = downs[np.where(joined, risen, y)]
    texts[:, 2:-1:3][alone] = b"h0"  # a dot
    if not finite.all():
        texts[:, :-1:3][~finite] = b""
        texts[:, 1:-1:3][~finite] = b""
    texts[:, -1] = b"\n"
    return texts.tobytes().translate(None, b"\0").decode().split("\n")[:-1]


@cache
def _texts() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the texts of a start, a step to the right and a second coordinate, by their numbers; negative from the end."""
    numbers = [*range(LARGEST + 1), *range(-LARGEST, 0)]
    starts, rights, downs = ([form(number) for number in numbers] for form in (
        "M{}".format, "l{}".format, lambda number: f" {number}" if number >= 0 else f"{number}",
    ))  # fmt: skip
    return np.array(starts, dtype="S6"), np.array(rights, dtype="S6"), np.array(downs, dtype="S6")
