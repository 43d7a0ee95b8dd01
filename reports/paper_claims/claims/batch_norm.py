"""Claim 7: batch normalization speeds up the start and costs stability later."""

from __future__ import annotations

import math

import numpy as np

from ganbench.harness.statistics import suite_generator
from ganbench.reports.evidence import Group
from ganbench.reports.paper_claims.judging.cases import Cases
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table, measured, missing
from ganbench.reports.paper_claims.judging.effects import Stratum, chance_larger, rates_apart
from ganbench.reports.paper_claims.judging.measures import at, late_ratio
from ganbench.reports.paper_claims.judging.reading import Either, Part, answer
from ganbench.reports.paper_claims.judging.words import median, share

PLAIN, BATCH = "none", "batch_norm"
ERROR = "reconstruction_error"
NETWORK = "xiang_li_dcgan"
EARLY = 0.05


def read(cases: Cases) -> JudgedClaim:
    """Apply the rule."""
    strata = _strata(cases)
    lacking = missing(cases, (PLAIN, BATCH), [group for pair in strata for group in pair])
    if lacking:
        return lacking
    random = suite_generator(str(cases.plan["hash"]), "findings: batch normalization")
    early: list[Stratum] = [
        (-np.array(_early(cases, one, BATCH)), -np.array(_early(cases, other, PLAIN))) for one, other in strata
    ]
    late: list[Stratum] = [
        (np.array(_late(cases, one, BATCH)), np.array(_late(cases, other, PLAIN))) for one, other in strata
    ]
    failed = rates_apart(
        [case.failed for one, _ in strata for case in cases.cell(one, BATCH)],
        [case.failed for _, other in strata for case in cases.cell(other, PLAIN)],
    )
    parts = (
        Part("chance that batch_norm has the smaller error early", chance_larger(early, random), 0.65, nothing=0.5,
             form="percent"),
        Either((
            Part("failures, batch_norm less none", failed, 0.1),
            Part("chance that batch_norm has the larger late ratio", chance_larger(late, random), 0.65, nothing=0.5,
                 form="percent"),
        )),
    )  # fmt: skip
    rows = tuple(
        (group.dataset, group.setting, label, median(_early(cases, group, label)), median(_late(cases, group, label)),
         share(cases.cell(group, label)))
        for pair in strata
        for group, label in zip(pair, (BATCH, PLAIN), strict=True)
    )  # fmt: skip
    head = ("data set", "setting", "normalizer", "error at 5 % of the budget", "late ratio", "failed")
    return JudgedClaim((answer(parts),), (Table("Medians over seeds, as measured; failures", head, rows),))


def _strata(cases: Cases) -> list[tuple[Group, Group]]:
    """Return, for each data set and setting, the group with batch normalization and that without any."""
    batch = [group for group in cases.groups if BATCH in group.cells and group.architecture.startswith(NETWORK)]
    plain = [group for group in cases.groups if PLAIN in group.cells and group.architecture.startswith(NETWORK)]
    return [
        (one, other) for one in batch for other in plain if (one.dataset, one.setting) == (other.dataset, other.setting)
    ]


def _early(cases: Cases, group: Group, label: str) -> list[float]:
    found = measured(cases.cell(group, label), lambda trace: at(trace, ERROR, EARLY), math.inf)
    return [value if math.isfinite(value) else math.inf for value in found]


def _late(cases: Cases, group: Group, label: str) -> list[float]:
    return measured(cases.cell(group, label), lambda trace: late_ratio(trace, ERROR), math.inf)


CLAIM = Claim(7, ("weight-norm", "weight-norm-small"), read)
