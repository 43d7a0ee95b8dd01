"""Points drawn from Gaussians in the plane: what toy problems of mode collapse have in common."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.data.dataset import Data
from harness.data.modes import Gaussians

SEED = 20161107
"""Of the examples themselves. They are the data set, the same in every trial of every suite."""


def drawn(centres: Tensor, std: float, size: int) -> Data:
    """Draw points from Gaussians of equal weight, the same at every call.

    Args:
        centres: [K, 2] in float64.
        std: Standard deviation along every axis.
        size: How many points.
    """
    generator = torch.Generator().manual_seed(SEED)
    mode = torch.randint(len(centres), (size,), generator=generator)
    noise = torch.randn((size, 2), generator=generator, dtype=torch.float64)
    return Data((centres[mode] + std * noise).float(), Gaussians(centres.float(), std))
