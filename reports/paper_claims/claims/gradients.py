"""Claim 2: gradient norms that explode or vanish go with falling quality."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ganbench.harness.stability import load_definition
from ganbench.harness.stability.definition import Reference
from ganbench.harness.statistics import suite_generator
from ganbench.reports.paper_claims.judging.cases import DEFINITION, Case, Cases
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table, measured, missing
from ganbench.reports.paper_claims.judging.effects import Stratum, correlation, mean_correlation
from ganbench.reports.paper_claims.judging.measures import goodness, gradient_excursion
from ganbench.reports.paper_claims.judging.reading import Part, answer
from ganbench.reports.paper_claims.judging.words import median, share, value

GRADIENTS = frozenset({"exploding_gradient", "vanishing_gradient"})
FALLS = frozenset({"late_deterioration", "never_converged"})


def read(cases: Cases) -> JudgedClaim:
    """Apply the rule."""
    labels = list(dict.fromkeys(label for group in cases.groups for label in group.cells))
    lacking = missing(cases, labels, cases.groups)
    if lacking:
        return lacking
    limits = load_definition(DEFINITION).exploding_gradient
    strata = {
        (group.title, label): _stratum(cases.cell(group, label), limits)
        for group in cases.groups
        for label in group.cells
    }
    effect = correlation([*strata.values()], suite_generator(str(cases.plan["hash"]), "findings: gradients"))
    words = "correlation of the gradient's distance with bad quality, over the seeds of a cell"
    part = Part(words, effect, 0.3, form="number")
    own = {label: [stratum for (_, name), stratum in strata.items() if name == label] for label in labels}
    table = Table(
        "The gradient's distance from its reference in tenfolds, and the correlation in each normalizer's cells",
        ("normalizer", "failed", "distance, median", "distance, largest tenth from", "correlation"),
        tuple((label, share(cases.of(label)), *_row(own[label])) for label in labels),
    )
    some = [case for case in cases.cases if GRADIENTS & set(case.verdict.modes)]
    others = [case for case in cases.cases if not GRADIENTS & set(case.verdict.modes)]
    told = (
        f"Of {len(some)} trials with an exploding or vanishing gradient {_fell(some)} also deteriorated late or never"
        f" converged; of the {len(others)} others {_fell(others)}. (Without a verdict.)"
    )
    return JudgedClaim((answer((part,)),), (table,), (told,))


def _stratum(cell: list[Case], limits: Reference) -> Stratum:
    far = np.array(measured(cell, lambda trace: gradient_excursion(trace, limits), math.nan))
    bad = np.array([-goodness(case) for case in cell])
    seen = ~np.isnan(far)
    return far[seen], bad[seen]


def _row(strata: Sequence[Stratum]) -> tuple[str, str, str]:
    far = sorted(np.concatenate([np.empty(0), *(tenfolds for tenfolds, _ in strata)]).tolist())
    high = far[math.ceil(0.9 * len(far)) - 1 :][:1]
    return median(far), median(high), value(mean_correlation(strata), "number")


def _fell(cases: list[Case]) -> str:
    return share([bool(FALLS & set(case.verdict.modes)) for case in cases])


CLAIM = Claim(2, ("bssn", "sngan-settings", "bssn-small", "sngan-settings-small"), read)
