"""From matplotlib to a page and to a paper: same data, same bytes.

On the page a figure's colours follow the page's light or dark; in a paper they are fixed, on nothing.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ganbench.reports.figures.fewer_letters import fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

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

# Colours are named by their place in matplotlib's cycle, which is another one on the page and in a paper.
INK, SOFT, GRID, FAIL, PAPER = (f"C{len(PALETTE) + place}" for place in range(5))
_MEANING = (
    ("currentColor", "#1b1d21"),
    ("var(--soft, #777777)", "#62666d"),
    ("var(--line, #dddddd)", "#e3e5e8"),
    ("var(--fail, #b3261e)", "#b3261e"),
    ("var(--paper, #ffffff)", "#ffffff"),
)
"""What ink, soft, grid, fail and paper are on the page, and in a paper."""

_STYLE: dict[str, Any] = {
    "svg.hashsalt": "ganbench",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "pdf.compression": 9,
    "image.composite_image": False,
    "text.usetex": False,
    "path.simplify": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "text.color": INK,
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
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "ytick.minor.size": 0.0,
    "axes.formatter.limits": (-4, 5),
}
_PAGE_TYPE = {
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "lines.linewidth": 1.5,
    "lines.markersize": 5.5,
}
_PAPER_TYPE = {
    "font.size": 7.0,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.0,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 4.2,
}
_PAGE_FONT, _PAPER_FONT = "system-ui, sans-serif", "Helvetica, Arial, 'DejaVu Sans', sans-serif"

COLUMN, TEXT = 3.3, 6.9
"""Widths in a paper of two columns, in inches: of a column, and of the text."""


def palette_style() -> str:
    """Return the style that gives the normalizers' colours to a page, for light and dark."""
    pairs = " ".join(f"--n{place}: light-dark({light}, {dark});" for place, (light, dark) in enumerate(PALETTE))
    return f":root {{ {pairs} }}"


def colour(index: int) -> str:
    """Return the colour of a normalizer, by its place in the plan; the page decides what it looks like."""
    return f"C{index % len(PALETTE)}"


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
    # Matplotlib wants fixed colours; these stand for what the page's style sheet decides on.
    stand_ins = [f"#0102{place:02x}" for place in range(1, 1 + len(PALETTE) + len(_MEANING))]
    svg = _save("svg", width, height, paint, _PAGE_TYPE, stand_ins).decode()
    svg = fitted(name, title, svg, _PAGE_FONT)
    meanings = [f"var(--n{index}, {light})" for index, (light, _) in enumerate(PALETTE)]
    for stand_in, meaning in zip(stand_ins, [*meanings, *(page for page, _ in _MEANING)], strict=True):
        svg = svg.replace(stand_in, meaning)
    return svg


def print_svg(name: str, title: str, width: float, height: float, paint: Callable[[Figure], None]) -> bytes:
    """Draw a figure for a paper, as an SVG file whose texts are texts.

    Args:
        name: As of :func:`render`.
        title: Likewise.
        width: In inches, as it is to be printed.
        height: Likewise.
        paint: Draws into the figure.
    """
    svg = _save("svg", width, height, paint, _PAPER_TYPE, _printed()).decode()
    svg = svg.replace(
        "<svg ", '<svg style="background: #fff" ', 1
    )  # to be read on a dark page too; paper has no ground
    return ('<?xml version="1.0" encoding="utf-8"?>\n' + fitted(name, title, svg, _PAPER_FONT) + "\n").encode()


def print_pdf(title: str, width: float, height: float, paint: Callable[[Figure], None]) -> bytes:
    """Draw a figure for a paper, as a PDF that brings its letters with it (TrueType, as journals want them).

    Args:
        title: As of :func:`render`.
        width: In inches, as it is to be printed.
        height: Likewise.
        paint: Draws into the figure.
    """
    return _save("pdf", width, height, paint, _PAPER_TYPE, _printed(), Title=title)


def _save(
    kind: str,
    width: float,
    height: float,
    paint: Callable[[Figure], None],
    letters: dict[str, Any],
    colours: list[str],
    **said: str,
) -> bytes:
    from cycler import cycler
    from matplotlib import style
    from matplotlib.figure import Figure

    nobody = {"svg": ("Date", "Creator"), "pdf": ("CreationDate", "Creator", "Producer")}[kind]
    file = io.BytesIO()
    own = {**_STYLE, **letters, "axes.prop_cycle": cycler(color=colours)}
    # A name in a script that the font lacks is drawn by the reader's browser, not by matplotlib; in a PDF, as boxes.
    with style.context(["default", own]), warnings.catch_warnings(action="ignore"):
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="none")
        paint(figure)
        figure.savefig(file, format=kind, facecolor="none", metadata={**dict.fromkeys(nobody), **said})
    return file.getvalue()


def _printed() -> list[str]:
    return [light for light, _ in PALETTE] + [paper for _, paper in _MEANING]


def label(axes: Axes, **texts: str) -> None:
    """Set title, x label or y label from texts that are not ours: no dollar sign starts a formula.

    Args:
        axes: Where.
        texts: ``title``, ``xlabel``, ``ylabel``.
    """
    for kind, value in texts.items():
        getattr(axes, f"set_{kind}")(value, parse_math=False)


def beside(axes: Axes) -> Transform:
    """Return where things stand to the right of some axes: points from their edge, and their own vertical scale.

    Their layout then does not depend on the axes' width, which depends on it.
    """
    from matplotlib.transforms import Affine2D, ScaledTranslation, blended_transform_factory

    figure = axes.get_figure(root=True)
    assert figure is not None
    edge = Affine2D().scale(1 / 72) + figure.dpi_scale_trans + ScaledTranslation(1, 0, axes.transAxes)  # type: ignore[arg-type]  # it is affine
    return blended_transform_factory(edge, axes.transData)
