"""How far samples are from each other."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_pairwise_distance(x: Tensor) -> float:
    """Return the mean Euclidean distance between two different samples, [N, ...], in float64; nan of fewer than two."""
    return float(torch.nn.functional.pdist(x.flatten(1).double()).mean())
