"""Losing what was had: a series compared with its own past.

Everything that decides a loss at some evaluation is taken from the evaluations before it, but for the mean, or the share,
of what comes after: making those worse never takes a finding back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ganbench.harness.stability.badness import WINDOW, Badness
from ganbench.harness.stability.definition import Learning, Loss
from ganbench.harness.stability.medians import median, window_medians
from ganbench.harness.traces.trace import Column

APART = 6.0
"""Median deviations above the median from which an evaluation stands apart: about four standard deviations."""


OF_CHANGES = 0.954
"""The median change between two normal numbers, over their standard deviation."""

MISSED = 0.05
"""How often a loss of the least size that is named is missed."""


@dataclass(frozen=True)
class Lost:
    """A loss that was found.

    Attributes:
        at: Index of the evaluation from which it lasts.
        before: Badness before.
        after: Badness after.
    """

    at: int
    before: float
    after: float


def begins(values: Column, learning: Learning) -> int:
    """Return the index of the first evaluation that is after learning: near the best median of three.

    Args:
        values: Badness, [N].
        learning: The thresholds.
    """
    if len(values) < WINDOW:
        return len(values)
    best = float(window_medians(values, WINDOW).min())
    return int(np.argmax(values <= best + math.log(learning.near_best)))


def lasting_loss(values: Column, limits: Loss, learning: Learning, least: int, first: int, share: float) -> Lost | None:
    """Find the last evaluations worse than those before them, by more than the noise of those before.

    They are held against the mean of those before, with their deviations as the noise; and against the best median of three
    of them, with their changes from one to the next as the noise, which sees what gets worse slowly, and what is good and
    bad in turns. Of several places where one of the two holds, the one that parts the series best is returned.

    Args:
        values: Badness, [N].
        limits: The thresholds.
        learning: See :func:`begins`; of the evaluations before the loss.
        least: Fewest evaluations after learning.
        first: Index of the first evaluation that can be after learning: what it had must have been good enough.
        share: Of the level of a test, where several series are tested.
    """
    count = len(values)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    end = median(values[-WINDOW:])
    found: list[tuple[float, Lost]] = []
    for at in range(first + limits.prefix_least, count - limits.tail_least + 1):
        mean, after = float(sums[-1] - sums[at]) / (count - at), median(values[at:])
        if after - float(values[first:at].min()) < math.log(limits.factor):
            continue  # no mean of what is before is below its least number
        start = max(first, begins(values[:at], learning))
        tail, whole = count - at, count - start
        if at - start < limits.prefix_least or whole <= least or tail < int(limits.tail_share * whole):
            continue
        before = tamed(values[start:at])
        level = share * _level(whole, limits) / (limits.long_tail if tail > whole // 2 else 1)
        usual, weight = float(before.mean()), math.sqrt(tail * len(before) / whole)
        # A single bad evaluation moves the mean, and not the median; what has come back is not lost any more.
        lasts = min(after, end) - usual >= math.log(limits.factor)
        if lasts and mean - usual >= max(_asked(before, limits), uncertainty(before, tail, level, limits)):
            found.append(((mean - usual) * weight, Lost(at, usual, after)))
            continue
        if len(before) < limits.changes_least:
            continue
        had, changes = float(window_medians(before, WINDOW).min()), _changes(before)
        asked = limits.of_changes * changes * (1 + limits.changes_growth * max(0.0, changes - limits.changes))
        if min(after - had, end - usual) >= math.log(limits.factor) and after - had >= asked:
            found.append(((mean - usual) * weight, Lost(at, had, after)))
    return max(found, key=lambda item: item[0])[1] if found else None


def uncertainty(before: Column, tail: int, level: float, limits: Loss) -> float:
    """Return by how much the mean of the next evaluations could differ by noise alone.

    Args:
        before: Badness of evaluations, [N], at least two.
        tail: How many the next are.
        level: How often it may differ by more, one-sided.
        limits: The thresholds.
    """
    count = len(before)
    apart = before - before.mean()
    squares = float(apart @ apart)
    if squares == 0:
        return 0.0
    noise = math.sqrt(squares / (count - 1))
    # The estimate of short series is too low by about 1 / count.
    together = min(0.8, max(0.0, float(apart[1:] @ apart[:-1]) / squares + 1 / count))
    error = noise * math.sqrt(1 / tail + 1 / count) * math.sqrt((1 + together) / (1 - together))
    return _student(1 - level, count - 1) * error * (1 + limits.noise_growth * max(0.0, noise - limits.noise))


def least_loss(values: Column, limits: Loss, share: float) -> float:
    """Return the factor by which the last quarter of evaluations must be worse to be found in 19 of 20 cases.

    Args:
        values: Badness after learning, [N].
        limits: The thresholds.
        share: Of the level of a test, where several series are tested.
    """
    tail = tail_of(len(values), limits)
    before = tamed(values[:-tail])
    found = max(_asked(before, limits), uncertainty(before, tail, share * _level(len(values), limits), limits))
    mean = found + uncertainty(before, tail, MISSED, limits)
    # The median of the last three must be that much worse too; it varies by two thirds of what one evaluation does.
    end = math.log(limits.factor) + _student(1 - MISSED, len(before) - 1) * 2 / 3 * float(before.std(ddof=1))
    return math.exp(min(700.0, max(mean, end)))


def could_have_lost(values: Column, limits: Loss, bound: float) -> float | None:
    """Return by what factor the last quarter of evaluations may be worse, where that is too much to call it stable.

    Args:
        values: Badness after learning, [N].
        limits: The thresholds.
        bound: How sure the upper bound is, one-sided.
    """
    tail = tail_of(len(values), limits)
    before = tamed(values[:-tail])
    loss = float(tamed(values[-tail:]).mean() - before.mean())
    upper = loss + uncertainty(before, tail, 1 - bound, limits)
    if upper >= min(math.log(limits.counts), _asked(before, limits)):
        return math.exp(min(700.0, upper))
    # A loss soon after learning is in most of what is before. The best that it had shows it, and the noise is that of
    # the changes from one evaluation to the next, which such a loss does not widen.
    since_best = median(values[-tail:]) - float(window_medians(values, WINDOW).min())
    noise = median(np.abs(np.diff(values))) / OF_CHANGES
    asked = min(math.log(limits.counts), math.log(limits.factor) + limits.of_noise * noise)
    return math.exp(min(700.0, since_best)) if since_best >= asked else None


def tamed(values: Column) -> Column:
    """Return evaluations [N] with those that stand apart, a tenth of them at most, moved to the worst of the others.

    A single evaluation that is bad, with good ones around it, is no loss, and says nothing of the noise of the others.
    """
    middle = median(values)
    far = middle + APART * median(np.abs(values - middle))
    worst = np.sort(values)[-1 - math.ceil(len(values) / 10)]
    return np.where(values > far, np.minimum(values, max(far, worst)), values)


def tail_of(count: int, limits: Loss) -> int:
    """Return how many evaluations the last quarter has."""
    return max(limits.tail_least, int(limits.tail_share * count))


def bad_ever_after(values: Column, limits: Loss, first: int) -> Lost | None:
    """Find that from some time after its best a series hardly ever came near it again.

    Args:
        values: Badness, [N].
        limits: The thresholds.
        first: Index of the first evaluation that was good enough.
    """
    if len(values) < WINDOW + limits.turn_least:
        return None
    medians = window_medians(values, WINDOW)
    best = int(np.argmin(medians))
    had, end = float(medians[best]), best + WINDOW
    noise = median(np.abs(np.diff(values[max(0, end - 8) : end])))
    asked = max(math.log(limits.turn_factor), limits.turn_noise * noise)
    least = max(limits.turn_least, int(limits.tail_share * (len(values) - first)))
    for at in range(max(end, first + 1), len(values) - least + 1):
        later = values[at:]
        worse = later > had + math.log(limits.turn_factor)
        if worse[0] and worse.mean() >= limits.turn_share and median(later) - had >= asked:
            return Lost(at, had, median(later))
    return None


def modes_dropped(quality: Badness, limits: Loss, first: int) -> Lost | None:
    """Find modes that were lost again and again: how many are captured has next to no noise.

    Args:
        quality: The share of captured modes.
        limits: The thresholds.
        first: Index of the first evaluation after which modes can be lost.
    """
    after = quality.values[first:]
    dropped = np.flatnonzero(after >= -math.log(limits.modes_share) - 1e-9)
    if len(dropped) < tail_of(len(after), limits):
        return None
    return Lost(first + int(dropped[0]), float(quality.medians().min()), float(median(after[dropped])))


def _changes(values: Column) -> float:
    """Return the median deviation of the changes from one evaluation to the next, so that a steady trend has none."""
    changes = np.diff(values)
    # Of few changes the estimate is too low.
    return median(np.abs(changes - median(changes))) * (1 + 3 / len(changes))


def _asked(before: Column, limits: Loss) -> float:
    """Return what a loss must be at least, after evaluations [N]: more where they are noisy."""
    return max(math.log(limits.factor), limits.of_noise * float(before.std(ddof=1)))


def _level(count: int, limits: Loss) -> float:
    return float(np.interp(count, list(limits.levels), list(limits.levels.values())))


@lru_cache(maxsize=4096)
def _student(probability: float, freedom: int) -> float:
    """Return a quantile of Student's distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))
