"""Claim 5: under spectral normalization quality can decay late in training where BSSN's does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ganbench.reports.evidence import Group
from ganbench.reports.paper_claims.judging.cases import Case, Cases
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table, missing
from ganbench.reports.paper_claims.judging.effects import rate, rates_in_pairs
from ganbench.reports.paper_claims.judging.measures import late_ratio, trained
from ganbench.reports.paper_claims.judging.pictures import medians_over_steps
from ganbench.reports.paper_claims.judging.reading import Part, answer
from ganbench.reports.paper_claims.judging.words import median, share

if TYPE_CHECKING:
    from ganbench.reports.figures import Picture

USUAL = "spectral_norm"
SCALED, AT_ONE = "bssn(scale=1.2)", "bsn"
LONG = "g2_d2_long"
"""The small form's setting that lasts."""


def read(cases: Cases) -> JudgedClaim:
    """Apply the rule."""
    groups = [group for group in cases.both(USUAL, AT_ONE) if _lasts(cases, group)]
    bssn = {group.title: SCALED if SCALED in group.cells else AT_ONE for group in groups}
    lacking = missing(cases, (USUAL, *sorted(set(bssn.values()))), groups)
    if lacking:
        return lacking
    pairs = [pair for group in groups for pair in cases.pairs(USUAL, bssn[group.title], [group])]
    usual = _late(cases.of(USUAL, groups))
    parts = (
        Part("trials of spectral_norm that deteriorate late", rate(sum(usual), len(usual)), 0.1, form="percent"),
        Part("late deterioration, spectral_norm less BSSN", rates_in_pairs(_late([a for a, _ in pairs]),
             _late([b for _, b in pairs])), 0.1),
    )  # fmt: skip
    rows = tuple(
        (group.title, label, share(_late(cell)), share(cell), _ratio(cell))
        for group in groups
        for label in group.cells
        if (cell := cases.cell(group, label))
    )
    head = ("setting", "normalizer", "deteriorated late", "failed", "tail over best, median")
    table = Table("Late deterioration of every normalizer there; the ratio is of Frechet distances", head, rows)
    return JudgedClaim((answer(parts),), (table,), pictures=_pictures(cases, groups, bssn))


def _lasts(cases: Cases, group: Group) -> bool:
    """Return whether a setting is long enough: every one of CIFAR-10 in the paper's protocol, one in the small form."""
    return group.setting == LONG if cases.suite.endswith("-small") else group.dataset.startswith("cifar10")


def _late(cases: Sequence[Case]) -> list[bool]:
    return ["late_deterioration" in case.verdict.modes for case in cases]


def _ratio(cell: Sequence[Case]) -> str:
    if cell[0].group.protocol.better != "lower":
        return "–"
    return median(late_ratio(case.trace, case.group.protocol.measure) for case in cell if case.trace is not None)


def _pictures(cases: Cases, groups: Sequence[Group], bssn: dict[str, str]) -> tuple[Picture, ...]:
    panels = {
        group.title: {
            label: [
                (case.trace.evaluation_steps[-len(values) :], values / np.minimum.accumulate(values))
                for case in cases.cell(group, label)
                if case.trace is not None and len(values := trained(case.trace, group.protocol.measure))
            ]
            for label in (USUAL, bssn[group.title])
        }
        for group in groups[:4]
        if group.protocol.better == "lower"
    }
    return medians_over_steps(
        f"{cases.suite}-late", panels, ylabel="Frechet distance over the best so far", bounds=(1.3,),
        spoken="Quality over the best so far, through training: the median over seeds and every seed",
    )  # fmt: skip


CLAIM = Claim(5, ("bssn", "bssn-small"), read)
