"""When trainings fail: the share that is still stable, over the share of the budget that has been used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ganbench.harness.statistics import ALPHA, Survival, kaplan_meier
from ganbench.reports.board import Board
from ganbench.reports.evidence import Evidence, Result
from ganbench.reports.figures.canvas import label
from ganbench.reports.figures.drawing import Drawing, Picture
from ganbench.reports.figures.lines import Lines, choose, frame, greys, name_ends, paper_size, staircase
from ganbench.reports.formatting import count, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(evidence: Evidence, board: Board) -> Drawing:
    """Draw a line for each normalizer, all settings pooled."""
    lines = choose(evidence, board)
    trials = pooled(evidence)
    numbers = {name: len(trials[name]) for name in (*lines.styles, *lines.grey)}

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        levels, coarse = lines.levels(1)
        frame(axes)
        curves = {name: thinned(curve(trials[name]), levels) for name in lines.styles}
        greys(axes, [staircase(*_line(thinned(curve(trials[name]), coarse))) for name in lines.grey])
        for name, (shade, dash) in reversed(list(lines.styles.items())):
            found = curves[name]
            if lines.band:
                _band(axes, found, shade)
            axes.plot(*staircase(*_line(found)), color=shade, linestyle=dash, solid_joinstyle="miter")
        axes.set_xlim(0, 1.01)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], [percent(share) for share in (0, 0.25, 0.5, 0.75, 1)])
        said = "share still stable" if evidence.decides_all else "share without a failure"
        label(axes, xlabel="share of the step budget", ylabel=said)
        name_ends(figure, axes, lines, {name: float(curves[name].stable[-1]) for name in lines.styles})

    title = "When they fail"
    picture = Picture("survival", "", title, (7.2, 3.8), paper_size(lines), paint)
    return Drawing(
        name="survival",
        title=title,
        caption=_caption(evidence, lines, numbers),
        parts=(picture,) if numbers else (),
    )


def pooled(evidence: Evidence) -> dict[str, list[Result]]:
    """Return the trials of each normalizer in all its settings."""
    return {
        name: [result for group in evidence.groups for result in evidence.of(group, name)]
        for name in evidence.normalizers
    }


def curve(results: list[Result]) -> Survival:
    """Return the share of trainings that are still stable, over the share of the budget used."""
    return kaplan_meier([item.lasted for item in results], [item.verdict.failed for item in results], 1.0)


def thinned(found: Survival, levels: int) -> Survival:
    """Return a curve with at most so many steps, each of which has its exact height; a failure is drawn too late by at
    most one part in so many of the budget.

    Args:
        found: With at least one trial.
        levels: How many steps at most.
    """  # noqa: D205
    places = found.steps
    if len(places) > levels:
        kept = np.ceil(places * (levels - 1) - 1e-9) / (levels - 1)
        last = np.append(np.flatnonzero(np.diff(kept)), len(kept) - 1)
        return Survival(kept[last], found.stable[last], found.low[last], found.high[last], found.restricted_mean)
    return found


def _line(found: Survival) -> tuple[list[float], list[float]]:
    return [*found.steps, 1.0], [*found.stable, float(found.stable[-1])]


def _band(axes: Axes, found: Survival, shade: str) -> None:
    known = np.isfinite(found.low) & np.isfinite(found.high)
    if not known.any():
        return
    first = int(np.argmax(known))
    last = len(known) - int(np.argmax(known[::-1]))
    steps = [*found.steps[first:last], found.steps[last] if last < len(known) else 1.0]
    x, low = staircase(steps, [*found.low[first:last], found.low[last - 1]])
    above, high = staircase(steps, [*found.high[first:last], found.high[last - 1]])
    axes.fill([*x, *above[::-1]], [*low, *high[::-1]], color=shade, alpha=0.08, lw=0)


def _caption(evidence: Evidence, lines: Lines, numbers: Mapping[str, int]) -> str:
    least, most = (min(numbers.values()), max(numbers.values())) if numbers else (0, 0)
    each = str(most) if least == most else f"{least} to {most}"
    cells = {tuple(bool(evidence.of(group, name)) for group in evidence.groups) for name in numbers}
    return (
        "The share of trainings that no failure had been found in yet, over the share of their step budget"
        f" (Kaplan–Meier), pooled over {count(len(evidence.groups), 'setting')}: {each} trials of each normalizer."
        " A line that falls early fails early; the height at the right is the share that never failed."
        + " A trial that did not learn has not failed; one that is undecided counts as far as its log goes."
        * (not evidence.decides_all)
        + f" Bands are pointwise {percent(1 - ALPHA)} intervals." * lines.band
        + " Not all normalizers were trained in the same settings, so their lines do not compare them on equal terms."
        * (len(cells) > 1)
        + lines.said()
    )
