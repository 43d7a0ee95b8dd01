"""Points in the plane: what toy problems have in common."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.data.dataset import Data, Dataset
from ganbench.harness.data.modes import Gaussians

SEED = 20161107
"""Of the examples themselves. They are the data set, the same in every trial of every suite."""


class Plane(Dataset):
    """Base of data sets of points in the plane, drawn at every load, the same ones every time."""

    size: int = Field(100_000, ge=100, le=10_000_000, description="number of points")

    def sample_shape(self) -> tuple[int, ...]:
        """Return the shape of a point."""
        return (2,)


class Mixture(Plane):
    """Base of mixtures of Gaussians of equal weight and width, which are modes that can be counted."""

    has_modes: ClassVar[bool] = True

    def drawn(self, centres: Tensor, std: float) -> Data:
        """Draw the points.

        Args:
            centres: [K, 2] in float64.
            std: Standard deviation along every axis.
        """
        generator = torch.Generator().manual_seed(SEED)
        mode = torch.randint(len(centres), (self.size,), generator=generator)
        noise = torch.randn((self.size, 2), generator=generator, dtype=torch.float64)
        return Data((centres[mode] + std * noise).float(), Gaussians(centres.float(), std))
