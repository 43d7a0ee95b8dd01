"""DCGAN's initialisation."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.layers import Layer


class DCGANInit(Normalizer):
    """Draw the discriminator's weights from N(0, std^2), whatever the layer (Radford et al. 2016, section 3)."""

    name: ClassVar[str] = "dcgan"
    summary: ClassVar[str] = "N(0, 0.02) for the discriminator's weights."
    paper: ClassVar[str] = "Radford et al. 2016, arXiv:1511.06434"

    std: float = Field(0.02, gt=0, le=10, description="standard deviation")

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw from N(0, std^2)."""
        return torch.randn(layer.shape, generator=generator) * self.std
