"""From effects to a verdict on a claim, on which level it holds, and with what power. The thresholds are the rules'."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

import numpy as np

from ganbench.harness.statistics import ALPHA, holm, settings_needed, sign_flip_many
from ganbench.reports.paper_claims.judging.effects import Effect
from ganbench.reports.paper_claims.judging.looks import FIRST, Look, Looks

GRID = 1000
"""Differences of settings are whole numbers of one over so many: those of counts and thresholds are so without rounding."""

MOST_TIMES = 64
"""More than so many times the seeds are not looked for."""


class Reading(Enum):
    """What a rule says of a claim."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    NOT_ENOUGH = "not enough seeds"
    DEPENDS = "open"
    NOTHING_TO_REDUCE = "nothing to reduce"
    CANNOT_SPEAK = "cannot speak to the claim"
    NOT_ASKED = "not asked"
    INCOMPLETE = "trials are missing"


NON_INFERIOR = {Reading.REPRODUCED: "yes", Reading.NOT_REPRODUCED: "no", Reading.NOT_ENOUGH: "open"}
"""How the answer on a margin reads."""

Barred = tuple[Reading, str]
"""That something cannot be read, and the reason."""


@dataclass(frozen=True)
class Part:
    """One comparison that a rule names.

    Attributes:
        what: What the effect is, in words.
        effect: How large.
        threshold: What it must reach; where the interval excludes it, the claim is not reproduced.
        nothing: What the interval must exclude; the threshold itself where a margin is asked for.
        below: Whether the claim is that the effect is below its threshold, not above.
        equal: Where a margin is asked for, the effect of two that are equally good.
        form: How numbers read: ``points`` (of rates), ``percent``, ``ratio`` or ``number``.
        barred: Why it cannot be read.
    """

    what: str
    effect: Effect
    threshold: float
    nothing: float = 0.0
    below: bool = False
    equal: float | None = None
    form: str = "points"
    barred: Barred | None = None

    def reading(self, p: float | None) -> Reading:
        """Return what this part says.

        Args:
            p: Its p-value after correction; None where it has no test.
        """
        if self.barred is not None:
            return self.barred[0]
        effect, sign = self.effect, -1 if self.below else 1
        if math.isnan(effect.value):
            return Reading.NOT_ENOUGH
        near, far = (effect.high, effect.low) if self.below else (effect.low, effect.high)
        if sign * far < sign * self.threshold:
            return Reading.NOT_REPRODUCED
        reached = sign * effect.value >= sign * self.threshold
        sure = sign * near > sign * self.nothing and (p is None or p <= ALPHA)
        return Reading.REPRODUCED if reached and sure else Reading.NOT_ENOUGH

    def power(self, tests: int, random: np.random.Generator) -> float:
        """Return the chance to read "reproduced" if the true effect were at the threshold; nan where unknown.

        Args:
            tests: Of the claim: Holm's first step multiplies by so many.
            random: Where effects are drawn from.
        """
        if self.barred is not None or self.effect.imagined is None:
            return math.nan
        total = 0.0
        for chance, effect in self.effect.imagined(self.threshold if self.equal is None else self.equal, random):
            p = None if self.effect.p is None or effect.p is None else min(1.0, tests * effect.p)
            total += chance * (replace(self, effect=effect).reading(p) is Reading.REPRODUCED)
        return min(1.0, total)

    def over_settings(self, reference: float) -> tuple[int, float]:
        """Return how many settings there are, and how sure it is over them on which side of a reference the effect is.

        Args:
            reference: No effect for what is reproduced, the threshold for what is not.

        Returns:
            The number, and the p-value of the sign-flip test with settings as blocks; 1 on the other side.
        """
        found = [] if self.effect.settings is None else self.effect.settings(reference)
        if (sum(found) > 0) != (self.effect.value > reference):
            return len(found), 1.0
        return len(found), float(sign_flip_many(np.rint(GRID * np.array([found])).astype(int))[0])


@dataclass(frozen=True)
class Either:
    """Parts of which one suffices, and that are refuted only together."""

    parts: tuple[Part, ...]


