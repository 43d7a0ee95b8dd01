"""Every normalizer against the declared baseline: how much more or less often it fails, over all and setting by setting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.statistics import ALPHA, risk_difference
from ganbench.reports.board import Board, Change
from ganbench.reports.board.pairing import outcomes, pair_all
from ganbench.reports.evidence import Evidence
from ganbench.reports.figures.canvas import INK, PAPER, SOFT, TEXT, beside, label
from ganbench.reports.figures.drawing import Drawing, Picture
from ganbench.reports.formatting import change, count, percent, plain, points, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 40
"""Of more normalizers, the first and the last by their difference are drawn."""
ROW = 0.32
"""Height of a normalizer, in inches on the page."""
_MARK, _FLOOR, _TALLEST, _LEAST = -0.2, 0.42, 0.42, 0.18


@dataclass(frozen=True)
class ForestRow:
    """One normalizer against the baseline.

    Attributes:
        normalizer: Its label.
        change: Over the settings in which the two are compared.
        settings: The difference of the rates in each of these in which they share trials, in the plan's order.
        left_out: In how many other settings they share trials.
    """

    normalizer: str
    change: Change
    settings: tuple[float, ...]
    left_out: int


def draw(evidence: Evidence, board: Board) -> Drawing:
    """Draw a row for each normalizer that shares trials with the baseline."""
    baseline = evidence.plan.get("baseline")
    found = entries(evidence, board)
    shown = found if len(found) <= MOST else found[: MOST // 2] + found[-MOST // 2 :]
    name = short(str(baseline), 40)
    title = f"Against {name}"
    cut = f" Of {len(found)} normalizers, the first {MOST // 2} and the last {MOST // 2} by their difference."
    decided = evidence.sequential is not None and evidence.sequential.test is not None
    test = "the test of sequential seeds" if decided else "the test, corrected for all pairs,"
    mixed = ", unless the one that fails less often learns less often" * any(entry.change.mixed for entry in shown)
    height = 1.0 + ROW * len(shown)

    def paint(figure: Figure) -> None:
        _paint(figure.subplots(), shown, name, gap=len(shown) < len(found))

    picture = Picture(
        "forest", "", title, (9.4, height), (TEXT, 0.75 + (0.24 if len(shown) <= 20 else 0.2) * len(shown)), paint
    )
    return Drawing(
        name="forest",
        title=title,
        caption=f"Instability rate less that of {plain(str(baseline))} on the"
        f" {'' if evidence.decides_all else 'decided '}trials that they share: left of the line, a"
        f" normalizer fails less often.{_where(found)} The diamond is all of them together with its"
        f" {percent(1 - ALPHA)} interval; these"
        f" intervals hold together. It is filled and bold where {test} separates the two{mixed}."
        " The thin marks below are single settings, taller where several have the same"
        " difference: far apart, they say that the answer depends on the setting." + cut * (len(shown) < len(found)),
        parts=(picture,) if shown else (),
    )


def entries(evidence: Evidence, board: Board) -> list[ForestRow]:
    """Return every normalizer that shares trials with the baseline, the lowest difference first."""
    baseline = evidence.plan.get("baseline")
    changes = [(row.normalizer, row.change) for row in board.all_rows if row.change is not None]
    compared = sorted(
        ((name, found) for name, found in changes if np.isfinite(found.difference)), key=lambda item: item[1].difference
    )
    if not compared or baseline is None:
        return []
    names = [baseline, *(name for name, _ in compared)]
    base, *others = outcomes(evidence, names)
    allowed = pair_all(evidence, names, board.standing).allowed.T  # of which the first are the baseline's pairs
    return [
        ForestRow(
            name, found, tuple(_differences(own[where], base[where])), len(_differences(own[~where], base[~where]))
        )
        for (name, found), own, where in zip(compared, others, allowed[: len(others)], strict=True)
    ]


def _where(found: Sequence[ForestRow]) -> str:
    """Return in which settings they are compared, where that is not all of them."""
    left_out = max((entry.left_out for entry in found), default=0)
    others = f"{count(left_out, 'other setting')} {'is' if left_out == 1 else 'are'}"
    return f" Those of the order are compared in its settings alone: {others} left out." if left_out else ""


def _differences(own: NDArray[np.float64], base: NDArray[np.float64]) -> list[float]:
    """Return the difference of the rates in each group with shared trials, for outcomes [groups, seeds]."""
    shared = np.isfinite(own) & np.isfinite(base)
    tables = (
        (shared & (own == first) & (base == second)).sum(axis=1) for first, second in ((1, 1), (1, 0), (0, 1), (0, 0))
    )
    return [risk_difference(*(int(number) for number in counts)).value
            for counts in zip(*tables, strict=True) if sum(counts)]  # fmt: skip


def _paint(axes: Axes, shown: Sequence[ForestRow], baseline: str, *, gap: bool) -> None:
    import matplotlib as mpl
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    half = len(shown) // 2
    rows = [place + (gap and place >= half) for place in range(len(shown))]
    bottom = rows[-1] + 0.62
    axes.axvline(0, color=SOFT, lw=0.8)
    wide = axes.get_yaxis_transform()
    axes.plot(
        *_broken([((0, 1), row + 0.5) for row in range(rows[-1] + 1)]), color=SOFT, lw=0.3, alpha=0.35, transform=wide
    )
    _settings(axes, shown, rows)
    mark = float(mpl.rcParams["lines.markersize"])
    for sure, width in ((False, 0.16 * mark), (True, 0.4 * mark)):
        some = [(item.change, row) for row, item in zip(rows, shown, strict=True) if item.change.significant == sure]
        intervals = _broken([((found.low, found.high), row + _MARK) for found, row in some])
        axes.plot(*intervals, color=INK, lw=width, solid_capstyle="butt")
    for row, entry in zip(rows, shown, strict=True):
        found, sure = entry.change, entry.change.significant
        face = INK if sure else PAPER
        axes.plot(
            [found.difference],
            [row + _MARK],
            "D",
            ms=mark if sure else 0.87 * mark,
            mec=INK,
            mfc=face,
            mew=0.9,
            zorder=4,
        )
    size = float(mpl.rcParams["font.size"]) - 0.5
    across = 12 + 15.5 * size  # room for the longest change in bold
    right = beside(axes)
    for row, entry in zip(rows, shown, strict=True):
        found = entry.change
        weight = "bold" if found.significant else "normal"
        axes.text(12, row, change(found), transform=right, va="center", fontsize=size, color=INK, weight=weight)
        counts = f"{found.wins} / {found.ties} / {found.losses}"
        axes.text(across, row, counts, transform=right, va="center", fontsize=size, color=INK)
    for place, words in ((12, f"together ({percent(1 - ALPHA)} interval)"), (across, "wins / ties / losses")):
        axes.text(place, -0.75, words, transform=right, va="center", fontsize=size, color=SOFT)
    for side, step, words in (("right", -8, "← fails less often"), ("left", 8, "fails more often →")):
        axes.annotate(words, (0, -0.75), (step, 0), textcoords="offset points", ha=side, va="center", fontsize=size,
                      color=SOFT)  # fmt: skip
    if gap:
        axes.text(12, half, "…", transform=right, va="center", fontsize=size, color=SOFT)
    reach = max(abs(value) for entry in shown for value in (entry.change.low, entry.change.high, *entry.settings))
    reach = 1.04 * max(0.1, reach)
    axes.set(xlim=(-reach, reach), ylim=(bottom, -1.1))
    axes.set_yticks(rows, [short(entry.normalizer, 26) for entry in shown], parse_math=False, color=INK)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 2.5, 5, 10], symmetric=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: points(value)))
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    label(axes, xlabel=f"instability rate less that of {baseline}, percentage points")


def _broken(lines: Sequence[tuple[tuple[float, float], float]]) -> tuple[list[float], list[float]]:
    """Return level lines, each from where to where and how high, as one: a path for each would be most of the file."""
    return [x for ends, _ in lines for x in (*ends, np.nan)], [
        y for _, height in lines for y in (height, height, np.nan)
    ]


def _settings(axes: Axes, shown: Sequence[ForestRow], rows: Sequence[int]) -> None:
    """Draw the settings' differences, equal ones as one mark whose height grows with their number."""
    tallies = [Counter(round(value, 3) for value in entry.settings) for entry in shown]
    most = max((number for tally in tallies for number in tally.values()), default=1)
    x: list[float] = []
    y: list[float] = []
    for row, tally in zip(rows, tallies, strict=True):
        for value, number in sorted(tally.items()):
            height = _LEAST + (_TALLEST - _LEAST) * (number - 1) / max(1, most - 1)
            x += [value, value, np.nan]
            y += [row + _FLOOR, row + _FLOOR - height, np.nan]
    axes.plot(x, y, color=INK, lw=1.2, alpha=0.6, solid_capstyle="butt")
