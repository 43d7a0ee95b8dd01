"""Claim 6: strict weight normalization reconstructs better than none, and is more stable than batch normalization."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ganbench.reports.evidence import Group
from ganbench.reports.paper_claims.judging.cases import Case, Cases
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table, missing
from ganbench.reports.paper_claims.judging.effects import rates_in_pairs, ratio_in_pairs
from ganbench.reports.paper_claims.judging.measures import last
from ganbench.reports.paper_claims.judging.reading import Part, answer
from ganbench.reports.paper_claims.judging.words import interval, median, share, value

STRICT, PLAIN, BATCH = "weight_norm_strict", "none", "batch_norm"
ERROR = "final_reconstruction_error"
DCGAN, RESIDUAL = "xiang_li_dcgan", "xiang_li_resnet"


def read(cases: Cases) -> JudgedClaim:
    """Apply the rule."""
    errors, failures = _groups(cases, DCGAN, PLAIN), _groups(cases, DCGAN, BATCH)
    lacking = missing(cases, (STRICT, PLAIN, BATCH), [*errors, *failures] if errors and failures else [])
    if lacking:
        return lacking
    tables = Table(
        "Reconstruction error (all trials as measured) and failures",
        ("network", "setting", "normalizer", "error, median", "failed"),
        tuple(_rows(cases)),
    )
    deep = _parts(cases, _groups(cases, RESIDUAL, PLAIN), _groups(cases, RESIDUAL, BATCH))
    told = "On the 21-layer residual network, without a verdict: " + "; ".join(
        f"{part.what}: {value(part.effect.value, part.form)} ({interval(part.effect, part.form)})" for part in deep
    )
    return JudgedClaim((answer(_parts(cases, errors, failures)),), (tables,), (told + ".",))


def _groups(cases: Cases, network: str, other: str) -> list[Group]:
    return [group for group in cases.both(STRICT, other) if group.architecture.startswith(network)]


def _parts(cases: Cases, errors: Sequence[Group], failures: Sequence[Group]) -> tuple[Part, Part]:
    pairs, apart = cases.pairs(STRICT, PLAIN, errors), cases.pairs(BATCH, STRICT, failures)
    ratio = ratio_in_pairs([_error(case) for case, _ in pairs], [_error(case) for _, case in pairs])
    rates = rates_in_pairs([case.failed for case, _ in apart], [case.failed for _, case in apart])
    return (
        Part("error of weight_norm_strict over that of none, median", ratio, 0.93, nothing=1, below=True, form="ratio"),
        Part("failures, batch_norm less weight_norm_strict", rates, 0.1),
    )


def _error(case: Case) -> float:
    """Return a trial's error; infinite for a failure."""
    found = math.nan if case.trace is None or case.failed else last(case.trace, ERROR)
    return found if math.isfinite(found) else math.inf


def _rows(cases: Cases) -> list[tuple[str, ...]]:
    return [
        (
            f"{group.architecture.split('(')[0]}{', generator with batch_norm' if BATCH in group.architecture else ''}",
            group.setting,
            label,
            median(value if math.isfinite(value) else math.inf for value in errors),
            share(cell),
        )
        for group in cases.groups
        for label in group.cells
        if (cell := cases.cell(group, label))
        for errors in [[math.nan if case.trace is None else last(case.trace, ERROR) for case in cell]]
    ]


CLAIM = Claim(6, ("weight-norm", "weight-norm-small"), read)
