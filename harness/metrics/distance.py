"""How far samples are from each other."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_pairwise_distance(x: Tensor) -> float:
    """Return the mean Euclidean distance between two different samples, [N, ...], in float64; nan of fewer than two."""
    return float(torch.nn.functional.pdist(x.flatten(1).double()).mean())


def mean_distance(features: Tensor, most: int = 500) -> float:
    """Return the mean Euclidean distance between two different rows.

    Args:
        features: [N, D].
        most: Rows used, evenly spaced; all pairs among them are averaged.
    """
    rows = torch.linspace(0, len(features) - 1, min(most, len(features))).long()
    return mean_pairwise_distance(features[rows.to(features.device)])
