"""From effects to a verdict on a claim: reproduced, not reproduced, not enough seeds. The thresholds are the rules'."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ganbench.harness.statistics import ALPHA, holm
from ganbench.reports.paper_claims.judging.effects import Effect

MOST_TIMES = 64
"""More than so many times the seeds are not looked for."""


class Reading(Enum):
    """What a rule says of a claim."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    NOT_ENOUGH = "not enough seeds"
    NOTHING_TO_REDUCE = "nothing to reduce"
    INCOMPLETE = "trials are missing"


@dataclass(frozen=True)
class Part:
    """One comparison that a rule names.

    Attributes:
        what: What the effect is, in words.
        effect: How large.
        threshold: What it must reach; where the interval excludes it, the claim is not reproduced.
        nothing: What the interval must exclude.
        below: Whether the claim is that the effect is below its threshold, not above.
        reaches: Whether the effect itself must reach the threshold; not where "at least as good" is claimed.
        form: How numbers read: ``points`` (of rates), ``percent``, ``ratio`` or ``number``.
    """

    what: str
    effect: Effect
    threshold: float
    nothing: float = 0.0
    below: bool = False
    reaches: bool = True
    form: str = "points"

    def reading(self, p: float | None) -> Reading:
        """Return what this part says.

        Args:
            p: Its p-value after correction; None where it has no test.
        """
        effect, sign = self.effect, -1 if self.below else 1
        if math.isnan(effect.value):
            return Reading.NOT_ENOUGH
        near, far = (effect.high, effect.low) if self.below else (effect.low, effect.high)
        if sign * far < sign * self.threshold:
            return Reading.NOT_REPRODUCED
        reached = not self.reaches or sign * effect.value >= sign * self.threshold
        sure = sign * near > sign * self.nothing and (p is None or p <= ALPHA)
        return Reading.REPRODUCED if reached and sure else Reading.NOT_ENOUGH


@dataclass(frozen=True)
class Either:
    """Parts of which one suffices, and that are refuted only together."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Answer:
    """The verdict on a claim, or on one of several in one.

    Attributes:
        about: Which of several claims; empty where there is one.
        reading: The verdict.
        parts: Each with its corrected p-value, and what it says by itself.
    """

    about: str
    reading: Reading
    parts: tuple[tuple[Part, float | None, Reading], ...]


def answer(parts: Sequence[Part | Either], about: str = "", together: Sequence[float] = ()) -> Answer:
    """Return the verdict of a rule with some parts, all of which must hold.

    Args:
        parts: The parts.
        about: Which of several claims.
        together: p-values of the other claims' parts that Holm's correction is shared with.
    """
    every = [item for part in parts for item in (part.parts if isinstance(part, Either) else (part,))]
    tested = [part.effect.p for part in every if part.effect.p is not None]
    corrected = iter(holm([*tested, *together]))
    read = [(part, None if part.effect.p is None else next(corrected)) for part in every]
    said = {id(part): part.reading(p) for part, p in read}
    sides = [
        _either([said[id(item)] for item in part.parts]) if isinstance(part, Either) else said[id(part)]
        for part in parts
    ]
    return Answer(about, _all(sides), tuple((part, p, said[id(part)]) for part, p in read))


def times_the_seeds(found: Answer, most: int = MOST_TIMES) -> float | None:
    """Return how many times the seeds would settle an open question, if all went on as it came.

    Args:
        found: The answer that they left open.
        most: More than so many times is as good as never.

    Returns:
        The factor; None where it cannot be foretold.
    """
    parts = [part for part, _, _ in found.parts]
    growing = [part.effect.grown for part in parts if part.effect.grown is not None]
    if len(growing) < len(parts):
        return None
    for times in range(2, most + 1):
        many = [
            replace(part, effect=_like(part.effect, grown(times))) for part, grown in zip(parts, growing, strict=True)
        ]
        reading = answer(many).reading
        if reading is Reading.NOT_REPRODUCED:
            return float(times)
        if reading is Reading.REPRODUCED:  # to be found with some certainty takes more than to be there
            separating = [part.effect.needed / part.effect.size for part in parts if math.isfinite(part.effect.needed)]
            return max([times, *separating])
    return None


def _like(effect: Effect, more: Effect) -> Effect:
    """Return an effect of more trials, without a test where the one of fewer is read without."""
    return more if effect.p is not None else replace(more, p=None)


def _all(readings: Sequence[Reading]) -> Reading:
    if Reading.NOT_REPRODUCED in readings:
        return Reading.NOT_REPRODUCED
    return Reading.REPRODUCED if set(readings) == {Reading.REPRODUCED} else Reading.NOT_ENOUGH


def _either(readings: Sequence[Reading]) -> Reading:
    if Reading.REPRODUCED in readings:
        return Reading.REPRODUCED
    return Reading.NOT_REPRODUCED if set(readings) == {Reading.NOT_REPRODUCED} else Reading.NOT_ENOUGH
