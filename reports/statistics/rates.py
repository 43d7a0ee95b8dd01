"""The mean of cells' instability rates, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.intervals import rate_interval
from reports.statistics.constants import ALPHA


def mean_rate(counts: Sequence[tuple[int, int]], alpha: float = ALPHA) -> tuple[float, float, float]:
    """Return the mean over cells of k/n, each cell weighing the same, and its interval.

    Where all cells have as many trials, this is the pooled rate with the interval of the pooled counts. It is then
    conservative for these very cells: rates that differ between cells vary less in the mean than the pooled binomial
    does. Where some trials are missing, the pooled counts would favour the cells that have more. The interval is then
    that of the mean rate over the number of trials with the same variance, ``cells² / Σ 1/n``.

    The trials of different cells are taken as independent. Where a seed fails in many cells at once the interval is too
    narrow; :func:`reports.statistics.macro_bootstrap` makes no such assumption.

    Args:
        counts: (failures, trials) of each cell; cells without trials are left out.
        alpha: One minus the confidence.

    Returns:
        The rate and its interval; (nan, 0, 1) without any trial.
    """
    ran = [(failures, trials) for failures, trials in counts if trials > 0]
    if not ran:
        return math.nan, 0.0, 1.0
    if len({trials for _, trials in ran}) == 1:  # whole numbers, free of rounding
        failures, trials = sum(k for k, _ in ran), sum(n for _, n in ran)
        return failures / trials, *rate_interval(failures, trials, alpha)
    rate = sum(k / n for k, n in ran) / len(ran)
    if all(k == 0 for k, _ in ran) or all(k == n for k, n in ran):
        rate = float(round(rate))  # a sum of ones must not end beside one
    effective = len(ran) ** 2 / sum(1 / n for _, n in ran)
    return rate, *rate_interval(rate * effective, effective, alpha)
