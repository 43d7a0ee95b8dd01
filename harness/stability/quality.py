"""Detectors of what sample quality does: modes that are lost, quality that decays, never comes, or oscillates."""

from __future__ import annotations

import math

from ganbench.harness.stability.definition import Definition, given
from ganbench.harness.stability.look import CLEAR, NOTHING_TO_SEE, Look, found, series_of
from ganbench.harness.stability.oscillation import Oscillation
from ganbench.harness.traces.trace import Trace


def mode_collapse(trace: Trace, definition: Definition) -> Look:
    """Find, at the end of training, too few modes or too little diversity.

    Recall and coverage count only over Inception's features, on which their limits were found: over those of a small
    classifier, and of a thousand samples, an ordinary short training has a recall below 0.1.
    """
    limits = given(definition.mode_collapse)
    rules = [
        ("mode_coverage", limits.coverage, -1, True, "{:.0%} of the modes are captured"),
        ("largest_mode_ratio", limits.largest_ratio, +1, True, "the fullest mode holds {:.2g} times its share"),
        ("diversity", limits.diversity, -1, True, "samples are {:.2g} times as varied as the data"),
        ("recall", limits.recall, -1, False, "recall is {:.2g}"),
        ("coverage", limits.data_coverage, -1, False, "coverage is {:.2g}"),
    ]
    seen = False
    for measure, limit, side, any_extractor, words in rules:
        series = series_of(trace, measure, any_extractor=any_extractor)
        if series is None or limit is None or not len(series.trained):
            continue  # an untrained generator is collapsed by construction
        seen = True
        value = series.tail(limits.tail, limits.tail_least)
        if side * (value - limit) > 0:
            step = series.since(side * (series.values - limit) > 0)
            return found("mode_collapse", step, value, limit, "at the end " + words.format(value))
    return Look(seen=seen)


def late_deterioration(trace: Trace, definition: Definition) -> Look:
    """Find quality that was good and is lost at the end, by more than the series' own noise."""
    limits = given(definition.late_deterioration)
    # Where a measure's loss is tail / best or best / tail, and the limit of it.
    rules = [
        ("fid", "the Frechet distance", +1, limits.ratio),
        ("inception_score", "the Inception Score", -1, 1 / (1 - limits.score_drop)),
        ("high_quality_share", "the share of good samples", -1, limits.share_ratio or limits.ratio),
    ]
    seen = False
    for measure, words, sign, limit in rules:
        series = series_of(trace, measure)
        if series is None or len(series.trained) < limits.tail_least:
            continue  # the untrained generator has nothing to lose
        seen = True
        best, tail = series.best(limits.best_of, sign), series.tail(limits.tail, limits.tail_least)
        if measure == "high_quality_share" and best < given(definition.never_converged).share:
            continue  # it never was good
        good, bad = (best, tail) if sign > 0 else (tail, best)
        loss = bad / good if good > 0 else math.inf
        if loss < limit or math.log(loss) < (limits.noise or 0) * series.roughness():
            continue
        worse = sign * series.values >= sign * best * limit**sign
        value, threshold = (1 - 1 / loss, limits.score_drop) if measure == "inception_score" else (loss, limit)
        reason = f"{words} was {best:.3g} at its best and is {tail:.3g} at the end"
        return found("late_deterioration", series.since(worse), value, threshold, reason)
    return Look(seen=seen)


def never_converged(trace: Trace, definition: Definition) -> Look:
    """Find quality that never became good."""
    limits = given(definition.never_converged)
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
    return NOTHING_TO_SEE if limits is None else Oscillation(**limits.model_dump()).look(trace)
