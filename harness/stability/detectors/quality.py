"""Detectors of what sample quality does: modes that are lost, quality that decays, never comes, or oscillates."""

from __future__ import annotations

import math

import numpy as np

from harness.stability.definition import Definition
from harness.stability.detectors.look import CLEAR, NOTHING_TO_SEE, Look, found, series_of
from harness.trace import Trace


def mode_collapse(trace: Trace, definition: Definition) -> Look:
    """Find, at the end of training, too few modes or too little diversity."""
    limits = definition.mode_collapse
    rules = [
        ("mode_coverage", limits.coverage, -1, "{:.0%} of the modes are captured"),
        ("largest_mode_ratio", limits.largest_ratio, +1, "the fullest mode holds {:.2g} times its share"),
        ("diversity", limits.diversity, -1, "samples are {:.2g} times as varied as the data"),
        ("recall", limits.recall, -1, "recall is {:.2g}"),
        ("coverage", limits.data_coverage, -1, "coverage is {:.2g}"),
    ]
    seen = False
    for measure, limit, side, words in rules:
        series = series_of(trace, measure)
        if series is None or limit is None or not len(series.trained):
            continue  # an untrained generator is collapsed by construction
        seen = True
        value = series.tail(limits.tail, limits.tail_least)
        if side * (value - limit) > 0:
            step = series.since(side * (series.values - limit) > 0)
            return found("mode_collapse", step, value, limit, "at the end " + words.format(value))
    return Look(seen=seen)


def late_deterioration(trace: Trace, definition: Definition) -> Look:
    """Find quality that was good and is lost at the end."""
    limits = definition.late_deterioration
    seen = False
    for measure, words in (("fid", "the Frechet distance"), ("inception_score", "the Inception Score"),
                           ("high_quality_share", "the share of good samples")):  # fmt: skip
        series = series_of(trace, measure)
        if series is None or len(series.trained) < limits.tail_least:
            continue  # the untrained generator has nothing to lose
        seen = True
        values, trained = series.values, series.trained
        tail = series.tail(limits.tail, limits.tail_least)
        if measure == "fid":
            best, limit = float(trained.min()), limits.ratio
            value, worse = tail / best if best > 0 else math.inf, values >= limit * best
        elif measure == "inception_score":
            best, limit = float(trained.max()), limits.score_drop
            value, worse = 1 - tail / best, values <= (1 - limit) * best
        else:
            best, limit = float(trained.max()), limits.ratio
            if best < definition.never_converged.share:
                continue  # it never was good
            value, worse = best / tail if tail > 0 else math.inf, values <= best / limit
        if value >= limit:
            reason = f"{words} was {best:.3g} at its best and is {tail:.3g} at the end"
            return found("late_deterioration", series.since(worse), value, limit, reason)
    return Look(seen=seen)


def never_converged(trace: Trace, definition: Definition) -> Look:
    """Find quality that never became good."""
    limits = definition.never_converged
    fid, share = series_of(trace, "fid"), series_of(trace, "high_quality_share")
    if fid is not None and limits.ceiling is not None and float(fid.values.min()) > limits.ceiling:
        reason = f"the best Frechet distance is {float(fid.values.min()):.3g}"
        return found("never_converged", trace.stopped, float(fid.values.min()), limits.ceiling, reason)
    if fid is not None and fid.untrained and len(fid.trained):
        untrained = float(fid.values[0])
        best, limit = float(fid.values.min()), limits.of_untrained * untrained
        if best > limit:
            reason = f"the best Frechet distance is {best:.3g}; the untrained generator's was {untrained:.3g}"
            return found("never_converged", trace.stopped, best, limit, reason)
        return CLEAR
    if share is not None and len(share.trained):
        best = float(share.values.max())
        if best < limits.share:
            reason = f"at its best {best:.0%} of the samples were of high quality"
            return found("never_converged", trace.stopped, best, limits.share, reason)
        return CLEAR
    return CLEAR if fid is not None and limits.ceiling is not None else NOTHING_TO_SEE


def oscillation(trace: Trace, definition: Definition) -> Look:
    """Find a Frechet distance that swings in the second half of training; a warning, not a failure."""
    limits = definition.oscillation
    series = series_of(trace, "fid")
    if limits is None or series is None or not (series.values > 0).all():
        return NOTHING_TO_SEE
    half = series.steps > 0.5 * trace.budget
    if half.sum() < limits.least:
        return NOTHING_TO_SEE
    changes = np.diff(np.log(series.values[half]))
    roughness = float(np.median(np.abs(changes)))
    swings = changes[np.abs(changes) >= limits.swing]
    turns = int(np.sum(np.sign(swings[1:]) != np.sign(swings[:-1])))
    if roughness < limits.roughness or turns < limits.turns:
        return CLEAR
    reason = f"from evaluation to evaluation the Frechet distance changes by {roughness:.0%}, and turns {turns} times"
    return found("oscillation", series.steps[half][0], roughness, limits.roughness, reason)
