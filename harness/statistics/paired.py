"""Two normalizers compared: on the seeds that they share, or without any.

The test behind a claim in these settings is :func:`mcnemar_many`, over the pairs of all settings. They are independent,
those of one seed in different settings too, because random streams depend on the group (``harness/training/streams.py``).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganbench.harness.statistics.constants import ALPHA
from ganbench.harness.statistics.intervals import rate_interval


@dataclass(frozen=True)
class RiskDifference:
    """How much more often the first of two failed.

    Attributes:
        value: First rate minus second, in [-1, 1]; nan without pairs.
        low: Lower end of its interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    def as_tested(self, *, separated: bool) -> RiskDifference:
        """Return it with an interval that contains 0 where a test does not separate the two, and ends there where it does.

        Bonferroni's intervals and Holm's tests are of different formulas, and either can be the stricter one. To end at 0
        is what an interval does that holds together with Holm's claims (Strassburger & Bretz 2008, doi:10.1002/sim.3338).

        Args:
            separated: What the test says.
        """
        low, high = (self.low, self.high) if separated else (min(self.low, 0.0), max(self.high, 0.0))
        if separated and self.value:
            low, high = (max(low, 0.0), high) if self.value > 0 else (low, min(high, 0.0))
        return RiskDifference(self.value, low, high)


@functools.lru_cache(maxsize=4096)
def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test (McNemar 1947, doi:10.1007/BF02295996).

    Args:
        only_first: Pairs in which only the first failed.
        only_second: Pairs in which only the second failed.
    """
    from scipy.stats import binomtest

    discordant = only_first + only_second
    return 1.0 if discordant == 0 else float(binomtest(only_first, discordant, 0.5).pvalue)


def mcnemar_many(only_first: ArrayLike, only_second: ArrayLike) -> NDArray[np.float64]:
    """Return the p-values of :func:`mcnemar` for many tests at once: the same numbers, a thousand times sooner.

    Args:
        only_first: [tests] Pairs in which only the first failed.
        only_second: [tests] Pairs in which only the second failed.
    """
    from scipy.stats import binom

    first, second = np.asarray(only_first, dtype=int), np.asarray(only_second, dtype=int)
    fewer, pairs = np.minimum(first, second), first + second
    tails = binom.cdf(fewer, pairs, 0.5) + binom.sf(pairs - fewer - 1, pairs, 0.5)
    return np.where(first == second, 1.0, np.minimum(tails, 1.0))


def risk_difference(both: int, only_first: int, only_second: int, neither: int, alpha: float = ALPHA) -> RiskDifference:
    """Return the difference of two paired rates with Newcombe's interval.

    The intervals of the two rates, ``ganbench.harness.statistics.intervals``, are combined by square-and-add with the
    correlation of the pairs (Newcombe 1998, doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C,
    method 10; he has Wilson's intervals throughout, here fewer than ten pairs get the exact ones).

    Args:
        both: Pairs in which both failed.
        only_first: Pairs in which only the first failed.
        only_second: Pairs in which only the second failed.
        neither: Pairs in which none failed.
        alpha: One minus the confidence.
    """
    pairs = both + only_first + only_second + neither
    if pairs == 0:
        return RiskDifference(math.nan, -1.0, 1.0)
    k1, k2 = both + only_first, both + only_second
    p1, p2 = k1 / pairs, k2 / pairs
    (low1, high1), (low2, high2) = rate_interval(k1, pairs, alpha), rate_interval(k2, pairs, alpha)
    margins = k1 * (pairs - k1) * k2 * (pairs - k2)
    covariance = float(both * neither - only_first * only_second)
    if covariance > 0:  # the continuity correction of method 10
        covariance = max(covariance - pairs / 2, 0)
    phi = covariance / math.sqrt(margins) if margins else 0.0

    def combined(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one**2 - 2 * phi * one * other + other**2))

    value = (k1 - k2) / pairs
    return RiskDifference(
        value,
        max(-1.0, value - combined(p1 - low1, high2 - p2)),
        min(1.0, value + combined(high1 - p1, p2 - low2)),
    )


@functools.lru_cache(maxsize=4096)
def boschloo(first_failed: int, first_trials: int, second_failed: int, second_trials: int) -> float:
    """Return the two-sided p-value of Boschloo's exact test, for normalizers that share no seeds.

    It is more powerful than Fisher's wherever they differ (Boschloo 1970, doi:10.1111/j.1467-9574.1970.tb00104.x).

    Args:
        first_failed: Failed trials of the first.
        first_trials: All its trials.
        second_failed: Failed trials of the second.
        second_trials: All its trials.

    Returns:
        In [0, 1]; 1 where one of them has no trials or both always or never failed.

    Raises:
        ValueError: More trials failed than there were, or fewer than none.
    """
    from scipy.stats import boschloo_exact

    for failed, trials in ((first_failed, first_trials), (second_failed, second_trials)):
        if not 0 <= failed <= trials:
            raise ValueError(f"{failed} of {trials} trials cannot have failed")
    if not first_trials or not second_trials or first_failed + second_failed in (0, first_trials + second_trials):
        return 1.0
    table = [[first_failed, second_failed], [first_trials - first_failed, second_trials - second_failed]]
    return min(1.0, float(boschloo_exact(table).pvalue))
