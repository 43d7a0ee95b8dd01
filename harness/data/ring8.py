"""Eight Gaussians on a circle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field

from ganbench.harness.data.dataset import Data
from ganbench.harness.data.plane import Mixture

if TYPE_CHECKING:
    from ganbench.harness.data.store import Store


class Ring8(Mixture):
    """Eight Gaussians, evenly on the unit circle: the toy problem on which mode collapse can be counted.

    Unrolled GANs (Metz et al. 2017) and PacGAN (Lin et al. 2018) use a standard deviation of one hundredth of the radius;
    PacGAN trains on 100,000 points.
    """

    name: ClassVar[str] = "ring8"
    summary: ClassVar[str] = "Eight Gaussians on a circle; modes are counted exactly."
    paper: ClassVar[str] = "Metz et al. 2017, arXiv:1611.02163"

    std: float = Field(0.01, gt=0, le=0.2, description="standard deviation of a mode; the circle's radius is 1")

    def load(self, store: Store) -> Data:
        """Draw the points, the same at every call."""
        angles = torch.arange(8, dtype=torch.float64) * (2 * math.pi / 8)
        return self.drawn(torch.stack([angles.cos(), angles.sin()], dim=1), self.std)
