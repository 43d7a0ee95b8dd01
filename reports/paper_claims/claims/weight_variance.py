"""Claim 1: spectral normalization keeps the variance of weights near 1/max(m, n); without it, variance drifts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.reports.paper_claims.judging.cases import Case, Cases, settings_of
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table, measured, missing
from ganbench.reports.paper_claims.judging.effects import rate, rates_in_pairs
from ganbench.reports.paper_claims.judging.measures import NEAR, variance_drifts, variance_ratios, variances_near
from ganbench.reports.paper_claims.judging.pictures import medians_over_steps
from ganbench.reports.paper_claims.judging.reading import Part, Question, answers
from ganbench.reports.paper_claims.judging.words import share

if TYPE_CHECKING:
    from ganbench.reports.figures import Picture

WITH, WITHOUT = "spectral_norm", "none"


def read(cases: Cases) -> JudgedClaim:
    """Apply the rule."""
    groups = cases.both(WITH, WITHOUT)
    lacking = missing(cases, (WITH, WITHOUT), groups)
    if lacking:
        return lacking
    kept, pairs = cases.of(WITH, groups), cases.pairs(WITHOUT, WITH, groups)
    near = rate(_near(kept), settings=settings_of(kept))
    drift = rates_in_pairs(*(_drift([pair[side] for pair in pairs]) for side in (0, 1)), settings=settings_of(pairs))
    parts = (
        Part("trials with spectral normalization whose variances stay near", near, 0.9, nothing=0.8,
             form="percent"),
        Part("trials whose variances drift, none less spectral_norm", drift, 0.5),
    )  # fmt: skip
    rows = tuple(
        (group.title, label, share(_near(found)), share(_drift(found)))
        for group in groups
        for label in (WITH, WITHOUT)
        if (found := cases.cell(group, label))
    )
    head = ("setting", "normalizer", "near", "drift")
    table = Table("Trials whose variances stay near, and trials in which one drifts", head, rows)
    longest = max(
        groups, key=lambda group: max((c.trace.budget for c in cases.cell(group, WITH) if c.trace), default=0)
    )
    return JudgedClaim(
        answers([Question("", lambda _: parts)], cases.random), (table,), pictures=_picture(cases, longest.title)
    )


def _near(cases: list[Case]) -> list[bool]:
    return [bool(item) for item in measured(cases, variances_near, 0)]


def _drift(cases: list[Case]) -> list[bool]:
    return [bool(item) for item in measured(cases, variance_drifts, 1)]


def _picture(cases: Cases, title: str) -> tuple[Picture, ...]:
    """Return the paper's figure 5: variances times max(m, n) over training, in one setting."""
    group = next(group for group in cases.groups if group.title == title)
    lines = {
        label: [variance_ratios(case.trace) for case in cases.cell(group, label) if case.trace is not None]
        for label in (WITH, WITHOUT)
    }
    layers = list(dict.fromkeys(name for found in lines.values() for one in found for name in one))
    panels = {
        layer: {label: [one[layer] for one in found if layer in one] for label, found in lines.items()}
        for layer in layers
    }
    return medians_over_steps(
        f"{cases.suite}-variance", panels, ylabel="variance × max(m, n)", bounds=(*NEAR, 1.0),
        spoken=f"Weight variances times max(m, n) over training in {title}, by layer: the median over seeds and every seed",
    )  # fmt: skip


CLAIM = Claim(1, ("bssn", "bssn-small"), read)
