"""A spiral: one connected mode that is hard to cover."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field

from ganbench.harness.data.dataset import Data
from ganbench.harness.data.plane import Plane

if TYPE_CHECKING:
    from ganbench.harness.data.store import Store

SEED = 20170331
"""Of the examples themselves, the same in every trial of every suite."""

INNER, OUTER = 1.5 * math.pi, 4.5 * math.pi
"""Angles where the spiral begins and ends: one and a half turns."""


class Spiral(Plane):
    """Points along an Archimedean spiral, as far from the centre as the angle says, with a little noise.

    The curve of the "Swiss roll" on which WGAN-GP shows its critics (Gulrajani et al. 2017, figure 1), scaled to a radius
    of 1. It has no modes to count; recall and coverage with the extractor ``points`` say how much of it is reached.
    """

    name: ClassVar[str] = "spiral"
    summary: ClassVar[str] = "Points along a spiral: no modes to count, but a curve to cover."
    paper: ClassVar[str] = "Gulrajani et al. 2017, arXiv:1704.00028"

    std: float = Field(0.02, ge=0, le=0.2, description="standard deviation of the noise; the outer radius is 1")

    def load(self, store: Store) -> Data:
        """Draw the points, the same at every call."""
        generator = torch.Generator().manual_seed(SEED)
        angle = INNER + (OUTER - INNER) * torch.rand(self.size, generator=generator, dtype=torch.float64)
        noise = torch.randn((self.size, 2), generator=generator, dtype=torch.float64)
        curve = torch.stack([angle.cos(), angle.sin()], dim=1) * (angle / OUTER).unsqueeze(1)
        return Data((curve + self.std * noise).float())
