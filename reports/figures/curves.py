"""How trainings went: quality and the discriminator's gradient norm over the steps, seed by seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.trace import Column
from reports.evidence import Evidence, Group, Protocol, Result
from reports.figures.canvas import colour, dashes, decades, label, render
from reports.figures.drawing import Drawing, Part
from reports.formatting import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
THIN_LINES = 16

Line = tuple[Column, Column]


def draw(evidence: Evidence) -> Drawing:
    """Draw, for each protocol of quality, a column per setting: quality above, gradient norm below."""
    parts = []
    for index, protocol in enumerate(evidence.protocols):
        groups = [group for group in evidence.groups if group.protocol == protocol and _has_curves(evidence, group)]
        if groups:
            parts.append(_part(f"curves{index}", evidence, protocol, groups))
    some = f" Of more than {THIN_LINES} seeds, the first {THIN_LINES} have a thin line." * (evidence.seeds > THIN_LINES)
    return Drawing(
        name="curves",
        title="How training went",
        caption="Above, quality; below, the norm of the discriminator's gradient. A bold line is the median over seeds,"
        " a thin line one seed, and a cross marks where a failed seed first failed. Look for bold lines that turn back"
        f" or never leave the start, and for gradients that leave the others by orders of magnitude.{some}",
        parts=tuple(parts),
        legend=True,
    )


def middle(lines: Sequence[Line]) -> Line:
    """Return the median over seeds, as far as half of them have values: beyond, the survivors would speak for all.

    Args:
        lines: Steps and values of each seed; a line may be shorter than the others, or not finite from some step on.
    """
    steps = np.unique(np.concatenate([steps for steps, _ in lines])) if lines else np.empty(0)
    table = np.full((len(lines), len(steps)), np.nan)
    for row, (own, values) in zip(table, lines, strict=True):
        row[np.searchsorted(steps, own)] = values
    table[~np.isfinite(table)] = np.nan
    enough = np.isfinite(table).sum(axis=0) * 2 >= max(len(lines), 1)
    return steps[enough], np.nanmedian(table[:, enough], axis=0) if enough.any() else np.empty(0)


def _has_curves(evidence: Evidence, group: Group) -> bool:
    return any(result.curves is not None for name in group.cells for result in evidence.of(group, name))


def _part(name: str, evidence: Evidence, protocol: Protocol, groups: list[Group]) -> Part:
    bands = -(-len(groups) // COLUMNS)
    columns = min(COLUMNS, len(groups))

    def paint(figure: Figure) -> None:
        grid = figure.subplots(2 * bands, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_visible(False)
        kinds = (("quality", protocol.measure), ("gradient", "gradient norm of D"))
        for row, (kind, words) in enumerate(kinds):
            panels = [grid[2 * (place // columns) + row, place % columns] for place in range(len(groups))]
            lines = [_panel(panel, evidence, group, kind) for panel, group in zip(panels, groups, strict=True)]
            values = np.concatenate([values for panel in lines for _, values in panel] or [np.empty(0)])
            _scale(panels, values, log=kind == "gradient" or _spreads(values, protocol))
            for place, (panel, group) in enumerate(zip(panels, groups, strict=True)):
                panel.set_visible(True)
                if row == 0:
                    label(panel, title=short(group.title.removeprefix(f"{group.dataset} · "), 40))
                    panel.tick_params(labelbottom=False)
                else:
                    label(panel, xlabel="step")
                if place % columns == 0:
                    label(panel, ylabel=short(words, 24))
                else:
                    panel.tick_params(labelleft=False)

    title = f"{protocol.title}, {protocol.better} is better"
    return Part(title, render(name, title, 0.5 + 3.4 * columns, 4.2 * bands, paint))


def _panel(axes: Axes, evidence: Evidence, group: Group, kind: str) -> list[Line]:
    shown = []
    for index, normalizer in enumerate(evidence.normalizers):
        results = [result for result in evidence.of(group, normalizer) if result.curves is not None]
        lines = [_line(result, kind) for result in results]
        for result, (steps, values) in list(zip(results, lines, strict=True))[:THIN_LINES]:
            axes.plot(steps, values, color=colour(index), lw=0.5, alpha=0.28)
            _mark(axes, result, steps, values, colour(index))
        bold = middle([line for line in lines if len(line[0])])
        axes.plot(*bold, color=colour(index), lw=1.7, linestyle=dashes(index), zorder=3)
        shown += [*lines, bold]
    return shown


def _line(result: Result, kind: str) -> Line:
    steps, values = getattr(result.curves, kind)
    return steps, np.where(np.isfinite(values), values, np.nan)


def _mark(axes: Axes, result: Result, steps: Column, values: Column, shade: str) -> None:
    """Mark where a seed first failed, on its line; at its last finite value where it was not finite any more."""
    finite = np.isfinite(values)
    failed_at = result.verdict.failed_at
    if failed_at is None or not finite.any():
        return
    step = min(max(failed_at, steps[finite][0]), steps[finite][-1])
    axes.plot([step], [np.interp(step, steps[finite], values[finite])], "x", color=shade, ms=4, mew=1.1, zorder=4)


def _spreads(values: Column, protocol: Protocol) -> bool:
    """Return whether a measure needs a logarithmic axis."""
    finite = values[np.isfinite(values)]
    return protocol.better == "lower" and len(finite) > 0 and finite.min() > 0 and finite.max() / finite.min() > 20


def _scale(panels: Sequence[Axes], values: Column, *, log: bool) -> None:
    """Give all panels of a row one axis, so that settings can be compared."""
    finite = values[np.isfinite(values) & ((values > 0) | (not log))]
    if not len(finite):
        return
    low, high = (float(np.quantile(finite, share)) for share in (0.001, 0.999))
    for panel in panels:
        if log:
            panel.set_yscale("log")
            panel.set_ylim(low / 1.3, high * 1.3)
            decades(panel)
        else:
            margin = 0.04 * (high - low) or 0.5
            panel.set_ylim(low - margin, high + margin)
