"""Kaiming initialisation."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.layers import Layer


class Kaiming(Normalizer):
    """Draw the discriminator's weights from N(0, 2/((1 + slope^2) fan_in)) (He et al. 2015, equation 15).

    LeCun's initialisation, scaled up by what a leaky rectifier of that slope takes away.
    """

    name: ClassVar[str] = "kaiming"
    summary: ClassVar[str] = "N(0, 2/((1 + slope^2) fan_in)) for the discriminator's weights."
    paper: ClassVar[str] = "He et al. 2015, arXiv:1502.01852"

    slope: float = Field(0.2, ge=0, le=1, description="slope of the leaky rectifiers below zero")

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw from N(0, 2/((1 + slope^2) fan_in))."""
        return torch.randn(layer.shape, generator=generator) * (2.0 / ((1 + self.slope**2) * layer.fan_in)) ** 0.5
