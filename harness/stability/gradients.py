"""Detectors of what gradients and weights do: values that are not finite, gradients that explode or vanish."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.stability.definition import Definition, Reference
from ganbench.harness.stability.look import CLEAR, NOTHING_TO_SEE, Look, Mask, found
from ganbench.harness.stability.medians import median, trailing_medians
from ganbench.harness.traces.trace import Column, Trace


def diverged(trace: Trace, definition: Definition) -> Look:
    """Find the first value that is not finite.

    In evaluations an infinity stands for samples that are not finite; NaN for a metric that could not be computed, which
    is divergence in definition 1 only.
    """
    if trace.finite:
        return Look(seen=bool(trace.scalars or trace.evaluations))
    absent = definition.diverged.uncomputed_evaluation == "absent"
    first: tuple[float, str] | None = None
    columns = [(trace.steps, name, column, False) for name, column in trace.scalars.items()]
    for name in trace.evaluations:
        steps, column = trace.evaluated(name)
        columns.append((steps, name, column, absent))
    for steps, name, column, only_infinite in columns:
        places = np.flatnonzero(np.isinf(column) if only_infinite else ~np.isfinite(column))
        if len(places) and (first is None or steps[places[0]] < first[0]):
            first = float(steps[places[0]]), name
    if first is None:
        return Look(seen=bool(columns))
    return found("diverged", first[0], math.nan, math.nan, f"{first[1]} is not finite at step {first[0]:.0f}")


def exploding_gradient(trace: Trace, definition: Definition) -> Look:
    """Find a discriminator gradient, or a singular value, that grew by orders of magnitude."""
    limits = definition.exploding_gradient
    norm = Norm.of(trace, "d_grad_norm", limits)
    if norm is not None:
        reference = _reference(trace, "d_grad_norm", norm, limits)
        limit = min(limits.factor * reference, limits.absolute)
        # No median is above what no number is above.
        start = first_run(norm.smoothed > limit, limits.consecutive) if (norm.column > limit).any() else None
        if start is not None:
            peak = float(np.nanmax(norm.smoothed))
            reason = f"the discriminator's gradient norm reached {peak:.3g}, {peak / reference:.3g} times its reference"
            return found("exploding_gradient", norm.steps[start], peak, limit, reason)
    for name, layer in trace.layers.items():
        if (
            trace.finite
            and len(layer.sigma)
            and np.maximum.reduce(layer.sigma) <= limits.sigma_factor / 2 * layer.sigma[0]
        ):
            continue  # far from it
        growth = layer.sigma / layer.sigma[0] if len(layer.sigma) and layer.sigma[0] > 0 else layer.sigma[:0]
        above = (growth > limits.sigma_factor).nonzero()[0]
        if len(above):
            reason = f"the largest singular value of layer {name} grew {float(np.nanmax(growth)):.3g} times"
            step = trace.steps_of(layer)[above[0]]
            return found("exploding_gradient", step, float(np.nanmax(growth)), limits.sigma_factor, reason)
    return Look(seen=norm is not None or bool(trace.layers))


def vanishing_gradient(trace: Trace, definition: Definition) -> Look:
    """Find a generator gradient that stayed orders of magnitude below its reference, and say why.

    Where the definition has a limit for it, a discriminator whose gradient at its input vanished counts likewise: then
    no generator could learn from it.
    """
    limits = definition.vanishing_gradient
    norm = Norm.of(trace, "g_grad_norm", limits)
    if norm is not None:
        reference = _reference(trace, "g_grad_norm", norm, limits)
        limit = max(limits.factor * reference, limits.absolute)
        start = None
        if (norm.column < limit).any():
            length = max(1, math.ceil(limits.share * _points_per_budget(trace)))
            start = first_run(norm.smoothed < limit, length)
        if start is not None:
            least = float(np.nanmin(norm.smoothed))
            reason = (
                f"the generator's gradient norm fell to {least:.3g}, {least / reference:.3g} times its reference"
                f"{_cause(trace, norm.steps[start], limits.saturated_accuracy)}"
            )
            return found("vanishing_gradient", norm.steps[start], least, limit, reason)
    return _vanished_at_the_input(trace, definition) or (NOTHING_TO_SEE if norm is None else CLEAR)


def _reference(trace: Trace, name: str, norm: Norm, limits: Reference) -> float:
    """Return what a norm is compared with: that of early training, or of the first step where that counts and is larger."""
    first = float(trace.scalars[name][0]) if limits.reference_first else 0.0
    return max(norm.reference, first if math.isfinite(first) else 0.0)


def _vanished_at_the_input(trace: Trace, definition: Definition) -> Look | None:
    limits = definition.vanishing_gradient
    probe = trace.probes.get("input_gradient.fake")
    if probe is None or limits.input_gradient is None:
        return None
    steps = trace.steps_of(probe)
    small = probe.values < limits.input_gradient
    start = None if not small.any() else first_run(small, max(2, math.ceil(limits.share * len(probe.values))))
    if start is None:
        return None
    least = float(np.nanmin(probe.values))
    reason = (
        f"the discriminator's gradient at generated samples fell to {least:.3g}"
        f"{_cause(trace, steps[start], limits.saturated_accuracy)}"
    )
    return found("vanishing_gradient", steps[start], least, limits.input_gradient, reason)


def _cause(trace: Trace, since: float, saturated_accuracy: float) -> str:
    accuracy = trace.scalars.get("d_accuracy")
    if accuracy is None or not (trace.steps >= since).any():
        return ""
    during = float(np.nanmedian(accuracy[trace.steps >= since]))
    saturated = during >= saturated_accuracy
    return f"; the discriminator is {'' if saturated else 'not '}saturated (accuracy {during:.2f})"


def _points_per_budget(trace: Trace) -> float:
    """Return how many logged points the whole budget has, also where the trial stopped early."""
    return len(trace.steps) * trace.budget / trace.steps[-1] if len(trace.steps) else 0.0


@dataclass(frozen=True)
class Norm:
    """A gradient norm, and what it was early in training.

    Attributes:
        column: The logged norms, [N].
        after: The places of those that are later than the reference.
        reference: The median of those in the reference's stretch; above 0.
        width: How many a trailing median is over.
        steps: The steps after the reference.
    """

    column: Column
    after: NDArray[np.intp]
    reference: float
    width: int
    steps: Column

    @classmethod
    def of(cls, trace: Trace, name: str, limits: Reference) -> Norm | None:
        """Return a norm with its reference; None where the trace has no such norm, or nothing to compare it with."""
        column = trace.scalars.get(name)
        if column is None or not len(column):
            return None
        stretch = _stretch(trace.steps.tobytes(), trace.budget, limits.reference_from, limits.reference_to)
        finite = column[stretch.early]
        finite = finite if trace.finite else finite[np.isfinite(finite)]
        if not len(finite) or not len(stretch.steps):
            return None
        reference = median(finite)
        if reference <= 0:
            return None
        width = max(1, round(limits.window * _points_per_budget(trace)))
        return cls(column, stretch.after, reference, width, stretch.steps)

    @cached_property
    def smoothed(self) -> Column:
        """Its trailing medians after the reference."""
        return trailing_medians(self.column, self.width)[self.after]


@dataclass(frozen=True)
class _Stretch:
    """Where steps lie: in the stretch of the reference, or after it. Trials of a cell have the same."""

    early: NDArray[np.intp]
    after: NDArray[np.intp]
    steps: Column


@lru_cache(maxsize=512)
def _stretch(steps: bytes, budget: int, begin: float, end: float) -> _Stretch:
    """Return where steps, float64 as bytes, lie."""
    found = np.frombuffer(steps)
    after = np.flatnonzero(found > end * budget)
    return _Stretch(np.flatnonzero((found >= begin * budget) & (found <= end * budget)), after, found[after])


def first_run(mask: Mask, length: int) -> int | None:
    """Return the index at which the first run of ``length`` true values begins."""
    run = 0
    for index, value in enumerate(mask.tolist()):
        run = run + 1 if value else 0
        if run == length:
            return index - length + 1
    return None
