"""The detectors: each a pure function of a trace and the thresholds.

A detector returns a :class:`Look`: whether the trace held what it looks at, and what it found. Thresholds are explained
in ``definitions/``; where they come from is in ``docs/stability.md``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stability.definition import Definition, Reference, Tail
from harness.stability.verdict import Finding
from harness.trace import Column, Trace


@dataclass(frozen=True)
class Look:
    """What a detector saw.

    Attributes:
        seen: Whether the trace held what the detector looks at.
        finding: The failure, or None.
    """

    seen: bool
    finding: Finding | None = None


Detector = Callable[[Trace, Definition], Look]
Mask = NDArray[np.bool_]

NOTHING_TO_SEE = Look(seen=False)
CLEAR = Look(seen=True)


def diverged(trace: Trace, definition: Definition) -> Look:
    """Find the first logged value that is not finite."""
    columns = [(trace.steps, name, column) for name, column in trace.scalars.items()]
    columns += [(trace.evaluation_steps, name, column) for name, column in trace.evaluations.items()]
    first: tuple[float, str] | None = None
    for steps, name, column in columns:
        bad = np.flatnonzero(~np.isfinite(column))
        if len(bad) and (first is None or steps[bad[0]] < first[0]):
            first = float(steps[bad[0]]), name
    if first is None:
        return Look(seen=bool(columns))
    step = int(first[0])
    return _found("diverged", step, math.nan, math.nan, f"{first[1]} is not finite at step {step}")


def exploding_gradient(trace: Trace, definition: Definition) -> Look:
    """Find a discriminator gradient, or a singular value, that grew by orders of magnitude."""
    limits = definition.exploding_gradient
    smoothed = _smoothed(trace, "d_grad_norm", limits)
    if smoothed is not None:
        steps, values, reference = smoothed
        limit = min(limits.factor * reference, limits.absolute)
        start = _first_run(values > limit, limits.consecutive)
        if start is not None:
            peak = float(np.nanmax(values))
            reason = f"the discriminator's gradient norm reached {peak:.3g}, {peak / reference:.3g} times its reference"
            return _found("exploding_gradient", int(steps[start]), peak, limit, reason)
    for name, layer in trace.layers.items():
        growth = layer.sigma / layer.sigma[0] if len(layer.sigma) and layer.sigma[0] > 0 else layer.sigma[:0]
        above = np.flatnonzero(growth > limits.sigma_factor)
        if len(above):
            reason = f"the largest singular value of layer {name} grew {float(np.nanmax(growth)):.3g} times"
            step = int(trace.steps_of(layer)[above[0]])
            return _found("exploding_gradient", step, float(np.nanmax(growth)), limits.sigma_factor, reason)
    return Look(seen=smoothed is not None or bool(trace.layers))


def vanishing_gradient(trace: Trace, definition: Definition) -> Look:
    """Find a generator gradient that stayed orders of magnitude below its reference, and say why."""
    limits = definition.vanishing_gradient
    smoothed = _smoothed(trace, "g_grad_norm", limits)
    if smoothed is None:
        return NOTHING_TO_SEE
    steps, values, reference = smoothed
    limit = max(limits.factor * reference, limits.absolute)
    start = _first_run(values < limit, max(1, math.ceil(limits.share * _points_per_budget(trace))))
    if start is None:
        return CLEAR
    accuracy = trace.scalars.get("d_accuracy")
    cause = ""
    if accuracy is not None:
        during = float(np.nanmedian(accuracy[trace.steps >= steps[start]]))
        saturated = during >= limits.saturated_accuracy
        cause = f"; the discriminator is {'' if saturated else 'not '}saturated (accuracy {during:.2f})"
    least = float(np.nanmin(values))
    reason = f"the generator's gradient norm fell to {least:.3g}, {least / reference:.3g} times its reference{cause}"
    return _found("vanishing_gradient", int(steps[start]), least, limit, reason)


def mode_collapse(trace: Trace, definition: Definition) -> Look:
    """Find, at the end of training, too few modes or too little diversity."""
    limits = definition.mode_collapse
    rules = [
        ("mode_coverage", limits.coverage, -1, "{:.0%} of the modes are captured"),
        ("largest_mode_ratio", limits.largest_ratio, +1, "the fullest mode holds {:.2g} times its share"),
        ("diversity", limits.diversity, -1, "samples are {:.2g} times as varied as the data"),
    ]
    seen = False
    for measure, limit, side, words in rules:
        column = _measure(trace, measure)
        if column is None or not len(column):
            continue
        seen = True
        value = _tail_median(column, limits)
        if side * (value - limit) > 0:
            step = _since(trace, side * (column - limit) > 0)
            return _found("mode_collapse", step, value, limit, "at the end " + words.format(value))
    return Look(seen=seen)


def late_deterioration(trace: Trace, definition: Definition) -> Look:
    """Find quality that was good and is lost at the end."""
    limits = definition.late_deterioration
    seen = False
    for measure, words in (("fid", "the Frechet distance"), ("inception_score", "the Inception Score"),
                           ("high_quality_share", "the share of good samples")):  # fmt: skip
        column = _measure(trace, measure)
        if column is None or len(column) - 1 < limits.tail_least:
            continue
        trained = column[1:]  # the untrained generator has nothing to lose
        if not np.isfinite(trained).any():
            continue
        seen = True
        tail = _tail_median(trained, limits)
        if measure == "fid":
            best, limit = float(np.nanmin(trained)), limits.ratio
            value, worse = tail / best if best > 0 else math.inf, column >= limit * best
        elif measure == "inception_score":
            best, limit = float(np.nanmax(trained)), limits.score_drop
            value, worse = 1 - tail / best, column <= (1 - limit) * best
        else:
            best, limit = float(np.nanmax(trained)), limits.ratio
            if best < definition.never_converged.share:
                continue  # it never was good
            value, worse = best / tail if tail > 0 else math.inf, column <= best / limit
        if value >= limit:
            reason = f"{words} was {best:.3g} at its best and is {tail:.3g} at the end"
            return _found("late_deterioration", _since(trace, worse), value, limit, reason)
    return Look(seen=seen)


def never_converged(trace: Trace, definition: Definition) -> Look:
    """Find quality that never became good."""
    limits = definition.never_converged
    fid, share = _measure(trace, "fid"), _measure(trace, "high_quality_share")
    if fid is not None and len(fid) > 1 and np.isfinite(fid[0]):
        best, limit = float(np.nanmin(fid)), limits.of_untrained * float(fid[0])
        if best > limit:
            reason = f"the best Frechet distance is {best:.3g}; the untrained generator's was {float(fid[0]):.3g}"
            return _found("never_converged", trace.stopped, best, limit, reason)
        return CLEAR
    if share is not None and len(share) > 1:
        best = float(np.nanmax(share)) if np.isfinite(share).any() else 0.0
        if best < limits.share:
            reason = f"at its best {best:.0%} of the samples were of high quality"
            return _found("never_converged", trace.stopped, best, limits.share, reason)
        return CLEAR
    return NOTHING_TO_SEE


DETECTORS: dict[str, Detector] = {
    "diverged": diverged,
    "exploding_gradient": exploding_gradient,
    "vanishing_gradient": vanishing_gradient,
    "mode_collapse": mode_collapse,
    "late_deterioration": late_deterioration,
    "never_converged": never_converged,
}
"""All detectors by the failure mode that they find."""


def _found(mode: str, step: int, value: float, threshold: float, reason: str) -> Look:
    return Look(seen=True, finding=Finding(mode, step, value, threshold, reason))


def _measure(trace: Trace, name: str) -> Column | None:
    """Return a measure by its name without the extractor: ``fid`` finds ``fid[digits-cnn]``."""
    return next((column for key, column in trace.evaluations.items() if key.split("[")[0] == name), None)


def _points_per_budget(trace: Trace) -> float:
    """Return how many logged points the whole budget has, also where the trial stopped early."""
    return len(trace.steps) * trace.budget / trace.steps[-1] if len(trace.steps) else 0.0


def _smoothed(trace: Trace, name: str, limits: Reference) -> tuple[Column, Column, float] | None:
    """Return steps, trailing median and reference of a gradient norm, from the reference's end on; None if unusable."""
    column = trace.scalars.get(name)
    if column is None or not len(column):
        return None
    early = (trace.steps >= limits.reference_from * trace.budget) & (trace.steps <= limits.reference_to * trace.budget)
    finite = column[early & np.isfinite(column)]
    if not len(finite):
        return None
    width = max(1, round(limits.window * _points_per_budget(trace)))
    values = np.array([np.median(column[max(0, end - width) : end]) for end in range(1, len(column) + 1)])
    after = trace.steps > limits.reference_to * trace.budget
    reference = float(np.median(finite))
    if not after.any() or reference <= 0:
        return None
    return trace.steps[after], values[after], reference


def _first_run(mask: Mask, length: int) -> int | None:
    """Return the index at which the first run of ``length`` true values begins."""
    run = 0
    for index, value in enumerate(mask):
        run = run + 1 if value else 0
        if run == length:
            return index - length + 1
    return None


def _tail_median(column: Column, limits: Tail) -> float:
    """Return the median of the last evaluations; one that could not be computed counts as absent."""
    tail = column[-max(limits.tail_least, math.ceil(limits.tail * len(column))) :]
    finite = tail[np.isfinite(tail)]
    return float(np.median(finite)) if len(finite) else math.nan


def _since(trace: Trace, bad: Mask) -> int:
    """Return the step from which evaluations were bad to the end.

    The tail's median may forgive one good evaluation among the last; and the untrained generator, which is bad by
    construction, has not failed yet, so the first step that can be returned is that of the first trained evaluation.
    """
    good = np.flatnonzero(~bad[: len(bad) - 1])
    start = max(int(good[-1]) + 1 if len(good) else 0, 1)
    return int(trace.evaluation_steps[min(start, len(bad) - 1)])
