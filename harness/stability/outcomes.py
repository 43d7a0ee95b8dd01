"""The outcome of a trial by a definition that can leave it undecided: what was seen, and no more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ganbench.harness.stability.badness import WINDOW, Badness, measured
from ganbench.harness.stability.definition import Definition, Learning, given
from ganbench.harness.stability.losing import (
    Lost,
    bad_ever_after,
    begins,
    could_have_lost,
    lasting_loss,
    least_loss,
    modes_dropped,
)
from ganbench.harness.stability.medians import median
from ganbench.harness.stability.verdict import NOT_LEARNT, STABLE, UNDECIDED, UNSTABLE, Finding
from ganbench.harness.traces.trace import Trace

FAR = 100
"""Of a larger factor, no number is said."""


@dataclass(frozen=True)
class Outcome:
    """What became of a trial that did not break.

    Attributes:
        outcome: One of the verdict's.
        findings: What it lost.
        reason: Why it is not learnt, or undecided.
        needs: What would decide it.
        least_loss: The smallest loss that would have been found, as a factor; None where none could be.
    """

    outcome: str
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    needs: str = ""
    least_loss: float | None = None


def outcome_of(trace: Trace, definition: Definition, references: Mapping[str, float]) -> Outcome:
    """Return the outcome of a trial in which nothing broke.

    Args:
        trace: What it logged.
        definition: One with ``evidence``.
        references: See ``badness.measured``.
    """
    learning, limits, evidence = given(definition.learning), given(definition.loss), given(definition.evidence)
    qualities = measured(trace, definition, references)
    barred = [quality for quality in qualities if quality.bar is not None]
    if not qualities:
        return Outcome(UNDECIDED, reason="no measure of quality was logged", needs="measure")
    if not barred:
        # What was lost is lost, whether or not it would have been enough.
        findings = tuple(_findings(qualities, definition, [0] * len(qualities)))
        if findings:
            return Outcome(UNSTABLE, findings)
        reason = f"nothing says which value of {qualities[0].words} a training must reach"
        return Outcome(UNDECIDED, reason=reason, needs="measure")
    early = _ends_early(trace, barred, evidence.until)
    reached = np.logical_and.reduce([quality.reached() for quality in barred])
    # A measure that never was at its bar together with the others can still be lost after it was there alone.
    together = bool(reached.any())
    if together or all(quality.reached().any() for quality in barred):
        learnt = [int(np.argmax(reached if together else quality.reached())) for quality in barred]
        firsts = [int(np.searchsorted(quality.steps, barred[0].steps[max(learnt)])) for quality in qualities]
        findings = tuple(_findings(qualities, definition, firsts if together else [*learnt, *firsts[len(learnt) :]]))
        if findings:
            return Outcome(UNSTABLE, findings)
    if not together:
        return early or _not_reached(trace, barred, learning)
    if early is not None:
        return early
    count = after_learning(barred, learning)
    begin = barred[0].steps[-count - 1]
    if count < evidence.after_learning:
        reason = f"{_evaluations(count)} after it had learnt, and {evidence.after_learning} are needed"
        return Outcome(UNDECIDED, reason=reason, needs="evaluations")
    after = [(quality.words, quality.values[quality.steps >= begin]) for quality in qualities]
    after = [(words, values) for words, values in after if len(values) > evidence.after_learning]
    seen = max(least_loss(values, limits, 1 / len(qualities)) for _, values in after)
    below = [quality for quality in barred if median(quality.values[-WINDOW:]) > (quality.bar or 0.0)]
    if below:
        reason = f"at the end {below[0].words} is not above the bar that it reached before"
        return Outcome(UNDECIDED, reason=reason, needs="evaluations", least_loss=seen)
    for words, values in after:
        upper = could_have_lost(values, limits, evidence.bound)
        if upper is not None:
            reason = f"{words} may have become {_times(upper)} worse: its noise hides less"
            return Outcome(UNDECIDED, reason=reason, needs="evaluations", least_loss=seen)
    return Outcome(STABLE, least_loss=seen)


def _evaluations(count: int) -> str:
    return f"{count} evaluation{'' if count == 1 else 's'}"


def _times(factor: float) -> str:
    return f"{factor:.3g} times" if factor < FAR else f"over {FAR} times"


def after_learning(barred: Sequence[Badness], learning: Learning) -> int:
    """Return how many evaluations there are after that with which learning was over.

    Args:
        barred: The measures that have a bar.
        learning: The thresholds.
    """
    reached = np.logical_and.reduce([quality.reached() for quality in barred])
    if not reached.any():
        return 0
    first = int(np.argmax(reached))
    return len(barred[0].values) - 1 - max(first, *(begins(quality.values, learning) for quality in barred))


def _ends_early(trace: Trace, barred: Sequence[Badness], until: float) -> Outcome | None:
    """Say that a trace does not say how a training ended; None where it does."""
    if trace.stopped < until * trace.budget:
        reason = f"the log ends at step {trace.stopped:,} of {trace.budget:,}"
        return Outcome(UNDECIDED, reason=reason, needs="log")
    last = min((float(quality.steps[-1]) if len(quality.steps) else 0.0) for quality in barred)
    if last < until * trace.budget:
        reason = f"quality was measured for the last time at step {last:,.0f} of {trace.budget:,}"
        return Outcome(UNDECIDED, reason=reason, needs="measure")
    return None


def _not_reached(trace: Trace, barred: Sequence[Badness], learning: Learning) -> Outcome:
    """Say of a training that is not above the bar whether it can be expected to get there."""
    count = min(len(quality.values) for quality in barred)
    if count < learning.least_trained:
        reason = f"{_evaluations(count)}, not above the bar, and {learning.least_trained} say whether it improves"
        return Outcome(UNDECIDED, reason=reason, needs="evaluations")
    at_rest = [quality for quality in barred if quality.bar is not None and _rests(quality, trace, learning.ahead)]
    if not at_rest:
        apart = all(quality.reached().any() for quality in barred)
        reason = "it reached each bar, but not all at once" if apart else "it was still improving when its budget ended"
        return Outcome(UNDECIDED, reason=reason, needs="steps")
    quality = at_rest[0]
    best, bar = (quality.measured(value) for value in (float(quality.medians().min()), quality.bar or 0.0))
    reason = (
        f"{quality.words} was {best:.3g} at its best (the median of three evaluations), never reached {bar:.3g}, and does"
        " not improve any more"
    )
    return Outcome(NOT_LEARNT, reason=reason)


def _rests(quality: Badness, trace: Trace, ahead: float) -> bool:
    """Say whether a measure is not above its bar, and would not be after ``ahead`` budgets more."""
    if quality.bar is None or quality.reached().any():
        return False
    half = len(quality.values) // 2
    steps, values = quality.steps[half:] / trace.budget, quality.values[half:]
    apart = steps - steps.mean()
    slope = float(apart @ values / (apart @ apart))
    left = values - values.mean() - slope * apart
    error = math.sqrt(float(left @ left) / max(1, len(values) - 2) / float(apart @ apart))
    now = float(values.mean()) + slope * float(apart[-1])
    return now + (slope - error) * ahead > quality.bar


def _findings(qualities: Sequence[Badness], definition: Definition, firsts: Sequence[int]) -> list[Finding]:
    """Return what was lost, counted from the evaluation at which each measure had been good enough.

    Of each failure mode the first.
    """
    learning, limits, evidence = given(definition.learning), given(definition.loss), given(definition.evidence)
    found: dict[str, Finding] = {}
    for quality, first in zip(qualities, firsts, strict=True):
        if len(quality.values) - first <= evidence.after_learning:
            continue
        lost = lasting_loss(quality.values, limits, learning, evidence.after_learning, first, 1 / len(qualities))
        if lost is None and quality.mode != "lost_diversity":
            lost = bad_ever_after(quality.values, limits, first + WINDOW - 1)
        if lost is None and quality.mode == "lost_modes":
            lost = modes_dropped(quality, limits, first + WINDOW - 1)
        if lost is not None and quality.mode not in found:
            found[quality.mode] = _finding(quality, lost, limits.factor)
    return list(found.values())


def _finding(quality: Badness, lost: Lost, factor: float) -> Finding:
    before, after = quality.measured(lost.before), quality.measured(lost.after)
    loss = math.exp(min(700.0, lost.after - lost.before))
    reason = f"{quality.words} was {before:.3g} and is {after:.3g} from step {quality.steps[lost.at]:,.0f} on"
    return Finding(quality.mode, int(quality.steps[lost.at]), loss, factor, reason)
