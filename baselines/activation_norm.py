"""What the normalizations of activations have in common: where they stand, and their trained scale and shift."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.layers import Layer


class ActivationNorm(Normalizer):
    """Base of batch, layer, instance and group normalization: y = gamma (x - mean) / sqrt(var + eps) + beta.

    It stands between a layer and its activation wherever the architecture's paper has batch normalization.
    """

    eps: float = Field(1e-5, gt=0, le=1, description="added to the variance")

    def init_activation(self, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Start from gamma = 1 and beta = 0, for each unit or channel, beside what the layer's own activation needs."""
        own = layer.init_activation()
        if not self.stands_after(layer):
            return own
        return {**own, "gamma": torch.ones(layer.out_features), "beta": torch.zeros(layer.out_features)}

    def activate(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Normalize, then apply the layer's activation."""
        if self.stands_after(layer):
            x = self.normalize(x, params["gamma"], params["beta"])
        return layer.activate(x, params)

    def stands_after(self, layer: Layer) -> bool:
        """Say whether a layer's output is normalized."""
        return layer.normalized

    def normalize(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Normalize the output of a layer, [N, C] or [N, C, H, W]; gamma and beta are [C]."""
        raise NotImplementedError
