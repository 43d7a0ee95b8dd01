"""Claim 7: batch normalization speeds up the start and costs stability later."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ganbench.reports.evidence import Group
from ganbench.reports.paper_claims.judging.cases import Case, Cases
from ganbench.reports.paper_claims.judging.claim import (
    Claim,
    JudgedClaim,
    Table,
    measured,
    missing,
    nothing_seen,
    tail_table,
)
from ganbench.reports.paper_claims.judging.effects import chance_larger, rates_apart
from ganbench.reports.paper_claims.judging.looks import (
    FIRST,
    LATE,
    TAILS,
    UNDECIDED,
    Look,
    late_by,
    share_settled,
    speaks_late,
    why_not_late,
)
from ganbench.reports.paper_claims.judging.measures import at
from ganbench.reports.paper_claims.judging.reading import Either, Part, Question, Reading, answers
from ganbench.reports.paper_claims.judging.words import median, share

PLAIN, BATCH = "none", "batch_norm"
ERROR = "reconstruction_error"
NETWORK = "xiang_li_dcgan"
EARLY, EARLY_TOO = 0.05, 0.1


def read(cases: Cases) -> JudgedClaim:
    """Apply the rule."""
    strata = _strata(cases)
    lacking = missing(cases, (PLAIN, BATCH), [group for pair in strata for group in pair])
    if lacking:
        return lacking
    settings = [one.title for one, _ in strata]
    cells = [(cases.cell(one, BATCH), cases.cell(other, PLAIN)) for one, other in strata]
    speaking = [both for both in cells if speaks_late(both, ERROR)]
    every = [cell for both in cells for cell in both]
    barred = None if speaking else (Reading.CANNOT_SPEAK, why_not_late(every, ERROR))

    def early(look: Look) -> tuple[Part]:
        share = EARLY_TOO if look.other else EARLY
        errors = [(-_early(one, share), -_early(other, share)) for one, other in cells]
        chance = chance_larger(errors, cases.random("batch normalization, early"), settings=settings)
        words = "chance that batch_norm has the smaller error early"
        return (Part(words, chance, 0.65, nothing=0.5, form="percent"),)

    def late(look: Look) -> tuple[Either]:
        read = speaking or cells
        ratios = [(_late(cases, one, look), _late(cases, other, look)) for one, other in read]
        of = [one[0].group.title for one, _ in read]
        chance = chance_larger(ratios, cases.random("batch normalization, late"), settings=of)
        batch, plain = ([case for both in cells for case in both[side]] for side in (0, 1))
        strata_of = [
            [title for title, both in zip(settings, cells, strict=True) for _ in both[side]] for side in (0, 1)
        ]
        failed = rates_apart(
            *([case.fails(look.undecided) for case in side] for side in (batch, plain)),
            settings=(strata_of[0], strata_of[1]),
        )
        return (
            Either(
                (
                    Part("failures, batch_norm less none", failed, 0.1, barred=nothing_seen(batch, plain, Case.fails)),
                    Part("chance that batch_norm has the larger late ratio", chance, 0.65, nothing=0.5,
                         form="percent", barred=barred),
                )
            ),
        )  # fmt: skip

    rows = tuple(
        (cell[0].group.dataset, cell[0].group.setting, cell[0].normalizer, median(_early(cell, EARLY).tolist()),
         median(_late(cases, cell, FIRST).tolist()), f"{some}/{trials}", share(cell))
        for both in cells
        for cell in both
        for some, trials in [share_settled([cell], ERROR, LATE)]
    )  # fmt: skip
    head = ("data set", "setting", "normalizer", "error at 5 % of the budget", "late ratio",
            "settled by half of the budget", "failed")  # fmt: skip
    asked = (
        Question("a. early", early, {"the evaluation": {"at 10 % of the budget": Look(other=True)}}),
        Question("b. late", late, {**TAILS, **UNDECIDED}),
    )
    tables = (
        Table("Medians over seeds, as measured; failures", head, rows),
        tail_table(cases, [group for pair in strata for group in pair], ERROR),
    )
    return JudgedClaim(answers(asked, cases.random), tables)


def _strata(cases: Cases) -> list[tuple[Group, Group]]:
    """Return, for each data set and setting, the group with batch normalization and that without any."""
    batch = [group for group in cases.groups if BATCH in group.cells and group.architecture.startswith(NETWORK)]
    plain = [group for group in cases.groups if PLAIN in group.cells and group.architecture.startswith(NETWORK)]
    return [
        (one, other) for one in batch for other in plain if (one.dataset, one.setting) == (other.dataset, other.setting)
    ]


def _early(cell: Sequence[Case], share: float) -> np.ndarray:
    found = np.array(measured(cell, lambda trace: at(trace, ERROR, share), math.inf))
    return np.where(np.isfinite(found), found, np.inf)


def _late(cases: Cases, cell: Sequence[Case], look: Look) -> np.ndarray:
    return np.array([late_by(cases, case, ERROR, look) for case in cell])


CLAIM = Claim(7, ("weight-norm", "weight-norm-small"), read)
