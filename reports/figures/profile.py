"""How good trainings get, failures included: the share of all trials that are at least as good as a threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.statistics import ALPHA, performance_profile
from ganbench.harness.statistics.intervals import rate_interval
from ganbench.reports.board import Board
from ganbench.reports.evidence import Evidence, QualityProtocol
from ganbench.reports.figures.canvas import label
from ganbench.reports.figures.drawing import Drawing, Picture, file_name
from ganbench.reports.figures.lines import Lines, choose, frame, greys, name_ends, paper_size, staircase
from ganbench.reports.formatting import percent, short, tick

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HUGE = 1e100
"""The axis ends here at the latest; beyond, differences overflow."""


@dataclass(frozen=True)
class Reached:
    """What trials of one normalizer reached in one protocol.

    Attributes:
        values: Quality of those that did not fail and have a number; also of those that did not learn, or are undecided.
        never: How many failed, or have no number: they are as good as no threshold.
        unknown: How many of them did not fail.
    """

    values: NDArray[np.float64]
    never: int
    unknown: int

    @property
    def trials(self) -> int:
        """All trials."""
        return len(self.values) + self.never


@dataclass(frozen=True)
class Axis:
    """An axis of thresholds, which goes from the strict to the lenient whatever the direction of the measure.

    Attributes:
        log: Whether it is logarithmic.
        start: The strictest threshold.
        end: The most lenient of those where something is to be seen.
        edge: A little further: there, every number counts.
        left: A little before the start.
    """

    log: bool
    start: float
    end: float
    edge: float
    left: float


def draw(evidence: Evidence, board: Board) -> Drawing:
    """Draw a picture for each protocol in which any trial has a number."""
    lines = choose(evidence, board)
    found = [(protocol, reached(evidence, protocol, [*lines.styles, *lines.grey])) for protocol in evidence.protocols]
    shown = [(protocol, trials) for protocol, trials in found if any(len(item.values) for item in trials.values())]
    levels = lines.levels(len(shown))
    unknown = sum(item.unknown for _, trials in shown for item in trials.values())
    return Drawing(
        name="profile",
        title="How good they get, failures included",
        caption="The share of all trials whose last evaluation is at least as good as a threshold, from strict thresholds"
        " on the left to lenient ones on the right; a failed trial is as good as none. A line further up is better, and"
        " where it ends at the right is the share of trials that did not fail."
        + " Trials that did not learn, and undecided ones, count with the number that they have."
        * (not evidence.decides_all)
        + f" Trials that did not fail and yet have no finite number ({unknown} in all) are as good as none, too."
        * bool(unknown)
        + f" Bands are pointwise {percent(1 - ALPHA)} intervals of the share." * lines.band
        + lines.said(),
        parts=tuple(
            _picture(file_name("profile", index, protocol.title), protocol, trials, lines, levels)
            for index, (protocol, trials) in enumerate(shown)
        ),
    )


def reached(evidence: Evidence, protocol: QualityProtocol, normalizers: Sequence[str]) -> dict[str, Reached]:
    """Return what each normalizer reached in a protocol, all its settings pooled; those without trials are left out."""
    groups = [group for group in evidence.groups if group.protocol == protocol]
    found = {}
    for name in normalizers:
        results = [result for group in groups for result in evidence.of(group, name)]
        stable = np.array([result.quality for result in results if not result.verdict.failed])
        values = stable[np.isfinite(stable)]
        if results:
            found[name] = Reached(values, len(results) - len(values), len(stable) - len(values))
    return found


def axis(values: NDArray[np.float64], better: str) -> Axis:
    """Return the axis on which some values are seen best: logarithmic over a wide range, and cut before far outliers.

    Args:
        values: Finite, at least one.
        better: ``"lower"`` or ``"higher"``.
    """
    values = np.clip(values, -_HUGE, _HUGE)
    log = better == "lower" and bool(values.min() > 0 and values.max() / values.min() > 20)
    places = np.log10(values) if log else values
    low, high = float(places.min()), float(places.max())
    inner_low, inner_high = (float(place) for place in np.quantile(places, (0.005, 0.995)))
    reach = inner_high - inner_low
    if reach > 0:
        low, high = max(low, inner_low - reach), min(high, inner_high + reach)
    if high <= low:
        middle, pad = low, 0.05 * abs(low) or 0.5
        low, high = middle - pad, middle + pad
    margin = 0.03 * (high - low)
    ends = [low - margin, low, high, high + margin]
    left, start, end, edge = (10**place if log else place for place in (ends if better == "lower" else reversed(ends)))
    return Axis(log, start, end, edge, left)


def thresholds(values: NDArray[np.float64], where: Axis, levels: int) -> NDArray[np.float64]:
    """Return the thresholds at which lines may step, from strict to lenient.

    Args:
        values: Of all lines.
        where: Their axis.
        levels: How many thresholds at most; where there are more values, they are evenly spaced on the axis.
    """
    low, high = min(where.start, where.end), max(where.start, where.end)
    distinct = np.unique(values[(values >= low) & (values <= high)])
    if len(distinct) > levels:
        ends = (math.log10(low), math.log10(high)) if where.log else (low, high)
        distinct = np.linspace(*ends, levels)
        distinct = 10**distinct if where.log else distinct
        distinct[[0, -1]] = low, high
    return distinct if where.end >= where.start else distinct[::-1]


def profile(
    trials: Reached, where: Axis, steps: NDArray[np.float64], better: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return thresholds and shares of a line; at the edge, every number counts.

    Args:
        trials: Of one normalizer.
        where: The axis.
        steps: The thresholds at which it may step.
        better: ``"lower"`` or ``"higher"``.
    """
    values = trials.values.tolist()
    shares = performance_profile(values, trials.never, [where.left, *steps], better)
    return np.array([where.left, *steps, where.edge]), np.append(shares, len(values) / trials.trials)


