"""The interval of an instability rate: the one formula for tables, pages and MLflow."""

from __future__ import annotations

import math

EXACT_BELOW = 10
"""Fewer trials than this get the exact interval: Wilson's covers too little there (down to 85 % at eight trials)."""


def rate_interval(failed: float, trials: float, alpha: float = 0.05) -> tuple[float, float]:
    """Return the confidence interval of a rate that suits the number of trials.

    Args:
        failed: How many trials failed; need not be whole, where several cells are averaged.
        trials: Out of how many.
        alpha: One minus the confidence.

    Returns:
        The lower and the upper bound, within [0, 1]; (0, 1) without any trial.

    Raises:
        ValueError: More trials failed than there were, or fewer than none.
    """
    if not 0 <= failed <= max(trials, 0):
        raise ValueError(f"{failed} of {trials} trials cannot have failed")
    if trials <= 0:
        return 0.0, 1.0
    method = clopper_pearson if trials < EXACT_BELOW else wilson
    return method(failed, trials, alpha)


def wilson(failed: float, trials: float, alpha: float = 0.05) -> tuple[float, float]:
    """Return Wilson's score interval (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    Recommended for samples from about ten by Brown, Cai & DasGupta (2001, doi:10.1214/ss/1009213286).

    Args:
        failed: How many trials failed.
        trials: Out of how many; more than 0.
        alpha: One minus the confidence.
    """
    from scipy.special import ndtri

    z2 = float(ndtri(1 - alpha / 2)) ** 2
    rate = failed / trials
    centre = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    half = math.sqrt(z2 * (rate * (1 - rate) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    # At 0 and at 1 the formula gives the end itself; rounding must not move the interval off the rate.
    return (0.0 if failed <= 0 else max(0.0, centre - half)), (1.0 if failed >= trials else min(1.0, centre + half))


def clopper_pearson(failed: float, trials: float, alpha: float = 0.05) -> tuple[float, float]:
    """Return the exact interval (Clopper & Pearson 1934, doi:10.1093/biomet/26.4.404); it covers at least its level.

    Args:
        failed: How many trials failed.
        trials: Out of how many; more than 0.
        alpha: One minus the confidence.
    """
    from scipy.special import betaincinv

    low = 0.0 if failed <= 0 else float(betaincinv(failed, trials - failed + 1, alpha / 2))
    high = 1.0 if failed >= trials else float(betaincinv(failed + 1, trials - failed, 1 - alpha / 2))
    return low, high
