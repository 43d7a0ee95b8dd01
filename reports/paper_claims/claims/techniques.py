"""Claim 8: four techniques, and the failures that they were made for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ganbench.reports.evidence import Group
from ganbench.reports.paper_claims.judging.cases import Case, Cases, labels_of
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table, measured, missing
from ganbench.reports.paper_claims.judging.effects import Effect, larger_in_pairs, rate, rates_apart, rates_in_pairs
from ganbench.reports.paper_claims.judging.measures import tail
from ganbench.reports.paper_claims.judging.reading import Answer, Part, Reading, answer
from ganbench.reports.paper_claims.judging.words import median, share

PLAIN = "none"
PENALTY, SPECTRAL, DISCRIMINATION = "gradient_penalty", "spectral_norm", "minibatch_discrimination"
SATURATING, PUBLISHED = "saturating", "published"
MODES = "modes"
THRESHOLD = 0.1


def read(cases: Cases) -> JudgedClaim:
    """Apply the rule."""
    labels = list(dict.fromkeys(label for group in cases.groups for label in group.cells))
    lacking = missing(cases, labels, cases.groups)
    if lacking:
        return lacking
    found = [rule(cases) for rule in (_penalty, _spectral, _discrimination, _growing)]
    p = [1.0 if part.effect.p is None else part.effect.p for part, _ in found]
    answers = tuple(
        _unless_nothing(answer((part,), about, [*p[:place], *p[place + 1 :]]), before)
        for place, ((part, before), about) in enumerate(zip(found, ABOUT, strict=True))
    )
    return JudgedClaim(answers, (_table(cases),))


ABOUT = (
    "a. gradient penalty, vanishing gradients",
    "b. spectral normalization, instability",
    "c. minibatch discrimination, mode collapse",
    "d. progressive growing, instability at higher resolution",
)

Found = tuple[Part, Effect | None]
"""The comparison, and how often the failure happens without the technique, where there can be nothing to reduce."""


def _penalty(cases: Cases) -> Found:
    groups = [group for group in cases.both(PLAIN, PENALTY) if group.setting == SATURATING]
    return _reduced(cases, "vanishing gradients, none less gradient_penalty", PENALTY, groups, _vanished)


def _spectral(cases: Cases) -> Found:
    groups = cases.both(PLAIN, SPECTRAL)
    return _reduced(cases, "failures, none less spectral_norm", SPECTRAL, groups, lambda case: case.failed)


def _reduced(cases: Cases, words: str, label: str, groups: Sequence[Group], bad: Callable[[Case], bool]) -> Found:
    pairs = cases.pairs(PLAIN, label, groups)
    before = [bad(first) for first, _ in pairs]
    effect = rates_in_pairs(before, [bad(second) for _, second in pairs])
    return Part(words, effect, THRESHOLD), rate(sum(before), len(before))


def _discrimination(cases: Cases) -> Found:
    pairs = [
        pair
        for label in labels_of(cases, DISCRIMINATION)
        for group in cases.both(PLAIN, label)
        if _counted(group)
        for pair in cases.pairs(label, PLAIN, [group])
    ]
    more = larger_in_pairs(_modes([first for first, _ in pairs]), _modes([second for _, second in pairs]))
    return Part("pairs in which it captures more modes than none", more, 0.65, nothing=0.5, form="percent"), None


def _growing(cases: Cases) -> Found:
    """Compare growing with the same networks at full side from the start, at the largest side."""
    published = {group.title: _spec(cases, group) for group in cases.groups if group.setting == PUBLISHED}
    side = max((spec["dataset"]["side"] for spec in published.values()), default=0)
    growing, still = (
        [case for group in cases.groups if group.title in published for label in group.cells
         for spec in [published[group.title]] if (spec["dataset"]["side"], spec["architecture"]["grows"]) == (side, grows)
         for case in cases.cell(group, label)]
        for grows in (True, False)
    )  # fmt: skip
    before = [_failed_after_starting(case) for case in still]
    effect = rates_apart(before, [_failed_after_starting(case) for case in growing])
    words = f"failures but never converged at {side} pixels, without growing less with it"
    return Part(words, effect, THRESHOLD), rate(sum(before), len(before))


def _unless_nothing(found: Answer, before: Effect | None) -> Answer:
    """Return the answer, or that a failure that hardly happens cannot be reduced."""
    nothing = before is not None and before.high < THRESHOLD
    return replace(found, reading=Reading.NOTHING_TO_REDUCE) if nothing else found


def _vanished(case: Case) -> bool:
    return "vanishing_gradient" in case.verdict.modes


def _failed_after_starting(case: Case) -> bool:
    return any(mode != "never_converged" for mode in case.verdict.modes)


def _counted(group: Group) -> bool:
    return any(key == MODES for key, _ in group.protocol.measures)


def _modes(cases: Sequence[Case]) -> list[float]:
    found = measured(cases, lambda trace: tail(trace, MODES), math.nan)
    return [value if math.isfinite(value) else -math.inf for value in found]


def _spec(cases: Cases, group: Group) -> dict[str, Any]:
    """Return the specification of one of a group's cells."""
    identities = set(group.cells.values())
    return next(cell["spec"] for cell in cases.plan["cells"] if cell["id"] in identities)


def _table(cases: Cases) -> Table:
    rows = tuple(
        (
            group.dataset,
            f"{group.architecture.split('(')[0]}{' (grown)' * ('grows=False' in group.architecture)}, {group.setting}",
            label,
            share(cell),
            share([_vanished(case) for case in cell]),
            share(["mode_collapse" in case.verdict.modes for case in cell]),
            median(_modes(cell)) if _counted(group) else "–",
        )
        for group in cases.groups
        for label in group.cells
        if (cell := cases.cell(group, label))
    )
    head = ("data set", "setting", "normalizer", "failed", "gradient vanished", "modes collapsed", "modes, median")
    return Table("What failed, and how", head, rows)


CLAIM = Claim(8, ("stability-techniques", "stability-techniques-small"), read)
