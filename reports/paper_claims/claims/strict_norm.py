"""Claim 3: the spectral norm of the convolution does worse out of the box than that of the reshaped weight."""

from __future__ import annotations

from ganbench.reports.paper_claims.judging.cases import Cases, settings_of
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table, missing, tail_table
from ganbench.reports.paper_claims.judging.effects import larger_in_pairs
from ganbench.reports.paper_claims.judging.looks import TAILS, Look, goodness, told_settled
from ganbench.reports.paper_claims.judging.reading import Part, Question, answers
from ganbench.reports.paper_claims.judging.words import median_quality, share

USUAL, STRICT = "spectral_norm", "spectral_norm_conv"


def read(cases: Cases) -> JudgedClaim:
    """Apply the rule."""
    groups = cases.both(USUAL, STRICT)
    lacking = missing(cases, (USUAL, STRICT), groups)
    if lacking:
        return lacking
    pairs = cases.pairs(USUAL, STRICT, groups)

    def parts(look: Look) -> tuple[Part]:
        usual, strict = ([goodness(cases, pair[side], look) for pair in pairs] for side in (0, 1))
        better = larger_in_pairs(usual, strict, settings=settings_of(pairs))
        words = "pairs in which spectral_norm is better than spectral_norm_conv"
        return (Part(words, better, 0.65, nothing=0.5, form="percent"),)

    rows = tuple(
        (
            group.title,
            group.protocol.measure,
            median_quality(cases, usual),
            share(usual),
            median_quality(cases, strict),
            share(strict),
        )
        for group in groups
        for usual, strict in [(cases.cell(group, USUAL), cases.cell(group, STRICT))]
    )
    head = ("setting", "measure", "spectral_norm", "failed", "spectral_norm_conv", "failed")
    table = Table("Median quality, failures being worst, and failures", head, rows)
    return JudgedClaim(
        answers([Question("", parts, TAILS)], cases.random),
        (table, tail_table(cases, groups)),
        (told_settled(cases, groups, (USUAL, STRICT)),),
    )


CLAIM = Claim(3, ("bssn", "bssn-small"), read)
