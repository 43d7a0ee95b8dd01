"""How bad samples were, over a training: what definition 3 compares, and with which bar."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.stability.definition import Definition, given
from ganbench.harness.stability.look import series_of
from ganbench.harness.stability.medians import window_medians
from ganbench.harness.traces.trace import Column, Trace

WINDOW = 3
"""Evaluations of a median: one alone says little of a noisy series."""

LEAST = 1e-9
"""What a distance, or a share, counts as at least: some have no logarithm."""


@dataclass(frozen=True)
class Badness:
    """One measure of quality over a training.

    Attributes:
        name: The measure, without its protocol.
        words: The same, for people.
        mode: The failure mode of losing it.
        steps: Steps of the trained generator's evaluations, [N].
        values: Logarithm of how bad it was, [N]: of a distance, or minus that of a share or score.
        bar: At or below it the training has learnt; None for a measure that has no bar, and only can be lost.
        sign: -1 where the measure itself is better when it is higher.
    """

    name: str
    words: str
    mode: str
    steps: Column
    values: Column
    bar: float | None
    sign: int

    def medians(self) -> Column:
        """Return the medians of three consecutive evaluations, [N - 2]."""
        return window_medians(self.values, WINDOW) if len(self.values) >= WINDOW else np.empty(0)

    def reached(self) -> NDArray[np.bool_]:
        """Return which of those medians are at the bar or better, [N - 2]; all of them where there is no bar."""
        return self.medians() <= (math.inf if self.bar is None else self.bar)

    def measured(self, value: float) -> float:
        """Return the measure itself from its badness."""
        return math.exp(self.sign * value)


def measured(trace: Trace, definition: Definition, references: Mapping[str, float]) -> list[Badness]:
    """Return the measures of quality that a trace holds; the first ones have a bar, unless none of them has.

    Args:
        trace: A trace.
        definition: With its thresholds.
        references: For measures, by their whole names, what they say of a generator that has learnt next to nothing.
    """
    limits = given(definition.learning)
    known = {"high_quality_share": limits.share, "mode_coverage": limits.coverage}
    kinds = [
        ("fid", "the Frechet distance", "lost_quality", +1),
        ("high_quality_share", "the share of good samples", "lost_quality", -1),
        ("mode_coverage", "the share of captured modes", "lost_modes", -1),
        ("inception_score", "the Inception Score", "lost_quality", -1),
        ("diversity", "diversity", "lost_diversity", -1),
    ]
    found: list[Badness] = []
    for name, words, mode, sign in kinds:
        series = series_of(trace, name)
        if series is None or (name == "inception_score" and found):
            continue  # of the same samples and features as the distance, and less telling
        start = int(series.untrained)
        values = sign * np.log(np.maximum(series.values[start:], LEAST))
        bar = known.get(name, _bar(trace, name, sign, references, limits.of_reference))
        bad = None if bar is None else sign * math.log(bar) + 1e-9
        found.append(Badness(name, words, mode, series.steps[start:], values, bad, sign))
    return _together(found)


def _together(found: list[Badness]) -> list[Badness]:
    """Bring the measures that have a bar to the same steps: a training has learnt once all of them are at theirs.

    The steps are those of the one that was measured least often, and the others have there what was measured last.
    """
    barred = [quality for quality in found if quality.bar is not None]
    if all(np.array_equal(quality.steps, barred[0].steps) for quality in barred):
        return found
    steps = min((quality.steps for quality in barred), key=len)
    if len(steps):
        steps = steps[steps >= max(float(quality.steps[0]) for quality in barred)]
    return [quality if quality.bar is None else _at(quality, steps) for quality in found]


def _at(quality: Badness, steps: Column) -> Badness:
    last = np.searchsorted(quality.steps, steps, side="right") - 1
    return replace(quality, steps=steps, values=quality.values[last])


def _bar(trace: Trace, name: str, sign: int, references: Mapping[str, float], share: float) -> float | None:
    """Return the value that a training must reach, or None where nothing says what a poor one has."""
    key = next((key for key in trace.evaluations if key.split("[")[0] == name), name)
    reference = references.get(key, math.nan)
    return reference * share**sign if math.isfinite(reference) and reference > 0 else None
