"""Claim 6: strict weight normalization reconstructs better than none, and is more stable than batch normalization."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ganbench.reports.evidence import Group
from ganbench.reports.paper_claims.judging.cases import Case, Cases, settings_of
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table, missing, nothing_seen, tail_table
from ganbench.reports.paper_claims.judging.effects import rates_in_pairs, ratio_in_pairs
from ganbench.reports.paper_claims.judging.looks import (
    END,
    FIRST,
    UNDECIDED,
    Look,
    share_settled,
    speaks_at_the_end,
    tail_by,
    why_not_settled,
)
from ganbench.reports.paper_claims.judging.measures import last
from ganbench.reports.paper_claims.judging.reading import Part, Question, Reading, answers
from ganbench.reports.paper_claims.judging.words import interval, median, share, value

STRICT, PLAIN, BATCH = "weight_norm_strict", "none", "batch_norm"
ERROR, RUNNING = "final_reconstruction_error", "reconstruction_error"
THRESHOLD = 0.1
RUNNING_TOO = {
    "the tail": {
        "the running error's tail": Look(other=True),
        "a shorter one": Look(tail=-1, other=True),
        "a longer one": Look(tail=1, other=True),
    }
}
"""The final error is one evaluation: it is read again by the tail of the running one."""

DCGAN, RESIDUAL = "xiang_li_dcgan", "xiang_li_resnet"


def read(cases: Cases) -> JudgedClaim:
    """Apply the rule."""
    errors, failures = _groups(cases, DCGAN, PLAIN), _groups(cases, DCGAN, BATCH)
    lacking = missing(cases, (STRICT, PLAIN, BATCH), [*errors, *failures] if errors and failures else [])
    if lacking:
        return lacking
    tables = Table(
        "Reconstruction error (all trials as measured) and failures",
        ("network", "setting", "normalizer", "error, median", "settled by three quarters of the budget", "failed"),
        tuple(_rows(cases)),
    )
    deep = (
        _error_part(cases, _groups(cases, RESIDUAL, PLAIN), FIRST),
        _failures_part(cases, _groups(cases, RESIDUAL, BATCH), FIRST),
    )
    told = "On the 21-layer residual network, without a verdict: " + "; ".join(
        f"{part.what}: {value(part.effect.value, part.form)} ({interval(part.effect, part.form)})" for part in deep
    )
    asked = (
        Question("a. reconstruction error", lambda look: (_error_part(cases, errors, look),), RUNNING_TOO),
        Question("b. stability", lambda look: (_failures_part(cases, failures, look),), UNDECIDED),
    )
    return JudgedClaim(answers(asked, cases.random), (tables, tail_table(cases, errors, RUNNING)), (told + ".",))


def _groups(cases: Cases, network: str, other: str) -> list[Group]:
    return [group for group in cases.both(STRICT, other) if group.architecture.startswith(network)]


def _error_part(cases: Cases, groups: Sequence[Group], look: Look) -> Part:
    cells = {group.title: [cases.cell(group, label) for label in (STRICT, PLAIN)] for group in groups}
    speaking = [group for group in groups if speaks_at_the_end(cells[group.title], RUNNING)]
    barred = None
    if not speaking:
        every = [cell for both in cells.values() for cell in both]
        barred = Reading.CANNOT_SPEAK, why_not_settled(every, RUNNING)
    pairs = cases.pairs(STRICT, PLAIN, speaking or groups)
    strict, plain = ([_error(cases, pair[side], look) for pair in pairs] for side in (0, 1))
    return Part(
        "error of weight_norm_strict over that of none, median", ratio_in_pairs(strict, plain, settings=settings_of(pairs)),
        0.93, nothing=1, below=True, form="ratio", barred=barred,
    )  # fmt: skip


def _failures_part(cases: Cases, groups: Sequence[Group], look: Look) -> Part:
    pairs = cases.pairs(BATCH, STRICT, groups)
    batch, strict = ([pair[side] for pair in pairs] for side in (0, 1))
    rates = rates_in_pairs(
        *([case.fails(look.undecided) for case in side] for side in (batch, strict)), settings=settings_of(pairs)
    )
    barred = nothing_seen(batch, strict, Case.fails, THRESHOLD)
    return Part("failures, batch_norm less weight_norm_strict", rates, THRESHOLD, barred=barred)


def _error(cases: Cases, case: Case, look: Look) -> float:
    """Return a trial's error; infinite where it is not finite."""
    if look.other:
        found = tail_by(cases, case, RUNNING, look)
    else:
        found = math.nan if case.trace is None else last(case.trace, ERROR)
    return found if math.isfinite(found) else math.inf


def _rows(cases: Cases) -> list[tuple[str, ...]]:
    return [
        (
            f"{group.architecture.split('(')[0]}{', generator with batch_norm' if BATCH in group.architecture else ''}",
            group.setting,
            label,
            median(_error(cases, case, FIRST) for case in cell),
            f"{some}/{trials}",
            share(cell),
        )
        for group in cases.groups
        for label in group.cells
        if (cell := cases.cell(group, label))
        for some, trials in [share_settled([cell], RUNNING, END)]
    ]


CLAIM = Claim(6, ("weight-norm", "weight-norm-small"), read)
