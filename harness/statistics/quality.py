"""Quality without survivorship bias: a failed trial is worse than any number, and never left out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def median_failures_worst(values: Sequence[float], failures: int, better: str) -> float:
    """Return the median over all trials, where a failed trial is worse than any number.

    Args:
        values: Of the trials that did not fail.
        failures: How many failed.
        better: ``"lower"`` or ``"higher"``.

    Returns:
        The median; infinity of the bad sign where half or more failed; nan without trials.
    """
    worst = math.inf if better == "lower" else -math.inf
    ordered = sorted([*values, *[worst] * failures])
    if not ordered:
        return math.nan
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def performance_profile(
    values: Sequence[float], failures: int, thresholds: ArrayLike, better: str
) -> NDArray[np.float64]:
    """Return the share of all trials whose quality is at least as good as each threshold; failures never are.

    So the highest value a profile can reach is one minus the instability rate (Dolan & Moré 2002,
    doi:10.1007/s101070100263, in the form of Agarwal et al. 2021, arXiv:2108.13264, eq. 1).

    Args:
        values: Of the trials that did not fail.
        failures: How many failed.
        thresholds: Any shape.
        better: ``"lower"`` or ``"higher"``.

    Returns:
        Of the shape of the thresholds, in [0, 1]; nan without trials.
    """
    levels = np.asarray(thresholds, dtype=float)
    trials = len(values) + failures
    if not trials:
        return np.full(levels.shape, math.nan)
    sign = 1 if better == "higher" else -1
    ordered = np.sort(sign * np.asarray(values, dtype=float))
    return np.asarray((len(ordered) - np.searchsorted(ordered, sign * levels, side="left")) / trials)


def _goodness(values: Sequence[float], failures: int, better: str) -> NDArray[np.float64]:
    """Return all trials on one scale where more is better and a failure is the least."""
    sign = 1 if better == "higher" else -1
    return np.concatenate([sign * np.asarray(values, dtype=float), np.full(failures, -math.inf)])
