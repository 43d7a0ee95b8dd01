"""Two rates of trials that share nothing: whether they differ, and by how much."""

from __future__ import annotations

import math

from ganbench.harness.statistics.constants import ALPHA
from ganbench.harness.statistics.intervals import rate_interval
from ganbench.harness.statistics.paired import RiskDifference, boschloo

BOSCHLOO, FISHER = "Boschloo", "Fisher"

BOSCHLOO_MOST = 400
"""With more trials on a side Boschloo's test takes seconds, later minutes, and finds hardly more than Fisher's."""


def unpaired_test(first_trials: int, second_trials: int) -> str:
    """Return the name of the exact test for so many trials of either side; their outcomes have no say in it."""
    return BOSCHLOO if max(first_trials, second_trials) <= BOSCHLOO_MOST else FISHER


def unpaired_p(first_failed: int, first_trials: int, second_failed: int, second_trials: int) -> float:
    """Return the two-sided p-value of the test that :func:`unpaired_test` names.

    Both hold their level at any number of trials (Fisher 1935; Boschloo 1970, see :func:`boschloo`).

    Args:
        first_failed: Failed trials of the first.
        first_trials: All its trials.
        second_failed: Failed trials of the second.
        second_trials: All its trials.

    Raises:
        ValueError: More trials failed than there were, or fewer than none.
    """
    if unpaired_test(first_trials, second_trials) == BOSCHLOO:
        return boschloo(first_failed, first_trials, second_failed, second_trials)
    from scipy.stats import fisher_exact

    table = [[first_failed, second_failed], [first_trials - first_failed, second_trials - second_failed]]
    return min(1.0, float(fisher_exact(table).pvalue))


def rate_difference(
    first_failed: int, first_trials: int, second_failed: int, second_trials: int, alpha: float = ALPHA
) -> RiskDifference:
    """Return the difference of two independent rates with Newcombe's interval.

    The intervals of the two rates, ``ganbench.harness.statistics.intervals``, are combined by square-and-add (Newcombe
    1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I, method 10; he has Wilson's intervals
    throughout, here fewer than ten trials get the exact ones).

    Args:
        first_failed: Failed trials of the first.
        first_trials: All its trials.
        second_failed: Failed trials of the second.
        second_trials: All its trials.
        alpha: One minus the confidence.

    Returns:
        The first rate minus the second; nan and the whole range where one has no trials.

    Raises:
        ValueError: More trials failed than there were, or fewer than none.
    """
    low1, high1 = rate_interval(first_failed, first_trials, alpha)
    low2, high2 = rate_interval(second_failed, second_trials, alpha)
    if not first_trials or not second_trials:
        return RiskDifference(math.nan, -1.0, 1.0)
    p1, p2 = first_failed / first_trials, second_failed / second_trials
    value = p1 - p2
    return RiskDifference(
        value,
        max(-1.0, value - math.hypot(p1 - low1, high2 - p2)),
        min(1.0, value + math.hypot(high1 - p1, p2 - low2)),
    )
