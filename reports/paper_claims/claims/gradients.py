"""Claim 2: gradient norms that explode or vanish go with falling quality."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ganbench.harness.stability import load_definition
from ganbench.harness.stability.definition import Reference
from ganbench.reports.paper_claims.judging.cases import DEFINITION, Case, Cases
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table, measured, missing, tail_table
from ganbench.reports.paper_claims.judging.effects import Stratum, chance_larger, correlation, mean_correlation
from ganbench.reports.paper_claims.judging.looks import FIRST, TAILS, Look, quality
from ganbench.reports.paper_claims.judging.measures import gradient_excursion
from ganbench.reports.paper_claims.judging.reading import Barred, Part, Question, Reading, answers
from ganbench.reports.paper_claims.judging.words import median, share, value

GRADIENTS = frozenset({"exploding_gradient", "vanishing_gradient"})


def read(cases: Cases) -> JudgedClaim:
    """Apply the rule."""
    labels = list(dict.fromkeys(label for group in cases.groups for label in group.cells))
    lacking = missing(cases, labels, cases.groups)
    if lacking:
        return lacking
    limits = load_definition(DEFINITION).exploding_gradient
    cells = [(group.title, label, cases.cell(group, label)) for group in cases.groups for label in group.cells]
    settings = [title for title, _, _ in cells]
    far = [_far(cell, limits) for _, _, cell in cells]

    def strata(look: Look) -> list[Stratum]:
        return [
            (distances[seen], _bad(cases, cell, look)[seen])
            for (_, _, cell), distances in zip(cells, far, strict=True)
            for seen in [~np.isnan(distances)]
        ]

    def distance(look: Look) -> tuple[Part]:
        words = "correlation of the gradient's distance with bad quality, over the seeds of a cell"
        return (
            Part(words, correlation(strata(look), cases.random("gradients"), settings=settings), 0.3, form="number"),
        )

    def extreme(look: Look) -> tuple[Part]:
        sides = [
            tuple(_bad(cases, [case for case in cell if _extreme(case) is side], look) for side in (True, False))
            for _, _, cell in cells
        ]
        effect = chance_larger(
            [(one, other) for one, other in sides], cases.random("extreme gradients"), settings=settings
        )
        words = "chance that a trial whose gradient exploded or vanished is the worse one"
        return (Part(words, effect, 0.65, nothing=0.5, form="percent", barred=_not_asked(cases, bool(effect.size))),)

    found = strata(FIRST)
    own = {
        label: [stratum for (_, name, _), stratum in zip(cells, found, strict=True) if name == label]
        for label in labels
    }
    table = Table(
        "The gradient's distance from its reference in tenfolds, and the correlation in each normalizer's cells",
        ("normalizer", "exploded or vanished", "distance, median", "distance, largest tenth from", "correlation"),
        tuple((label, share([_extreme(case) for case in cases.of(label)]), *_row(own[label])) for label in labels),
    )
    asked = (
        Question("a. distance", distance, TAILS),
        Question("b. gradients that explode or vanish", extreme, TAILS),
    )
    return JudgedClaim(answers(asked, cases.random), (table, tail_table(cases, cases.groups)))


def _far(cell: Sequence[Case], limits: Reference) -> np.ndarray:
    return np.array(measured(cell, lambda trace: gradient_excursion(trace, limits), math.nan))


def _bad(cases: Cases, cell: Sequence[Case], look: Look) -> np.ndarray:
    return np.array([-quality(cases, case, look) for case in cell])


def _extreme(case: Case) -> bool:
    return bool(GRADIENTS & set(case.verdict.modes))


def _not_asked(cases: Cases, compared: bool) -> Barred | None:
    """Return why gradients that explode or vanish cannot be asked about; None where they can."""
    some = sum(map(_extreme, cases.cases))
    if not some:
        return Reading.NOT_ASKED, "no exploding or vanishing gradient occurred"
    words = f"in no cell did some trials have an exploding or vanishing gradient, as {some} had, and others not"
    return None if compared else (Reading.NOT_ASKED, words)


def _row(strata: Sequence[Stratum]) -> tuple[str, str, str]:
    far = sorted(np.concatenate([np.empty(0), *(tenfolds for tenfolds, _ in strata)]).tolist())
    high = far[math.ceil(0.9 * len(far)) - 1 :][:1]
    return median(far), median(high), value(mean_correlation(strata), "number")


CLAIM = Claim(2, ("bssn", "sngan-settings", "bssn-small", "sngan-settings-small"), read)
