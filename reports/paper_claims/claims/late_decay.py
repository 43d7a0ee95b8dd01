"""Claim 5: under spectral normalization quality can decay late in training where BSSN's does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ganbench.reports.evidence import Group
from ganbench.reports.paper_claims.judging.cases import Case, Cases, settings_of
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table, missing, tail_table
from ganbench.reports.paper_claims.judging.effects import ratio_in_pairs
from ganbench.reports.paper_claims.judging.looks import (
    FIRST,
    LATE,
    TAILS,
    Look,
    late_by,
    share_settled,
    speaks_late,
    why_not_late,
)
from ganbench.reports.paper_claims.judging.measures import trained
from ganbench.reports.paper_claims.judging.pictures import medians_over_steps
from ganbench.reports.paper_claims.judging.reading import Part, Question, Reading, answers
from ganbench.reports.paper_claims.judging.words import median

if TYPE_CHECKING:
    from ganbench.reports.figures import Picture

USUAL, BSSN = "spectral_norm", "bsn"
FACTOR = 1.2


def read(cases: Cases) -> JudgedClaim:
    """Apply the rule."""
    groups = [group for group in cases.both(USUAL, BSSN) if _named(cases, group)]
    lacking = missing(cases, (USUAL, BSSN), groups)
    if lacking:
        return lacking
    compared = {group.title: [cases.cell(group, label) for label in (USUAL, BSSN)] for group in groups}
    speaking = [group for group in groups if speaks_late(compared[group.title], group.protocol.measure)]
    every = [cell for cells in compared.values() for cell in cells]
    barred = None
    if not speaking:
        barred = Reading.CANNOT_SPEAK, why_not_late(every, groups[0].protocol.measure)
    pairs = cases.pairs(USUAL, BSSN, speaking or groups)

    def parts(look: Look) -> tuple[Part]:
        usual, other = (_ratios(cases, [pair[side] for pair in pairs], look) for side in (0, 1))
        effect = ratio_in_pairs(usual, other, settings=settings_of(pairs))
        words = "late ratio of spectral_norm over that of bsn, median"
        return (Part(words, effect, FACTOR, nothing=1, form="ratio", barred=barred),)

    rows = tuple(
        (group.title, label, median(_ratios(cases, cell, FIRST)), f"{some}/{trials}", "yes" if group in speaking else "no")
        for group in groups
        for label in group.cells
        if (cell := cases.cell(group, label))
        for some, trials in [share_settled([cell], group.protocol.measure, LATE)]
    )  # fmt: skip
    head = ("setting", "normalizer", "late ratio, median", "settled by half of the budget", "setting is read")
    table = Table("Late ratios of every normalizer: the tail's Frechet distance over the best", head, rows)
    return JudgedClaim(
        answers([Question("", parts, TAILS)], cases.random),
        (table, tail_table(cases, groups)),
        pictures=_pictures(cases, speaking or groups),
    )


def _named(cases: Cases, group: Group) -> bool:
    """Return whether the rule names a setting: CIFAR-10's in the paper's protocol, all in the small form; distances."""
    named = cases.suite.endswith("-small") or group.dataset.startswith("cifar10")
    return named and group.protocol.better == "lower"


def _ratios(cases: Cases, cell: Sequence[Case], look: Look) -> list[float]:
    return [late_by(cases, case, case.group.protocol.measure, look) for case in cell]


def _pictures(cases: Cases, groups: Sequence[Group]) -> tuple[Picture, ...]:
    panels = {
        group.title: {
            label: [
                (case.trace.evaluation_steps[-len(values) :], values / np.minimum.accumulate(values))
                for case in cases.cell(group, label)
                if case.trace is not None and len(values := trained(case.trace, group.protocol.measure))
            ]
            for label in (USUAL, BSSN)
        }
        for group in sorted(groups, key=lambda group: -_budget(cases, group))[:4]
    }
    return medians_over_steps(
        f"{cases.suite}-late", panels, ylabel="Frechet distance over the best so far", bounds=(FACTOR,),
        spoken="Quality over the best so far, through training: the median over seeds and every seed",
    )  # fmt: skip


def _budget(cases: Cases, group: Group) -> int:
    return max((case.trace.budget for case in cases.cell(group, USUAL) if case.trace is not None), default=0)


CLAIM = Claim(5, ("bssn", "bssn-small"), read)
