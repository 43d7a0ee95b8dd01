"""Detectors of what gradients and weights do: values that are not finite, gradients that explode or vanish."""

from __future__ import annotations

import math

import numpy as np

from ganbench.harness.stability.definition import Definition, Reference
from ganbench.harness.stability.look import CLEAR, NOTHING_TO_SEE, Look, Mask, found
from ganbench.harness.traces.trace import Column, Trace


def diverged(trace: Trace, definition: Definition) -> Look:
    """Find the first value that is not finite.

    In evaluations an infinity stands for samples that are not finite; NaN for a metric that could not be computed, which
    is divergence in definition 1 only.
    """
    absent = definition.diverged.uncomputed_evaluation == "absent"
    columns = [(trace.steps, name, ~np.isfinite(column)) for name, column in trace.scalars.items()]
    columns += [
        (trace.evaluation_steps, name, np.isinf(column) if absent else ~np.isfinite(column))
        for name, column in trace.evaluations.items()
    ]
    first: tuple[float, str] | None = None
    for steps, name, bad in columns:
        places = np.flatnonzero(bad)
        if len(places) and (first is None or steps[places[0]] < first[0]):
            first = float(steps[places[0]]), name
    if first is None:
        return Look(seen=bool(columns))
    return found("diverged", first[0], math.nan, math.nan, f"{first[1]} is not finite at step {first[0]:.0f}")


def exploding_gradient(trace: Trace, definition: Definition) -> Look:
    """Find a discriminator gradient, or a singular value, that grew by orders of magnitude."""
    limits = definition.exploding_gradient
    smoothed = smoothed_norm(trace, "d_grad_norm", limits)
    if smoothed is not None:
        steps, values, reference = smoothed
        limit = min(limits.factor * reference, limits.absolute)
        start = first_run(values > limit, limits.consecutive)
        if start is not None:
            peak = float(np.nanmax(values))
            reason = f"the discriminator's gradient norm reached {peak:.3g}, {peak / reference:.3g} times its reference"
            return found("exploding_gradient", steps[start], peak, limit, reason)
    for name, layer in trace.layers.items():
        growth = layer.sigma / layer.sigma[0] if len(layer.sigma) and layer.sigma[0] > 0 else layer.sigma[:0]
        above = np.flatnonzero(growth > limits.sigma_factor)
        if len(above):
            reason = f"the largest singular value of layer {name} grew {float(np.nanmax(growth)):.3g} times"
            step = trace.steps_of(layer)[above[0]]
            return found("exploding_gradient", step, float(np.nanmax(growth)), limits.sigma_factor, reason)
    return Look(seen=smoothed is not None or bool(trace.layers))


def vanishing_gradient(trace: Trace, definition: Definition) -> Look:
    """Find a generator gradient that stayed orders of magnitude below its reference, and say why.

    Where the definition has a limit for it, a discriminator whose gradient at its input vanished counts likewise: then
    no generator could learn from it.
    """
    limits = definition.vanishing_gradient
    smoothed = smoothed_norm(trace, "g_grad_norm", limits)
    if smoothed is not None:
        steps, values, reference = smoothed
        if limits.reference_first:
            first = float(trace.scalars["g_grad_norm"][0])
            reference = max(reference, first if math.isfinite(first) else 0.0)
        limit = max(limits.factor * reference, limits.absolute)
        start = first_run(values < limit, max(1, math.ceil(limits.share * _points_per_budget(trace))))
        if start is not None:
            least = float(np.nanmin(values))
            reason = (
                f"the generator's gradient norm fell to {least:.3g}, {least / reference:.3g} times its reference"
                f"{_cause(trace, steps[start], limits.saturated_accuracy)}"
            )
            return found("vanishing_gradient", steps[start], least, limit, reason)
    return _vanished_at_the_input(trace, definition) or (NOTHING_TO_SEE if smoothed is None else CLEAR)


def _vanished_at_the_input(trace: Trace, definition: Definition) -> Look | None:
    limits = definition.vanishing_gradient
    probe = trace.probes.get("input_gradient.fake")
    if probe is None or limits.input_gradient is None:
        return None
    steps = trace.steps_of(probe)
    start = first_run(probe.values < limits.input_gradient, max(2, math.ceil(limits.share * len(probe.values))))
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


def smoothed_norm(trace: Trace, name: str, limits: Reference) -> tuple[Column, Column, float] | None:
    """Return steps, trailing median and reference of a gradient norm, from the reference's end on; None if unusable."""
    column = trace.scalars.get(name)
    if column is None or not len(column):
        return None
    early = (trace.steps >= limits.reference_from * trace.budget) & (trace.steps <= limits.reference_to * trace.budget)
    finite = column[early & np.isfinite(column)]
    if not len(finite):
        return None
    width = max(1, round(limits.window * _points_per_budget(trace)))
    values = np.array([np.median(column[:end]) for end in range(1, min(width, len(column) + 1))])
    if width <= len(column):
        whole = np.lib.stride_tricks.sliding_window_view(column, width)
        values = np.append(values, np.median(whole, axis=1))
    after = trace.steps > limits.reference_to * trace.budget
    reference = float(np.median(finite))
    if not after.any() or reference <= 0:
        return None
    return trace.steps[after], values[after], reference


def first_run(mask: Mask, length: int) -> int | None:
    """Return the index at which the first run of ``length`` true values begins."""
    run = 0
    for index, value in enumerate(mask):
        run = run + 1 if value else 0
        if run == length:
            return index - length + 1
    return None
