"""From matplotlib to an SVG that fits the page: same data, same bytes; its colours follow the page's light or dark."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's colours, which people of all kinds of colour vision can tell apart; for dark backgrounds, lighter ones.
PALETTE = (
    ("#0072b2", "#5fb0ea"),
    ("#d98c00", "#f2b63c"),
    ("#009e73", "#2dc79b"),
    ("#c0609a", "#e39ac6"),
    ("#d55e00", "#ff8a4c"),
    ("#2c9fd6", "#9ad8fa"),
    ("#857400", "#d8cc50"),
    ("#5a5a5a", "#c4c4c4"),
)

DASHES = ("solid", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1.5, 1, 1.5)))
"""Line styles; the next one begins when the palette has been used up."""

# Matplotlib wants fixed colours. These stand for colours that the page's style sheet decides on.
INK, SOFT, GRID, FAIL = "#010203", "#010204", "#010205", "#010206"
_STANDS_FOR = {
    INK: "currentColor",
    SOFT: "var(--soft, #777777)",
    GRID: "var(--line, #dddddd)",
    FAIL: "var(--fail, #b3261e)",
}

_STYLE: dict[str, Any] = {
    "svg.hashsalt": "ganbench",
    "svg.fonttype": "none",
    "image.composite_image": False,
    "text.usetex": False,
    "path.simplify": False,
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": INK,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "ytick.minor.size": 0.0,
    "axes.formatter.limits": (-4, 5),
}

_DOCUMENT = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_PATH = re.compile(r' d="([^"]*)"')
_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_CURVE = re.compile(r"[CQz]")
_ID = re.compile(r' id="([^"]*)"')
_REFERENCE = re.compile(r'(url\(#|href="#)([^")]*)')
_FONT = re.compile(r"font: ([^;\"]*?)(\d+(?:\.\d+)?px)[^;\"]*")


def colour(index: int) -> str:
    """Return the colour of a normalizer, by its place in the plan; the page decides what it looks like."""
    return f"#0102{0x10 + index % len(PALETTE):02x}"


def dashes(index: int) -> Any:
    """Return the line style of a normalizer, by its place in the plan."""
    return DASHES[index // len(PALETTE) % len(DASHES)]


def render(name: str, title: str, width: float, height: float, paint: Callable[[Figure], None]) -> str:
    """Draw a figure and return it as an element for the page.

    Args:
        name: Prefix of the identifiers inside, unique on the page.
        title: What a screen reader says.
        width: In inches, of which the page makes 96 pixels.
        height: Likewise.
        paint: Draws into the figure.
    """
    from matplotlib import style
    from matplotlib.figure import Figure

    text = io.StringIO()
    # A name in a script that the font lacks is drawn by the reader's browser, not by matplotlib.
    with style.context(["default", _STYLE]), warnings.catch_warnings(action="ignore"):
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="none")
        paint(figure)
        figure.savefig(text, format="svg", facecolor="none", metadata={"Date": None, "Creator": None})
    return _fit(name, title, text.getvalue())


def label(axes: Axes, **texts: str) -> None:
    """Set title, x label or y label from texts that are not ours: no dollar sign starts a formula.

    Args:
        axes: Where.
        texts: ``title``, ``xlabel``, ``ylabel``.
    """
    for kind, value in texts.items():
        getattr(axes, f"set_{kind}")(value, parse_math=False)


def decades(axes: Axes) -> None:
    """Label a logarithmic axis at powers of ten only, if it has two of them; widen it if it has none.

    Args:
        axes: Whose vertical axis is logarithmic, its limits set.
    """
    from matplotlib.ticker import NullFormatter

    low, high = (math.log10(limit) for limit in axes.get_ylim())
    if math.floor(high) < math.ceil(low):  # no power of ten in between
        low, high = (
            (math.floor(low), high) if low - math.floor(low) < math.ceil(high) - high else (low, math.ceil(high))
        )
        axes.set_ylim(10**low, 10**high)
    if math.floor(high) > math.ceil(low):
        axes.yaxis.set_minor_formatter(NullFormatter())


def _fit(name: str, title: str, svg: str) -> str:
    from html import escape

    svg = _METADATA.sub("", _DOCUMENT.sub("", svg))
    svg = _PATH.sub(lambda path: f' d="{_compact(path[1])}"', svg)
    wanted = {match[2] for match in _REFERENCE.finditer(svg)}
    svg = _ID.sub(lambda match: f' id="{name}-{match[1]}"' if match[1] in wanted else "", svg)
    svg = _REFERENCE.sub(lambda match: f"{match[1]}{name}-{match[2]}", svg)
    svg = _FONT.sub(lambda match: f"font: {match[1]}{match[2]} system-ui, sans-serif", svg)
    for sentinel, meaning in _stands_for().items():
        svg = svg.replace(sentinel, meaning)
    svg = re.sub(r"\s*\n\s*", "\n", svg).strip()
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)


def _compact(path: str) -> str:
    path = " ".join(_NUMBER.sub(_rounded, path).split())
    # Points after a move are lines without saying so; after a curve they would be curves.
    return path if _CURVE.search(path) else path.replace(" L ", " ")


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.1f}".removesuffix(".0")


def _stands_for() -> dict[str, str]:
    return _STANDS_FOR | {colour(index): f"var(--n{index}, {light})" for index, (light, _) in enumerate(PALETTE)}