Parts = Sequence[Part | Either]


@dataclass(frozen=True)
class Question:
    """What is asked of a claim.

    Attributes:
        about: Which of several questions; empty where there is one.
        parts: What is compared, by a look; all parts must hold.
        depends: The other looks that a verdict is read by.
        margin: Of non-inferiority; empty where more is claimed.
    """

    about: str
    parts: Callable[[Look], Parts]
    depends: Looks = field(default_factory=dict)
    margin: str = ""


class JudgedPart(NamedTuple):
    """A part with what it says.

    Attributes:
        part: The comparison.
        p: Its corrected p-value; None where it has no test.
        reading: What it says by itself.
        power: The chance to read "reproduced" if the effect were at its threshold; nan where unknown.
    """

    part: Part
    p: float | None
    reading: Reading
    power: float = math.nan


@dataclass(frozen=True)
class Answer:
    """The verdict on a claim, or on one of several in one.

    Attributes:
        about: Which of several claims; empty where there is one.
        reading: The verdict.
        parts: What it rests on.
        reason: Why it is open or cannot be given; empty otherwise.
        others: What it reads as by other looks, in words.
        margin: Of non-inferiority; empty where more is claimed.
        level: Whether it holds in these settings, or on settings like these; empty without a verdict.
    """

    about: str
    reading: Reading
    parts: tuple[JudgedPart, ...]
    reason: str = ""
    others: tuple[tuple[str, str], ...] = ()
    margin: str = ""
    level: str = ""

    @property
    def value(self) -> str:
        """The verdict in words, without its reason."""
        said = worded(self.reading, bool(self.margin))
        if self.reading is Reading.DEPENDS:
            said = f"{said}: {self.reason}"
        return f"non-inferior by a margin of {self.margin}: {said}" if self.margin else said


def worded(reading: Reading, of_a_margin: bool) -> str:
    """Return a reading in words, as the answer on a margin where one is asked for."""
    return NON_INFERIOR.get(reading, reading.value) if of_a_margin else reading.value


def answers(questions: Sequence[Question], random: Callable[[str], np.random.Generator]) -> tuple[Answer, ...]:
    """Return the verdicts on the questions of one claim in one suite; Holm's correction goes over all their tests.

    Args:
        questions: What is asked.
        random: The generator for a purpose.
    """
    first = [question.parts(FIRST) for question in questions]
    tests = [[part.effect.p for part in _flat(parts) if part.effect.p is not None] for parts in first]
    found = []
    for place, (question, parts) in enumerate(zip(questions, first, strict=True)):
        together = [p for other, ps in enumerate(tests) if other != place for p in ps]
        judged = judge(parts, together)
        said = read(parts, judged)
        others: list[tuple[str, str]] = []
        reason = _why(said, judged)
        verdict = said
        if not reason:
            for what, looks in question.depends.items():
                again = {words: _read_by(question.parts(look), together) for words, look in looks.items()}
                others += [(words, worded(one, bool(question.margin))) for words, one in again.items()]
                if verdict is said and set(again.values()) != {said}:
                    verdict, reason = Reading.DEPENDS, f"depends on {what}"
        count = len(tests[place]) + len(together)
        powered = tuple(
            one._replace(power=one.part.power(count, random(f"power, {question.about}, {one.part.what}")))
            for one in judged
        )
        level = _level(parts, judged, verdict)
        found.append(Answer(question.about, verdict, powered, reason, tuple(others), question.margin, level))
    return tuple(found)


def judge(parts: Parts, together: Sequence[float] = ()) -> tuple[JudgedPart, ...]:
    """Return what each part says by itself.

    Args:
        parts: The parts.
        together: p-values of the claim's other tests.
    """
    every = _flat(parts)
    corrected = iter(holm([*(part.effect.p for part in every if part.effect.p is not None), *together]))
    ps = [None if part.effect.p is None else next(corrected) for part in every]
    return tuple(JudgedPart(part, p, part.reading(p)) for part, p in zip(every, ps, strict=True))


