"""The interval of an instability rate."""

from __future__ import annotations

EXACT_BELOW = 10
"""Fewer trials than this get the exact interval: Wilson's covers too little there."""


def rate_interval(failed: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of a rate.

    Wilson's score interval (Wilson 1927, "Probable inference, the law of succession, and statistical inference",
    doi:10.1080/01621459.1927.10502953), recommended for small samples by Brown, Cai & DasGupta (2001,
    doi:10.1214/ss/1009213286). Below ten trials the exact interval of Clopper & Pearson (1934,
    doi:10.1093/biomet/26.4.404), which never covers less than its level.

    Args:
        failed: How many trials failed.
        trials: How many there were, at least 1.
        level: Confidence level, between 0 and 1.

    Returns:
        The lower and the upper bound, within [0, 1].

    Raises:
        ValueError: The numbers do not make a rate.
    """
    from scipy.stats import binomtest

    interval = binomtest(failed, trials).proportion_ci(level, method="exact" if trials < EXACT_BELOW else "wilson")
    # Rounding leaves Wilson's bounds a little inside 0 and 1 where they are exactly that.
    low = 0.0 if failed == 0 else float(interval.low)
    high = 1.0 if failed == trials else float(interval.high)
    return low, high
