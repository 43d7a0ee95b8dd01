"""How large an effect is, and how sure that is: what the rules compare, each with its interval and its test.

Effects of pairs take outcomes of the first and the second of each; what is larger is named in each function. All are pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.statistics import ALPHA, boschloo, mcnemar, risk_difference
from ganbench.harness.statistics.intervals import clopper_pearson
from ganbench.harness.statistics.unpaired import rate_difference

DRAWS = 10_000

IMAGINED = 1_000
"""Effects that are drawn for a power."""

Numbers = NDArray[np.float64]
Stratum = tuple[Numbers, Numbers]
"""Values of trials that are compared with each other only: of the first and of the second, or two measures of the same."""

BySetting = Callable[[float], list[float]]
"""How far what was seen is above a reference, summed over each setting."""


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
        grown: The effect of so many times the trials, all of which came as these did; None where it was drawn at random.
        settings: How far it is above a reference in each setting; None where it is not told apart by settings.
        imagined: Effects of as many trials if the true one were so large, each with its chance; None where unknown.
    """

    value: float
    low: float
    high: float
    size: int
    unit: str
    p: float | None = None
    grown: Callable[[int], Effect] | None = field(default=None, compare=False, repr=False)
    settings: BySetting | None = field(default=None, compare=False, repr=False)
    imagined: Callable[[float, np.random.Generator], list[tuple[float, Effect]]] | None = field(
        default=None, compare=False, repr=False
    )


def rate(held: Sequence[bool], *, settings: Sequence[str] = ()) -> Effect:
    """Return a share of trials.

    Args:
        held: Of each trial, whether it counts.
        settings: Of each trial, its setting.
    """
    if not held:
        return Effect(math.nan, 0.0, 1.0, 0, "trials")
    trials = len(held)
    return replace(
        _rate(sum(held), trials),
        grown=lambda times: _rate(times * sum(held), times * trials),
        settings=_by_setting(held, settings),
        imagined=lambda true, _: _binomial(trials, true, lambda some: _rate(some, trials)),
    )


def _rate(some: int, trials: int) -> Effect:
    return Effect(some / trials, *clopper_pearson(some, trials), trials, "trials")


def rates_in_pairs(first: Sequence[bool], second: Sequence[bool], *, settings: Sequence[str] = ()) -> Effect:
    """Return how much more often the first of two happened: McNemar's test, Newcombe's interval.

    Args:
        first: Of each pair, whether it happened to the first.
        second: Likewise.
        settings: Of each pair, its setting.
    """
    a, b = np.array(first, dtype=bool), np.array(second, dtype=bool)
    counts = _counts(a, b)

    def imagined(true: float, random: np.random.Generator) -> list[tuple[float, Effect]]:
        one, other = _rates(float(b.mean()), true)
        chances = (one * other, one * (1 - other), (1 - one) * other, (1 - one) * (1 - other))
        return _drawn_counts(random.multinomial(len(a), chances, IMAGINED), _of_pairs)

    return replace(
        _of_pairs(*counts),
        grown=lambda times: _of_pairs(*(times * count for count in counts)),
        settings=_by_setting(a.astype(float) - b, settings),
        imagined=imagined if len(a) else None,
    )


def _counts(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    return int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum()), int((~a & ~b).sum())


def _of_pairs(both: int, only_first: int, only_second: int, neither: int) -> Effect:
    found, size = risk_difference(both, only_first, only_second, neither), both + only_first + only_second + neither
    return Effect(found.value, found.low, found.high, size, "pairs", mcnemar(only_first, only_second))


def larger_in_pairs(first: Sequence[float], second: Sequence[float], *, settings: Sequence[str] = ()) -> Effect:
    """Return in what share of the pairs that differ the first is larger: the sign test, Clopper & Pearson's interval.

    Args:
        first: Of each pair, the value of the first.
        second: Likewise.
        settings: Of each pair, its setting.
    """
    a, b = np.array(first, dtype=float), np.array(second, dtype=float)
    more, differ = int((a > b).sum()), int((a != b).sum())
    if not differ:
        return Effect(math.nan, 0.0, 1.0, 0, "pairs that differ", 1.0)
    return replace(
        _larger_of(more, differ),
        grown=lambda times: _larger_of(times * more, times * differ),
        settings=_by_setting(np.where(a == b, np.nan, a > b), settings),
        imagined=lambda true, _: _binomial(differ, true, lambda some: _larger_of(some, differ)),
    )


