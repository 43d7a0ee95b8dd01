"""Twenty-five Gaussians on a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field

from ganbench.harness.data.dataset import Data
from ganbench.harness.data.plane import Mixture

if TYPE_CHECKING:
    from ganbench.harness.data.store import Store


class Grid25(Mixture):
    """Gaussians at {-4, -2, 0, 2, 4} x {-4, -2, 0, 2, 4}: more modes than ring8, of which a GAN loses the outer ones.

    With the standard deviation of 0.05 and the 100,000 points of PacGAN (Lin et al. 2018, section 4.1).
    """

    name: ClassVar[str] = "grid25"
    summary: ClassVar[str] = "25 Gaussians on a grid; modes are counted exactly."
    paper: ClassVar[str] = "Lin et al. 2018, arXiv:1712.04086; Srivastava et al. 2017, arXiv:1705.07761"

    std: float = Field(0.05, gt=0, le=0.5, description="standard deviation of a mode; neighbours are 2 apart")

    def load(self, store: Store) -> Data:
        """Draw the points, the same at every call."""
        axis = torch.arange(-4, 5, 2, dtype=torch.float64)
        return self.drawn(torch.cartesian_prod(axis, axis), self.std)