def _picture(
    name: str, protocol: QualityProtocol, trials: Mapping[str, Reached], lines: Lines, levels: tuple[int, int]
) -> Picture:
    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        values = np.concatenate([item.values for item in trials.values()])
        where = axis(values, protocol.better)
        fine, coarse = (thresholds(values, where, level) for level in levels)
        frame(axes)
        _scale(axes, where)
        greys(
            axes,
            [staircase(*profile(trials[one], where, coarse, protocol.better)) for one in lines.grey if one in trials],
        )
        for one, (shade, dash) in reversed(list(lines.styles.items())):
            if one in trials:
                found = profile(trials[one], where, fine, protocol.better)
                if lines.band:
                    _band(axes, *found, trials[one].trials, shade)
                axes.plot(*staircase(*found), color=shade, linestyle=dash, solid_joinstyle="miter")
        said = f"{short(protocol.measure, 36)}\nfrom strict to lenient ({protocol.better} is better)"
        label(axes, xlabel=said, ylabel="share of all trials")
        ends = {one: len(trials[one].values) / trials[one].trials for one in lines.styles if one in trials}
        name_ends(figure, axes, lines, ends)

    spoken = f"Share of trials at least as good as a threshold: {protocol.title}"
    return Picture(name, protocol.title, spoken, (7.2, 3.6), paper_size(lines), paint)


def _band(axes: Axes, x: NDArray[np.float64], shares: NDArray[np.float64], trials: int, shade: str) -> None:
    ends = {share: rate_interval(round(share * trials), trials) for share in dict.fromkeys(shares.tolist())}
    across, low = staircase(x, [ends[share][0] for share in shares.tolist()])
    back, high = staircase(x, [ends[share][1] for share in shares.tolist()])
    axes.fill([*across, *back[::-1]], [*low, *high[::-1]], color=shade, alpha=0.08, lw=0)


def _scale(axes: Axes, where: Axis) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if where.log:
        axes.set_xscale("log")
        wide = max(where.end, where.start) / min(where.end, where.start) >= 1000
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(where.left, where.edge)