def _larger_of(more: int, differ: int) -> Effect:
    low, high = clopper_pearson(more, differ)
    return Effect(more / differ, low, high, differ, "pairs that differ", mcnemar(more, differ - more))


def ratio_in_pairs(first: Sequence[float], second: Sequence[float], *, settings: Sequence[str] = ()) -> Effect:
    """Return the median ratio of two numbers that are better low; two infinite ones have a ratio of 1.

    The interval is the sign test inverted: from one order statistic to another; unbounded with fewer than six pairs.

    Args:
        first: Of each pair, the number of the first; infinite ones are allowed.
        second: Likewise.
        settings: Of each pair, its setting.
    """
    a, b = np.array(first, dtype=float), np.array(second, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.where(np.isinf(a) & np.isinf(b), 1.0, a / b)
    if not len(ratios):
        return Effect(math.nan, 0.0, math.inf, 0, "pairs", 1.0)
    found = _of_ratios(ratios)

    def by_setting(reference: float) -> list[float]:
        above = _by_setting(np.sign(ratios - reference), settings)
        return [] if above is None else above(0.0)

    def imagined(true: float, random: np.random.Generator) -> list[tuple[float, Effect]]:
        moved = ratios * (true / found.value)
        drawn = moved[random.integers(len(moved), size=(IMAGINED, len(moved)))]
        return [(1 / IMAGINED, _of_ratios(row)) for row in drawn]

    return replace(
        found,
        grown=lambda times: _of_ratios(np.tile(ratios, times)),
        settings=by_setting if settings else None,
        imagined=imagined if 0 < found.value < math.inf else None,
    )


def _of_ratios(unordered: Numbers) -> Effect:
    from scipy.special import bdtr

    ratios = np.sort(unordered)
    count = len(ratios)
    outside = np.arange(count // 2 + 1)  # so many may lie outside on either side, and one more is the end
    beyond = int((bdtr(outside, count, 0.5) <= ALPHA / 2).sum()) - 1
    low, high = (ratios[beyond], ratios[count - 1 - beyond]) if beyond >= 0 else (0.0, math.inf)
    below, above = int((ratios < 1).sum()), int((ratios > 1).sum())
    middle = (ratios[(count - 1) // 2], ratios[count // 2])
    median = math.inf if math.isinf(middle[1]) else float(np.mean(middle))
    return Effect(median, float(low), float(high), count, "pairs", mcnemar(below, above))


def rates_apart(
    first: Sequence[bool],
    second: Sequence[bool],
    *,
    settings: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> Effect:
    """Return how much more often the first of two happened that share nothing: Boschloo's test, Newcombe's interval.

    Args:
        first: Of each trial of the first, whether it happened.
        second: Of the second.
        settings: Of each trial of the first, and of the second, its setting.
    """
    counts = sum(first), len(first), sum(second), len(second)
    names = [name for name in dict.fromkeys(settings[0]) if name in settings[1]]

    def by_setting(reference: float) -> list[float]:
        sides = [
            (np.array(values, dtype=float), np.array(of)) for values, of in zip((first, second), settings, strict=True)
        ]
        means = [[float(values[of == name].mean()) for values, of in sides] for name in names]
        return [one - other - reference for one, other in means]

    def imagined(true: float, random: np.random.Generator) -> list[tuple[float, Effect]]:
        one, other = _rates(counts[2] / counts[3], true)
        drawn = np.stack([random.binomial(counts[1], one, IMAGINED), random.binomial(counts[3], other, IMAGINED)], 1)
        return _drawn_counts(drawn, lambda some, others: _of_rates(some, counts[1], others, counts[3]))

    return replace(
        _of_rates(*counts),
        grown=lambda times: _of_rates(*(times * count for count in counts)),
        settings=by_setting if names else None,
        imagined=imagined if counts[1] and counts[3] else None,
    )


def _of_rates(first: int, first_trials: int, second: int, second_trials: int) -> Effect:
    counts = first, first_trials, second, second_trials
    found = rate_difference(*counts)
    return Effect(found.value, found.low, found.high, first_trials + second_trials, "trials", boschloo(*counts))


def chance_larger(strata: Sequence[Stratum], random: np.random.Generator, *, settings: Sequence[str] = ()) -> Effect:
    """Return the chance that a trial of the first is larger than one of the second, ties a half, averaged over strata.

    The interval is a bootstrap of trials within strata; the test permutes them within strata.

    Args:
        strata: Of each, the values of the first and of the second; infinite ones are allowed.
        random: Where resamples are drawn from.
        settings: Of each stratum, its setting.
    """
    kept, names = _kept(strata, settings, lambda a, b: len(a) > 0 and len(b) > 0)

    def resampled(a: Numbers, b: Numbers) -> Numbers:
        above = (a[:, None] > b) + 0.5 * (a[:, None] == b)
        first, second = _drawn(len(a), random), _drawn(len(b), random)
        return _product(first @ above, second) / above.size

    def permuted(a: Numbers, b: Numbers) -> Numbers:
        ranks = random.permuted(np.tile(_ranks(np.concatenate([a, b])), (DRAWS, 1)), axis=1)
        return 0.5 + ranks[:, : len(a)].sum(axis=1) / (len(a) * len(b))

    def normal(a: Numbers, b: Numbers, true: float, more: np.random.Generator) -> Stratum:
        from scipy.special import ndtri

        shift = math.sqrt(2) * float(ndtri(true))
        return more.normal(shift, 1, (IMAGINED, len(a))), more.normal(0, 1, (IMAGINED, len(b)))

    trials = sum(len(a) + len(b) for a, b in kept)
    return _over_strata(kept, names, _larger, resampled, permuted, normal, 0.5, trials, "trials")


def correlation(strata: Sequence[Stratum], random: np.random.Generator, *, settings: Sequence[str] = ()) -> Effect:
    """Return Spearman's correlation of two measures of the same trials, averaged over strata.

    The interval is a bootstrap of trials within strata; the test permutes them within strata. A stratum in which one of the
    measures is the same for all trials has no ranks and does not count; a resample of which that holds correlates by 0.

    Args:
        strata: Of each, the two measures of its trials; infinite ones are allowed.
        random: Where resamples are drawn from.
        settings: Of each stratum, its setting.
    """
    kept, names = _kept(strata, settings, _has_ranks)

    def resampled(a: Numbers, b: Numbers) -> Numbers:
        often = _drawn(len(a), random)
        # A trial's rank in a resample, its mean taken off, is half of how many more are below it than above.
        first, second = (often @ np.sign(ranks - ranks[:, None]) / 2 for ranks in (_ranks(a), _ranks(b)))
        return _correlated(first, second, often)

    def permuted(a: Numbers, b: Numbers) -> Numbers:
        return _correlated(_ranks(a), random.permuted(np.tile(_ranks(b), (DRAWS, 1)), axis=1))

    def normal(a: Numbers, b: Numbers, true: float, more: np.random.Generator) -> Stratum:
        one, other = more.normal(size=(2, IMAGINED, len(a)))
        own = 2 * math.sin(math.pi * true / 6)  # Pearson's correlation of normal variables with this one of ranks
        return one, own * one + math.sqrt(1 - own**2) * other

    return _over_strata(kept, names, _spearman, resampled, permuted, normal, 0.0, len(kept), "cells")


def mean_correlation(strata: Sequence[Stratum]) -> float:
    """Return the value of :func:`correlation` alone; nan without a stratum that counts."""
    kept = [stratum for stratum in strata if _has_ranks(*stratum)]
    return float(np.mean([_spearman(a, b) for a, b in kept])) if kept else math.nan


def _has_ranks(a: Numbers, b: Numbers) -> bool:
    return len(np.unique(a)) > 1 and len(np.unique(b)) > 1


def _kept(
    strata: Sequence[Stratum], settings: Sequence[str], counts: Callable[[Numbers, Numbers], bool]
) -> tuple[list[Stratum], list[str]]:
    """Return the strata that count, and the setting of each where settings are told."""
    which = [place for place, stratum in enumerate(strata) if counts(*stratum)]
    return [strata[place] for place in which], [settings[place] for place in which if settings]


def _by_setting(values: Sequence[float] | NDArray[Any], settings: Sequence[str]) -> BySetting | None:
    """Return how far values are above a reference, summed over each setting; nan says nothing."""
    if not settings:
        return None
    numbers, of = np.array(values, dtype=float), np.array(settings)
    return lambda reference: [float(np.nansum(numbers[of == name] - reference)) for name in dict.fromkeys(settings)]


def _rates(second: float, difference: float) -> tuple[float, float]:
    """Return two rates of this difference, the second as it is unless the first would leave 0 to 1."""
    other = min(max(second, -difference, 0.0), 1.0, 1.0 - difference)
    return other + difference, other


def _binomial(trials: int, true: float, effect: Callable[[int], Effect]) -> list[tuple[float, Effect]]:
    """Return the effects of all numbers of successes that can be expected, each with its chance."""
    from scipy.stats import binom

    chances = binom.pmf(np.arange(trials + 1), trials, true)
    return [(float(chance), effect(some)) for some, chance in enumerate(chances) if chance > 1e-9]


def _drawn_counts(drawn: NDArray[np.integer[Any]], effect: Callable[..., Effect]) -> list[tuple[float, Effect]]:
    """Return the effects of drawn counts, [draws, counts], each with how often it was drawn."""
    rows, often = np.unique(drawn, axis=0, return_counts=True)
    return [(count / len(drawn), effect(*row)) for row, count in zip(rows.tolist(), often.tolist(), strict=True)]


def _drawn(trials: int, random: np.random.Generator) -> Numbers:
    """Return how often each resample has each trial, [draws, trials]."""
    which = random.integers(trials, size=(DRAWS, trials)) + trials * np.arange(DRAWS)[:, None]
    return np.bincount(which.ravel(), minlength=DRAWS * trials).reshape(DRAWS, trials).astype(float)


def _over_strata(
    strata: Sequence[Stratum],
    settings: Sequence[str],
    measure: Callable[[Numbers, Numbers], Numbers],
    resampled: Callable[[Numbers, Numbers], Numbers],
    permuted: Callable[[Numbers, Numbers], Numbers],
    normal: Callable[[Numbers, Numbers, float, np.random.Generator], Stratum],
    nothing: float,
    size: int,
    unit: str,
) -> Effect:
    if not strata:
        return Effect(math.nan, -math.inf, math.inf, 0, unit, 1.0)
    each = [float(measure(a, b)) for a, b in strata]
    value = float(np.mean(each))
    low, high = np.quantile(np.mean([resampled(a, b) for a, b in strata], axis=0), [ALPHA / 2, 1 - ALPHA / 2])
    by_chance = np.mean([permuted(a, b) for a, b in strata], axis=0)
    as_far = np.abs(by_chance - nothing) >= abs(value - nothing) - 1e-12
    p = (1 + int(as_far.sum())) / (1 + DRAWS)  # the data as they are count as one more (Phipson & Smyth 2010)

    def by_setting(reference: float) -> list[float]:
        values, of = np.array(each), np.array(settings)
        return [float(values[of == name].mean()) - reference for name in dict.fromkeys(settings)]

    def imagined(true: float, more: np.random.Generator) -> list[tuple[float, Effect]]:
        from scipy.special import ndtr, ndtri

        found, null = (
            np.mean([measure(*normal(a, b, here, more)) for a, b in strata], axis=0) for here in (true, nothing)
        )
        half = float(ndtri(1 - ALPHA / 2)) * float(found.std())
        ps = 2 * ndtr(-np.abs(found - nothing) / null.std())
        return [
            (1 / IMAGINED, Effect(one, one - half, one + half, size, unit, by))
            for one, by in zip(found.tolist(), ps.tolist(), strict=True)
        ]

    return Effect(
        value, float(low), float(high), size, unit, p, settings=by_setting if settings else None, imagined=imagined
    )


def _larger(a: Numbers, b: Numbers) -> Numbers:
    """Return the chance that one of a is larger than one of b, ties a half, along the last axis."""
    first, second = a[..., :, None], b[..., None, :]
    return np.asarray(np.mean((first > second) + 0.5 * (first == second), axis=(-2, -1)))


def _spearman(a: Numbers, b: Numbers) -> Numbers:
    """Return the correlation of ranks along the last axis; 0 where all are equal."""
    return _correlated(_ranks(a), _ranks(b))


def _correlated(first: Numbers, second: Numbers, often: Numbers | float = 1.0) -> Numbers:
    """Return the correlation of ranks whose mean was taken off, each counted so often; 0 where all are equal."""
    counted = often * first
    spread = np.sqrt(_product(counted, first) * _product(often * second, second))
    return np.asarray(_product(counted, second) / np.where(spread > 0, spread, 1))


def _product(first: Numbers, second: Numbers) -> Numbers:
    """Return the sum of products along the last axis; sooner than ``np.sum`` where it is short."""
    return np.asarray(np.einsum("...i,...i->...", first, second))


def _ranks(values: Numbers) -> Numbers:
    """Return ranks along the last axis, their mean taken off; equal values share the mean of theirs."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=-1)
    return np.asarray(ranks - ranks.mean(axis=-1, keepdims=True))
