"""LeCun initialisation."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.layers import Layer


class LeCun(Normalizer):
    """Draw the discriminator's weights from N(0, 1/fan_in) (LeCun et al. 1998, section 4.6).

    Signals keep their variance through a linear network. Spectral normalization keeps weights near this variance all
    through training (Lin, Sekar & Fanti 2021).
    """

    name: ClassVar[str] = "lecun"
    summary: ClassVar[str] = "N(0, 1/fan_in) for the discriminator's weights."
    paper: ClassVar[str] = 'LeCun et al. 1998, "Efficient BackProp"'

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw from N(0, 1/fan_in)."""
        return torch.randn(layer.shape, generator=generator) / layer.fan_in**0.5
