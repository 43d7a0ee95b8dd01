"""How large an effect is, and how sure that is: what the rules compare, each with its interval and its test.

Effects of pairs take outcomes of the first and the second of each; what is larger is named in each function. All are pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.statistics import ALPHA, boschloo, mcnemar, pairs_needed, risk_difference
from ganbench.harness.statistics.intervals import clopper_pearson
from ganbench.harness.statistics.unpaired import rate_difference

DRAWS = 10_000

Numbers = NDArray[np.float64]
Stratum = tuple[Numbers, Numbers]
"""Values of trials that are compared with each other only: of the first and of the second, or two measures of the same."""


@dataclass(frozen=True)
class Effect:
    """An effect with its interval.

    Attributes:
        value: The effect; nan where there is nothing to tell it from.
        low: Lower end of its 95 % interval.
        high: Upper end.
        size: How many pairs or trials it is of.
        unit: What these are: ``pairs``, ``trials``, ``pairs that differ``, ``cells``.
        p: Of its test against no effect; None where it has none.
        needed: About how many pairs would separate two rates, if all went on as it came; infinite or nan where unknown.
        grown: The effect of so many times the trials, all of which came as these did; None where it was drawn at random.
    """

    value: float
    low: float
    high: float
    size: int
    unit: str
    p: float | None = None
    needed: float = math.nan
    grown: Callable[[int], Effect] | None = field(default=None, compare=False, repr=False)


def rate(failed: int, trials: int) -> Effect:
    """Return a share of trials."""
    if not trials:
        return Effect(math.nan, 0.0, 1.0, 0, "trials")
    low, high = clopper_pearson(failed, trials)
    return Effect(
        failed / trials, low, high, trials, "trials", grown=lambda times: rate(times * failed, times * trials)
    )


def rates_in_pairs(first: Sequence[bool], second: Sequence[bool]) -> Effect:
    """Return how much more often the first of two happened: McNemar's test, Newcombe's interval."""
    a, b = np.array(first, dtype=bool), np.array(second, dtype=bool)
    only_first, only_second = int((a & ~b).sum()), int((~a & b).sum())
    found = risk_difference(int((a & b).sum()), only_first, only_second, int((~a & ~b).sum()))
    needed = float(pairs_needed(only_first, only_second, len(a))) if len(a) else math.inf
    return Effect(found.value, found.low, found.high, len(a), "pairs", mcnemar(only_first, only_second), needed,
                  lambda times: rates_in_pairs([*first] * times, [*second] * times))  # fmt: skip


def larger_in_pairs(first: Sequence[float], second: Sequence[float]) -> Effect:
    """Return in what share of the pairs that differ the first is larger: the sign test, Clopper & Pearson's interval."""
    a, b = np.array(first, dtype=float), np.array(second, dtype=float)
    more, differ = int((a > b).sum()), int((a != b).sum())
    if not differ:
        return Effect(math.nan, 0.0, 1.0, 0, "pairs that differ", 1.0, math.inf)
    needed = float(pairs_needed(more, differ - more, differ))
    low, high = clopper_pearson(more, differ)
    return Effect(more / differ, low, high, differ, "pairs that differ", mcnemar(more, differ - more), needed,
                  lambda times: larger_in_pairs([*first] * times, [*second] * times))  # fmt: skip


