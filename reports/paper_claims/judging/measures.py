"""What the rules measure of one trial. Pure functions of a trace; ``rules-2.md`` says when each is used."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.stability.definition import Reference
from ganbench.harness.stability.gradients import Norm
from ganbench.harness.traces.trace import Column, Trace

NEAR = (0.1, 1.1)
"""Within these, a weight's variance times max(m, n) is near 1."""

NEARLY_ALL = 0.95
"""The share of probes that must be near."""

DRIFT = 2.0
"""From this factor on a variance has drifted."""

FROM = 0.02
"""The share of the budget after which variances are looked at."""

WINDOW = 3
"""The best of a training is its best median of so many evaluations."""

NEAR_BEST = 1.05
"""A training has settled once it is within this factor of its best of all."""


def trained(trace: Trace, key: str) -> Column:
    """Return the evaluations of a measure, without that of the untrained generator."""
    column = trace.evaluations.get(key, np.empty(0))
    return column[trace.evaluation_steps[: len(column)] > 0]


def tail(trace: Trace, key: str, length: int) -> float:
    """Return the median of the last evaluations of a measure, so many of them; nan without any."""
    column = trained(trace, key)
    return float(np.median(column[-length:])) if len(column) else math.nan


def last(trace: Trace, key: str) -> float:
    """Return the last evaluation of a measure; nan without any."""
    column = trained(trace, key)
    return float(column[-1]) if len(column) else math.nan


def at(trace: Trace, key: str, share: float) -> float:
    """Return a measure at the first evaluation at or after a share of the budget; nan without any."""
    column = trace.evaluations.get(key, np.empty(0))
    there = trace.evaluation_steps[: len(column)] >= share * trace.budget
    return float(column[there][0]) if there.any() else math.nan


def late_ratio(trace: Trace, key: str, length: int) -> float:
    """Return the tail of a measure that is better low over its best median of three; infinite where it is not finite."""
    best = _best(trained(trace, key))
    ratio = tail(trace, key, length) / best if best > 0 else math.inf
    return ratio if math.isfinite(ratio) else math.inf


def settled(trace: Trace, key: str, share: float) -> bool:
    """Return whether a measure that is better low was near its best of all by a share of the budget."""
    column = trained(trace, key)
    steps = trace.evaluation_steps[trace.evaluation_steps > 0][: len(column)]
    best = _best(column)
    return math.isfinite(best) and _best(column[steps <= share * trace.budget]) <= NEAR_BEST * best


def _best(column: Column) -> float:
    """Return the least median of three of a column; infinite where there are not three."""
    if len(column) < WINDOW:
        return math.inf
    windows = np.lib.stride_tricks.sliding_window_view(column, WINDOW)
    return float(np.nanmin(np.median(windows, axis=1), initial=math.inf))


def variance_ratios(trace: Trace) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return steps, and variance times max(m, n), of each of the discriminator's layers but the last."""
    layers = islice(trace.layers.items(), max(len(trace.layers) - 1, 0))
    return {name: (trace.steps_of(layer), layer.variance / layer.bound) for name, layer in layers}


def variances_near(trace: Trace) -> bool:
    """Return whether variances stayed near 1/max(m, n) (Lin, Sekar & Fanti 2021, theorem 2)."""
    low, high = NEAR
    probes = [values[steps >= FROM * trace.budget] for steps, values in variance_ratios(trace).values()]
    every = np.concatenate([*probes, np.empty(0)])
    return bool(len(every)) and float(np.mean((every >= low) & (every <= high))) >= NEARLY_ALL


def variance_drifts(trace: Trace) -> bool:
    """Return whether in some layer the variance ended at twice, or half, what it was before training."""
    ratios = [values for _, values in variance_ratios(trace).values() if len(values)]
    moved = [values[-1] / values[0] for values in ratios if values[0] > 0]
    return any(not math.isfinite(factor) or factor > DRIFT or factor < 1 / DRIFT for factor in moved)


def gradient_excursion(trace: Trace, limits: Reference) -> float:
    """Return how far the discriminator's gradient norm went from its reference, up or down, in tenfolds.

    Args:
        trace: What the trial logged.
        limits: A detector's window and stretch of reference; what is compared is what it looks at.

    Returns:
        At least 0; infinite where the norm is not finite; nan where there is no reference.
    """
    norm = Norm.of(trace, "d_grad_norm", limits)
    if norm is None:
        return math.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        tenfolds = np.abs(np.log10(norm.smoothed / norm.reference))
    return float(np.max(np.where(np.isnan(tenfolds), np.inf, tenfolds)))
