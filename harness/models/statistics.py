"""Statistics of a batch that discriminators are shown."""

from __future__ import annotations

import torch
from torch import Tensor


def group_deviation(x: Tensor, group: int = 4) -> Tensor:
    """Return how varied each sample's group is, one number per sample, [N] (Karras et al. 2018, section 3).

    The standard deviation of each feature over the group, sqrt(var + 1e-8), averaged over all features. Groups are taken
    across the batch; where the batch is not a multiple of the group, the largest smaller divisor is used.

    Args:
        x: Features, [N, C].
        group: Samples per group, at most.
    """
    count = next(size for size in range(min(group, len(x)), 0, -1) if len(x) % size == 0)
    groups = x.view(count, len(x) // count, -1)
    spread = torch.sqrt(groups.var(dim=0, correction=0) + 1e-8).mean(dim=1)
    return spread.repeat(count)
