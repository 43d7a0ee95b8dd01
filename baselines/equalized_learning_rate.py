"""Equalized learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.normalizer import NETWORKS, Normalizer
from ganbench.harness.normalizer.layers import Layer


class EqualizedLearningRate(Normalizer):
    """Scale weights at run time instead of at initialisation, in both networks (Karras et al. 2018, section 4.1).

    Raw weights start from N(0, 1), and the effective weight is gain / sqrt(fan_in) times the raw one: He's initialisation
    with a gain of sqrt(2), but with the same dynamic range, and so the same speed under Adam, for every layer. The last
    layer has a gain of 1.
    """

    name: ClassVar[str] = "equalized_learning_rate"
    summary: ClassVar[str] = "Weights from N(0, 1), scaled by gain / sqrt(fan_in) at run time, both networks."
    paper: ClassVar[str] = "Karras et al. 2018, arXiv:1710.10196"
    networks: ClassVar[frozenset[str]] = NETWORKS

    gain: float = Field(2**0.5, gt=0, le=10, description="gain of hidden layers")

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw from N(0, 1)."""
        return torch.randn(layer.shape, generator=generator)

    def reparameterize(
        self, weight: Tensor, params: Mapping[str, Tensor], state: Mapping[str, Tensor], layer: Layer
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Scale by the layer's constant."""
        return weight * ((1.0 if layer.last else self.gain) / layer.fan_in**0.5), state
