"""Time to failure. A trial that reached its budget without failing is censored there, not left out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganbench.harness.statistics.constants import ALPHA


@dataclass(frozen=True)
class Survival:
    """A Kaplan-Meier curve: the share of trainings that are still stable after a number of steps.

    Attributes:
        steps: [points] Steps at which trials failed or were censored, ascending, from 0.
        stable: [points] The share from that step until the next.
        low: [points] Lower end of its pointwise interval; nan where it is not defined (nothing failed yet, or all did).
        high: [points] Upper end.
        restricted_mean: Mean number of stable steps within the budget: the area under the curve up to it.
    """

    steps: NDArray[np.float64]
    stable: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    restricted_mean: float


def kaplan_meier(steps: ArrayLike, failed: ArrayLike, budget: float, alpha: float = ALPHA) -> Survival:
    """Return the curve of Kaplan & Meier (1958, doi:10.1080/01621459.1958.10501452) with its restricted mean.

    Intervals are the log-log ones, which stay within [0, 1]. The restricted mean up to the budget needs no assumption on
    what would happen after it (Royston & Parmar 2013, doi:10.1186/1471-2288-13-152).

    Args:
        steps: [trials] The step of the failure, or the last step seen. 0 is a trial that failed from the start.
        failed: [trials] Whether the trial failed; otherwise it is censored.
        budget: The steps that a whole training takes.
        alpha: One minus the confidence.

    Returns:
        The curve; without trials one point, and nan as the mean.

    Raises:
        ValueError: Shapes differ, or a step is outside [0, budget].
    """
    times, events = _checked(steps, failed, budget)
    if not len(times):
        nothing = np.array([math.nan])
        return Survival(np.zeros(1), nothing, nothing, nothing, math.nan)
    import warnings

    from scipy.stats import ecdf

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # the interval where nothing or everything failed: nan
        found = ecdf(_censored(times, events)).sf
        interval = found.confidence_interval(confidence_level=1 - alpha, method="log-log")
    places = np.asarray(found.quantiles, dtype=float)
    stable, low, high = (np.asarray(item.probabilities, dtype=float) for item in (found, interval.low, interval.high))
    if places[0] > 0:
        places = np.concatenate([[0.0], places])
        stable = np.concatenate([[1.0], stable])
        low, high = (np.concatenate([[math.nan], item]) for item in (low, high))
    inside = places < budget
    ends = np.append(places[inside][1:], budget)
    return Survival(places, stable, low, high, float(((ends - places[inside]) * stable[inside]).sum()))


def _checked(steps: ArrayLike, failed: ArrayLike, budget: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    times, events = np.asarray(steps, dtype=float), np.asarray(failed, dtype=bool)
    if times.shape != events.shape or times.ndim != 1:
        raise ValueError(f"each trial has one step and one outcome, not {times.shape} and {events.shape}")
    if len(times) and not (times.min() >= 0 and times.max() <= budget):
        raise ValueError(f"steps are from 0 to {budget:g}, not from {times.min():g} to {times.max():g}")
    return times, events


def _censored(times: NDArray[np.float64], events: NDArray[np.bool_]) -> object:
    from scipy.stats import CensoredData

    return CensoredData(uncensored=times[events], right=times[~events])
