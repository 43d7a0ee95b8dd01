"""The claims of ``rules-2.md``, one rule in each module."""

from __future__ import annotations

from ganbench.reports.paper_claims.claims import (
    batch_norm,
    gradients,
    late_decay,
    reconstruction,
    scales,
    strict_norm,
    techniques,
    weight_variance,
)
from ganbench.reports.paper_claims.judging.claim import Claim

CLAIMS: tuple[Claim, ...] = tuple(
    module.CLAIM
    for module in (
        weight_variance,
        gradients,
        strict_norm,
        scales,
        late_decay,
        reconstruction,
        batch_norm,
        techniques,
    )
)
"""In the order of their numbers."""
