"""Xavier initialisation."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.layers import Layer


class Xavier(Normalizer):
    """Draw the discriminator's weights uniformly with variance 2/(fan_in + fan_out) (Glorot & Bengio 2010, equation 16).

    A compromise between keeping the variance of signals forwards and of gradients backwards.
    """

    name: ClassVar[str] = "xavier"
    summary: ClassVar[str] = "Uniform of variance 2/(fan_in + fan_out) for the discriminator's weights."
    paper: ClassVar[str] = "Glorot & Bengio 2010, AISTATS"

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw from the uniform distribution on +-sqrt(6 / (fan_in + fan_out))."""
        return (2 * torch.rand(layer.shape, generator=generator) - 1) * (6.0 / (layer.fan_in + layer.fan_out)) ** 0.5
