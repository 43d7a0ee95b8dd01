"""What generators make at the end of training: samples of a typical seed of every cell."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reports.board import Board, representative
from reports.evidence import Evidence, Group, Result
from reports.figures.canvas import FAIL, INK, SOFT, label, render
from reports.figures.drawing import Drawing, Part
from reports.formatting import mode, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

IMAGES = 25
POINTS = 300

Samples = NDArray[Any]


@dataclass(frozen=True)
class _Panel:
    """A cell's typical trial, None where all are missing, and its samples, None where it has none."""

    result: Result | None
    samples: Samples | None


def draw(evidence: Evidence, board: Board, samples: Callable[[str], Samples | None]) -> Drawing:
    """Draw, for each data set, a row per setting and a column per normalizer, the most stable on the left."""
    columns = [row.normalizer for row in board.rows]
    parts = []
    for index, dataset in enumerate(dict.fromkeys(group.dataset for group in evidence.groups)):
        rows = [group for group in evidence.groups if group.dataset == dataset]
        panels = [[_panel(evidence, group, name, samples) for name in columns] for group in rows]
        if any(panel.samples is not None for row in panels for panel in row):
            parts.append(_part(f"samples{index}", dataset, rows, columns, panels))
    return Drawing(
        name="samples",
        title="What comes out",
        caption="What the generator makes at its last evaluation, for the seed of median final quality (failed trials"
        " being worst): what to expect of a typical run. Under each picture stands what became of that trial; a red"
        " frame marks a failure.",
        parts=tuple(parts),
        legend=False,
    )


def mosaic(images: Samples) -> Samples:
    """Put images into one picture, as square as it gets, with gaps that one can see through.

    Args:
        images: uint8, [N, C, H, W]; three channels are colours, of any other number the first is shown in grey.

    Returns:
        uint8, [height, width, 4].
    """
    images = images[:IMAGES]
    count, channels, height, width = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = -(-count // columns)
    gap = max(1, height // 12)
    colours = images if channels == 3 else np.repeat(images[:, :1], 3, axis=1)
    picture = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for index, image in enumerate(colours):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        picture[top : top + height, left : left + width, :3] = image.transpose(1, 2, 0)
        picture[top : top + height, left : left + width, 3] = 255
    return picture


def _panel(evidence: Evidence, group: Group, normalizer: str, samples: Callable[[str], Samples | None]) -> _Panel:
    result = representative(evidence, group, normalizer)
    return _Panel(result, None if result is None else samples(result.trial_id))


def _part(name: str, dataset: str, rows: list[Group], columns: list[str], panels: list[list[_Panel]]) -> Part:
    width = min(2.05, max(1.3, 10.3 / len(columns)))
    letters = int(15 * width)
    limit = _limit([panel.samples for row in panels for panel in row if panel.samples is not None])

    def paint(figure: Figure) -> None:
        grid = figure.subplots(len(rows), len(columns), squeeze=False)
        for group, line, places in zip(rows, panels, grid, strict=True):
            for panel, axes in zip(line, places, strict=True):
                _show(axes, panel.samples, limit)
                _frame(axes, panel, letters)
            label(places[0], ylabel=short(group.title.removeprefix(f"{dataset} · "), letters))
        for normalizer, axes in zip(columns, grid[0], strict=True):
            label(axes, title=short(normalizer, letters))

    size = 0.4 + width * len(columns), 0.3 + (width + 0.25) * len(rows)
    return Part(dataset, render(name, f"Samples on {dataset}", *size, paint))


def _show(axes: Axes, values: Samples | None, limit: float) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.set_box_aspect(1)
    if values is None or not len(values):
        return
    if values.ndim == 4:
        axes.imshow(mosaic(values), interpolation="none", aspect="auto")
    else:
        # A line of no length with round ends is a dot, at a fifth of a marker's bytes.
        points = np.asarray(values[:POINTS, :2], dtype=np.float64)
        points = points[np.isfinite(points).all(axis=1) & (np.abs(points) <= limit).all(axis=1)]
        segments = np.full((len(points), 3, 2), np.nan)
        segments[:, 0] = segments[:, 1] = points
        flat = segments.reshape(-1, 2)
        axes.plot(flat[:, 0], flat[:, 1], color=INK, alpha=0.6, lw=1.6, solid_capstyle="round")
        axes.set(xlim=(-limit, limit), ylim=(-limit, limit))


def _frame(axes: Axes, panel: _Panel, letters: int) -> None:
    result = panel.result
    failed = result is not None and result.verdict.failed
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(FAIL if failed else SOFT)
    axes.spines[:].set_linewidth(1.6 if failed else 0.4)
    words = "missing" if result is None else ", ".join(mode(name) for name in result.verdict.modes) or "stable"
    if result is not None and panel.samples is None:
        words += ", no samples"
    axes.set_xlabel(short(words, letters), fontsize=8, color=FAIL if failed else SOFT)


def _limit(samples: list[Samples]) -> float:
    """Return where to cut the axes: most panels are seen whole, and one whose points flew off shrinks no other."""
    reach = [float(np.quantile(np.abs(values[np.isfinite(values)]), 0.99)) for values in samples
             if values.ndim == 2 and np.isfinite(values).any()]  # fmt: skip
    return 1.25 * float(np.median(reach)) or 1.0 if reach else 1.0
