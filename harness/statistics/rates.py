"""The mean of cells' instability rates, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ganbench.harness.statistics.constants import ALPHA
from ganbench.harness.statistics.intervals import rate_interval


def mean_rate(counts: Sequence[tuple[int, int]], alpha: float = ALPHA) -> tuple[float, float, float]:
    """Return the mean over cells of k/n, each cell weighing the same, and its interval.

    Where all cells have as many trials, this is the pooled rate with the interval of the pooled counts. It is then
    conservative for these very cells: rates that differ between cells vary less in the mean than the pooled binomial
    does. Where some trials are missing, the pooled counts would favour the cells that have more. The interval is then
    that of the mean rate over the number of trials with the same variance, ``cells² / Σ 1/n``.

    The trials of different cells are taken as independent, and they are (``harness/training/streams.py``). For outcomes
    of a seed that hang together over cells, as where cells share their starts, :func:`blocked_rate` is the one to use.

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


def blocked_rate(outcomes: ArrayLike, alpha: float = ALPHA) -> tuple[float, float, float]:
    """Return the mean over cells of k/n and an interval that lets the outcomes of a seed depend on each other over cells.

    The variance of the mean is estimated with seeds as blocks (the linearised estimator of survey statistics). The interval
    is that of the rate over as many independent trials as would have this variance, fewer by (z / t)² because few seeds
    estimate it badly, and never more than there are (Korn & Graubard 1998, Survey Methodology 24, pp. 193-201). So it is
    never narrower than :func:`mean_rate`'s.

    Args:
        outcomes: [cells, seeds] of one normalizer: 1 failed, 0 stable, nan missing.
        alpha: One minus the confidence.

    Returns:
        The rate and its interval; (nan, 0, 1) without any trial.

    Raises:
        ValueError: The array has another number of dimensions.
    """
    values = np.asarray(outcomes, dtype=float)
    if values.ndim != 2:
        raise ValueError(f"outcomes of a normalizer are [cells, seeds], not of shape {values.shape}")
    present = ~np.isnan(values)
    values, present = values[present.any(axis=1)], present[present.any(axis=1)]
    trials = present.sum(axis=1)
    counts = [(int(k), int(n)) for k, n in zip(np.nansum(values, axis=1), trials, strict=True)]
    rate, low, high = mean_rate(counts, alpha)
    seeds = int(present.any(axis=0).sum())
    if not counts or seeds < 2 or not 0 < rate < 1:
        return rate, low, high
    from scipy.special import ndtri, stdtrit

    shares = np.array([k / n for k, n in counts])
    parts = np.where(present, values - shares[:, None], 0) / (trials[:, None] * len(counts))
    variance = seeds / (seeds - 1) * float((parts.sum(axis=0) ** 2).sum())
    most = len(counts) ** 2 / float((1 / trials).sum())
    if variance <= rate * (1 - rate) / most * 1e-9:
        return rate, low, high
    fewer = float(ndtri(1 - alpha / 2) / stdtrit(seeds - 1, 1 - alpha / 2)) ** 2
    effective = min(most, rate * (1 - rate) / variance * fewer)
    return rate, *rate_interval(rate * effective, effective, alpha)