def read(parts: Parts, judged: Sequence[JudgedPart]) -> Reading:
    """Return the verdict of parts all of which must hold."""
    said = {id(one.part): one.reading for one in judged}
    return _all([
        _either([said[id(item)] for item in part.parts]) if isinstance(part, Either) else said[id(part)]
        for part in parts
    ])  # fmt: skip


def times_the_seeds(found: Answer, most: int = MOST_TIMES) -> int | None:
    """Return how many times the seeds would settle an open question, if all went on as it came.

    Args:
        found: The answer that they left open.
        most: More than so many times is as good as never.

    Returns:
        The factor; None where it cannot be foretold.
    """
    parts = [one.part for one in found.parts]
    growing = [part.effect.grown for part in parts if part.effect.grown is not None]
    if len(growing) < len(parts):
        return None
    for times in range(2, most + 1):
        many = [
            replace(part, effect=_like(part.effect, grown(times))) for part, grown in zip(parts, growing, strict=True)
        ]
        if read(many, judge(many)) in (Reading.REPRODUCED, Reading.NOT_REPRODUCED):
            return times
    return None


def _read_by(parts: Parts, together: Sequence[float]) -> Reading:
    return read(parts, judge(parts, together))


def _flat(parts: Parts) -> list[Part]:
    return [item for part in parts for item in (part.parts if isinstance(part, Either) else (part,))]


def _like(effect: Effect, more: Effect) -> Effect:
    """Return an effect of more trials, without a test where the one of fewer is read without."""
    return more if effect.p is not None else replace(more, p=None)


BARRING = (Reading.CANNOT_SPEAK, Reading.NOT_ASKED, Reading.NOTHING_TO_REDUCE)


def _all(readings: Sequence[Reading]) -> Reading:
    for reading in (Reading.NOT_REPRODUCED, *BARRING):
        if reading in readings:
            return reading
    return Reading.REPRODUCED if set(readings) == {Reading.REPRODUCED} else Reading.NOT_ENOUGH


def _either(readings: Sequence[Reading]) -> Reading:
    if Reading.REPRODUCED in readings:
        return Reading.REPRODUCED
    if set(readings) == {Reading.NOT_REPRODUCED}:
        return Reading.NOT_REPRODUCED
    barred = [reading for reading in BARRING if reading in readings]
    return Reading.NOT_ENOUGH if Reading.NOT_ENOUGH in readings or not barred else barred[0]


def _why(said: Reading, judged: Sequence[JudgedPart]) -> str:
    """Return why there is no verdict where a part could not be read; empty otherwise."""
    reasons = [one.part.barred[1] for one in judged if one.part.barred is not None and one.reading is said]
    return "; ".join(dict.fromkeys(reasons)) if said in BARRING else ""


def _level(parts: Parts, judged: Sequence[JudgedPart], said: Reading) -> str:
    """Return about which settings a verdict speaks."""
    if said not in (Reading.REPRODUCED, Reading.NOT_REPRODUCED):
        return ""
    reproduced = said is Reading.REPRODUCED
    by_part = {
        id(one.part): one.part.over_settings(one.part.nothing if reproduced else one.part.threshold)
        for one in judged
        if one.reading is said
    }
    sides = [
        [by_part[id(item)] for item in (part.parts if isinstance(part, Either) else (part,)) if id(item) in by_part]
        for part in parts
    ]
    # What is reproduced needs all parts, and one of those of which one suffices; what is refuted, the other way round.
    inner, outer = (min, max) if reproduced else (max, min)
    p = outer(inner(p for _, p in side) for side in sides if side)
    settings = min(number for side in sides for number, _ in side)
    these = "this setting" if settings == 1 else f"these {settings} settings"
    if settings < settings_needed(1):
        return f"in {these} alone"
    shown = f"p = {p:.2g}" if p >= 0.001 else "p < 0.001"
    return f"on settings like these ({settings}, {shown})" if p <= ALPHA else f"in {these} (over settings {shown})"