def ratio_in_pairs(first: Sequence[float], second: Sequence[float]) -> Effect:
    """Return the median ratio of two numbers that are better low; infinite ones are failures, and two of them a ratio of 1.

    The interval is the sign test inverted: from one order statistic to another; unbounded with fewer than six pairs.
    """
    from scipy.stats import binom

    a, b = np.array(first, dtype=float), np.array(second, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.sort(np.where(np.isinf(a) & np.isinf(b), 1.0, a / b))
    count = len(ratios)
    if not count:
        return Effect(math.nan, 0.0, math.inf, 0, "pairs", 1.0)
    beyond = int(binom.ppf(ALPHA / 2, count, 0.5))  # so many may lie outside on either side, less one
    beyond -= int(binom.cdf(beyond, count, 0.5) > ALPHA / 2)
    low, high = (ratios[beyond], ratios[count - 1 - beyond]) if beyond >= 0 else (0.0, math.inf)
    below, above = int((ratios < 1).sum()), int((ratios > 1).sum())
    middle = (ratios[(count - 1) // 2], ratios[count // 2])
    median = math.inf if math.isinf(middle[1]) else float(np.mean(middle))
    return Effect(median, float(low), float(high), count, "pairs", mcnemar(below, above),
                  grown=lambda times: ratio_in_pairs([*first] * times, [*second] * times))  # fmt: skip


def rates_apart(first: Sequence[bool], second: Sequence[bool]) -> Effect:
    """Return how much more often the first of two happened that share nothing: Boschloo's test, Newcombe's interval."""
    counts = sum(first), len(first), sum(second), len(second)
    found = rate_difference(*counts)
    return Effect(found.value, found.low, found.high, len(first) + len(second), "trials", boschloo(*counts),
                  grown=lambda times: rates_apart([*first] * times, [*second] * times))  # fmt: skip


def chance_larger(strata: Sequence[Stratum], random: np.random.Generator) -> Effect:
    """Return the chance that a trial of the first is larger than one of the second, ties a half, averaged over strata.

    The interval is a bootstrap of trials within strata; the test permutes them within strata.

    Args:
        strata: Of each, the values of the first and of the second; infinite ones are allowed.
        random: Where resamples are drawn from.
    """
    kept = [(a, b) for a, b in strata if len(a) and len(b)]

    def drawn(a: Numbers, b: Numbers) -> Stratum:
        return a[_drawn(len(a), random)], b[_drawn(len(b), random)]

    def permuted(a: Numbers, b: Numbers) -> Stratum:
        both = random.permuted(np.tile(np.concatenate([a, b]), (DRAWS, 1)), axis=1)
        return both[:, : len(a)], both[:, len(a) :]

    trials = sum(len(a) + len(b) for a, b in kept)
    return _over_strata(kept, _larger, drawn, permuted, 0.5, trials, "trials")


def correlation(strata: Sequence[Stratum], random: np.random.Generator) -> Effect:
    """Return Spearman's correlation of two measures of the same trials, averaged over strata.

    The interval is a bootstrap of trials within strata; the test permutes them within strata. A stratum in which one of the
    measures is the same for all trials has no ranks and does not count; a resample of which that holds correlates by 0.

    Args:
        strata: Of each, the two measures of its trials; infinite ones are allowed.
        random: Where resamples are drawn from.
    """
    kept = _with_ranks(strata)

    def drawn(a: Numbers, b: Numbers) -> Stratum:
        which = _drawn(len(a), random)
        return a[which], b[which]

    def permuted(a: Numbers, b: Numbers) -> Stratum:
        return np.tile(a, (DRAWS, 1)), random.permuted(np.tile(b, (DRAWS, 1)), axis=1)

    return _over_strata(kept, _spearman, drawn, permuted, 0.0, len(kept), "cells")


def mean_correlation(strata: Sequence[Stratum]) -> float:
    """Return the value of :func:`correlation` alone; nan without a stratum that counts."""
    kept = _with_ranks(strata)
    return float(np.mean([_spearman(a, b) for a, b in kept])) if kept else math.nan


def _with_ranks(strata: Sequence[Stratum]) -> list[Stratum]:
    return [(a, b) for a, b in strata if len(np.unique(a)) > 1 and len(np.unique(b)) > 1]


def _drawn(trials: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Return which trials each resample has, [draws, trials]."""
    return random.integers(trials, size=(DRAWS, trials))


def _over_strata(
    strata: Sequence[Stratum],
    measure: Callable[[Numbers, Numbers], Numbers],
    drawn: Callable[[Numbers, Numbers], Stratum],
    permuted: Callable[[Numbers, Numbers], Stratum],
    nothing: float,
    size: int,
    unit: str,
) -> Effect:
    if not strata:
        return Effect(math.nan, -math.inf, math.inf, 0, unit, 1.0)
    value = float(np.mean([measure(a, b) for a, b in strata]))
    low, high = np.quantile(np.mean([measure(*drawn(a, b)) for a, b in strata], axis=0), [ALPHA / 2, 1 - ALPHA / 2])
    by_chance = np.mean([measure(*permuted(a, b)) for a, b in strata], axis=0)
    as_far = np.abs(by_chance - nothing) >= abs(value - nothing) - 1e-12
    p = (1 + int(as_far.sum())) / (1 + DRAWS)  # the data as they are count as one more (Phipson & Smyth 2010)
    return Effect(value, float(low), float(high), size, unit, p)


def _larger(a: Numbers, b: Numbers) -> Numbers:
    """Return the chance that one of a is larger than one of b, ties a half, along the last axis."""
    first, second = a[..., :, None], b[..., None, :]
    return np.asarray(np.mean((first > second) + 0.5 * (first == second), axis=(-2, -1)))


def _spearman(a: Numbers, b: Numbers) -> Numbers:
    """Return the correlation of ranks along the last axis; 0 where all are equal."""
    first, second = _ranks(a), _ranks(b)
    spread = np.sqrt(np.sum(first**2, axis=-1) * np.sum(second**2, axis=-1))
    return np.asarray(np.sum(first * second, axis=-1) / np.where(spread > 0, spread, 1))


def _ranks(values: Numbers) -> Numbers:
    """Return ranks along the last axis, their mean taken off; equal values share the mean of theirs."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=-1)
    return np.asarray(ranks - ranks.mean(axis=-1, keepdims=True))
