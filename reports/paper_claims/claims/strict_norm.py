"""Claim 3: the spectral norm of the convolution does worse out of the box than that of the reshaped weight."""

from __future__ import annotations

from ganbench.reports.paper_claims.judging.cases import Cases
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table, missing
from ganbench.reports.paper_claims.judging.effects import larger_in_pairs
from ganbench.reports.paper_claims.judging.measures import goodness
from ganbench.reports.paper_claims.judging.reading import Part, answer
from ganbench.reports.paper_claims.judging.words import median_quality, share

USUAL, STRICT = "spectral_norm", "spectral_norm_conv"


def read(cases: Cases) -> JudgedClaim:
    """Apply the rule."""
    groups = cases.both(USUAL, STRICT)
    lacking = missing(cases, (USUAL, STRICT), groups)
    if lacking:
        return lacking
    pairs = cases.pairs(USUAL, STRICT, groups)
    better = larger_in_pairs([goodness(usual) for usual, _ in pairs], [goodness(strict) for _, strict in pairs])
    part = Part(
        "pairs in which spectral_norm is better than spectral_norm_conv", better, 0.65, nothing=0.5, form="percent"
    )
    rows = tuple(
        (
            group.title,
            group.protocol.measure,
            median_quality(usual),
            share(usual),
            median_quality(strict),
            share(strict),
        )
        for group in groups
        for usual, strict in [(cases.cell(group, USUAL), cases.cell(group, STRICT))]
    )
    head = ("setting", "measure", "spectral_norm", "failed", "spectral_norm_conv", "failed")
    return JudgedClaim((answer((part,)),), (Table("Median quality, failures being worst, and failures", head, rows),))


CLAIM = Claim(3, ("bssn", "bssn-small"), read)
