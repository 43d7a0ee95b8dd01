"""The strict weight normalization of Xiang & Li."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from harness.models.layers import Layer
from harness.normalizer import NETWORKS, Normalizer

EPS = 1e-8
"""Added to the norm, as in the authors' residual-network code."""


class WeightNormStrict(Normalizer):
    """Strict weight normalization with a translated PReLU, in both networks (Xiang & Li 2017, section 3).

    Every hidden layer computes w.x / ||w|| for each output unit, with neither scale nor bias; what it loses in capacity
    returns through the translated activation TPReLU(x) = PReLU_s(x - b) + b, whose slope s (held in [0, 1]) and
    threshold b are learned per channel. The last layer of each network is affine: gamma w.x / ||w|| + beta. In a
    transposed convolution of stride s each output pixel sees only 1/s^2 of the kernel's taps, so the squared norm is
    multiplied by 1/s^2. The weights' norm being fixed, the outputs of a layer keep the variance of their inputs.
    """

    name: ClassVar[str] = "weight_norm_strict"
    summary: ClassVar[str] = "Every unit's weight over its norm, no bias, translated PReLU, both networks."
    paper: ClassVar[str] = "Xiang & Li 2017, arXiv:1704.03971"
    networks: ClassVar[frozenset[str]] = NETWORKS

    def has_bias(self, layer: Layer) -> bool:
        """Keep a bias (beta) in the affine last layer only."""
        return layer.last

    def init_params(self, weight: Tensor, layer: Layer) -> dict[str, Tensor]:
        """Start from gamma = 1 in the last layer; slope 0.25 and threshold 0 elsewhere."""
        if layer.last:
            return {"gamma": torch.ones(layer.out_features)}
        return {"slope": torch.full((layer.out_features,), 0.25), "threshold": torch.zeros(layer.out_features)}

    def reparametrize(
        self, weight: Tensor, params: Mapping[str, Tensor], state: Mapping[str, Tensor], layer: Layer
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Divide each output unit's weight by its norm."""
        transposed = layer.kind == "conv_transpose"
        others = [axis for axis in range(weight.dim()) if axis != (1 if transposed else 0)]
        norm = torch.linalg.vector_norm(weight, dim=others, keepdim=True)
        if transposed:
            norm = norm / layer.stride
        effective = weight / (norm + EPS)
        if layer.last:
            effective = effective * params["gamma"].view(
                [-1 if axis not in others else 1 for axis in range(weight.dim())]
            )
        return effective, state

    def activate(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Apply the translated PReLU in place of a hidden activation, and the output's own function at the end."""
        if layer.last:
            return layer.activate(x)
        threshold = params["threshold"].view([1, -1] + [1] * (x.dim() - 2))
        return F.prelu(x - threshold, params["slope"].clamp(0, 1)) + threshold
