"""Claim 8: four techniques, and the failures that they were made for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ganbench.harness.stability import NOT_LEARNT
from ganbench.reports.evidence import Group
from ganbench.reports.paper_claims.judging.cases import Case, Cases, labels_of, settings_of
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table, missing, nothing_seen, tail_table
from ganbench.reports.paper_claims.judging.effects import larger_in_pairs, rates_apart, rates_in_pairs
from ganbench.reports.paper_claims.judging.looks import FIRST, TAILS, UNDECIDED, Look, tail_by
from ganbench.reports.paper_claims.judging.reading import Part, Question, answers
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
    asked = (
        Question("a. gradient penalty, vanishing gradients", lambda _: (_penalty(cases),)),
        Question("b. spectral normalization, instability", lambda look: (_spectral(cases, look),), UNDECIDED),
        Question("c. minibatch discrimination, mode collapse", lambda look: (_discrimination(cases, look),), TAILS),
        Question("d. progressive growing, instability at higher resolution", lambda look: (_growing(cases, look),),
                 UNDECIDED),
    )  # fmt: skip
    counted = [group for group in cases.groups if _counted(group)]
    return JudgedClaim(answers(asked, cases.random), (_table(cases), tail_table(cases, counted, MODES)))


def _penalty(cases: Cases) -> Part:
    groups = [group for group in cases.both(PLAIN, PENALTY) if group.setting == SATURATING]
    return _reduced(cases, "vanishing gradients, none less gradient_penalty", PENALTY, groups, FIRST, _vanished)


def _spectral(cases: Cases, look: Look) -> Part:
    groups = cases.both(PLAIN, SPECTRAL)
    return _reduced(cases, "failures, none less spectral_norm", SPECTRAL, groups, look, Case.fails)


def _reduced(
    cases: Cases, words: str, label: str, groups: Sequence[Group], look: Look, bad: Callable[[Case, bool], bool]
) -> Part:
    pairs = cases.pairs(PLAIN, label, groups)
    before, after = ([pair[side] for pair in pairs] for side in (0, 1))
    effect = rates_in_pairs(
        *([bad(case, look.undecided) for case in side] for side in (before, after)), settings=settings_of(pairs)
    )
    return Part(words, effect, THRESHOLD, barred=nothing_seen(before, after, bad, THRESHOLD))


def _discrimination(cases: Cases, look: Look) -> Part:
    pairs = [
        pair
        for label in labels_of(cases, DISCRIMINATION)
        for group in cases.both(PLAIN, label)
        if _counted(group)
        for pair in cases.pairs(label, PLAIN, [group])
    ]
    captured = (_modes(cases, [pair[side] for pair in pairs], look) for side in (0, 1))
    more = larger_in_pairs(*captured, settings=settings_of(pairs))
    return Part("pairs in which it captures more modes than none", more, 0.65, nothing=0.5, form="percent")


def _growing(cases: Cases, look: Look) -> Part:
    """Compare growing with the same networks at full side from the start, at the largest side."""
    published = {group.title: _spec(cases, group) for group in cases.groups if group.setting == PUBLISHED}
    side = max((spec["dataset"]["side"] for spec in published.values()), default=0)
    growing, still = (
        [case for group in cases.groups if group.title in published for label in group.cells
         for spec in [published[group.title]] if (spec["dataset"]["side"], spec["architecture"]["grows"]) == (side, grows)
         for case in cases.cell(group, label)]
        for grows in (True, False)
    )  # fmt: skip
    # Growing and not growing are two groups of one data set, which is the setting that they share.
    settings = ([case.group.dataset for case in still], [case.group.dataset for case in growing])
    effect = rates_apart(
        *([case.fails(look.undecided) for case in trials] for trials in (still, growing)), settings=settings
    )
    barred = nothing_seen(still, growing, Case.fails, THRESHOLD)
    return Part(f"failures at {side} pixels, without growing less with it", effect, THRESHOLD, barred=barred)


def _vanished(case: Case, undecided: bool = False) -> bool:
    """Return whether the gradient vanished: that is seen or not in a whole trace, also in one that is undecided."""
    return "vanishing_gradient" in case.verdict.modes


def _counted(group: Group) -> bool:
    return any(key == MODES for key, _ in group.protocol.measures)


def _modes(cases: Cases, cell: Sequence[Case], look: Look) -> list[float]:
    found = [tail_by(cases, case, MODES, look) for case in cell]
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
            share([case.verdict.outcome == NOT_LEARNT for case in cell]),
            share([not case.verdict.decided for case in cell]),
            median(_modes(cases, cell, FIRST)) if _counted(group) else "–",
        )
        for group in cases.groups
        for label in group.cells
        if (cell := cases.cell(group, label))
    )
    head = ("data set", "setting", "normalizer", "failed", "gradient vanished", "not learnt", "undecided",
            "modes, median")  # fmt: skip
    return Table("What failed, and how", head, rows)


CLAIM = Claim(8, ("stability-techniques", "stability-techniques-small"), read)
