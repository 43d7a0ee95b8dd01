"""The strict weight normalization of Xiang & Li."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from harness.models.layers import Layer, per_output, row_norms
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

    def init_params(self, weight: Tensor, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Start from gamma = 1 in the last layer; slope 0.25 and threshold 0 elsewhere."""
        if layer.last:
            return {"gamma": torch.ones(layer.out_features)}
        return {"slope": torch.full((layer.out_features,), 0.25), "threshold": torch.zeros(layer.out_features)}

    def reparametrize(
        self, weight: Tensor, params: Mapping[str, Tensor], state: Mapping[str, Tensor], layer: Layer
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Divide each output unit's weight by its norm; in the last layer, multiply by gamma."""
        effective = unit_rows(weight, layer)
        return (effective * per_output(params["gamma"], layer) if layer.last else effective), state

    def activate(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Apply the translated PReLU in place of a hidden activation, and the output's own function at the end."""
        if layer.last:
            return layer.activate(x)
        threshold = params["threshold"].view([1, -1] + [1] * (x.dim() - 2))
        return F.prelu(x - threshold, params["slope"].clamp(0, 1)) + threshold


def unit_rows(weight: Tensor, layer: Layer) -> Tensor:
    """Divide each output unit's weight by its norm, so that outputs keep the variance of their inputs.

    Args:
        weight: The raw weight.
        layer: In a transposed convolution of stride s each output pixel sees 1/s^2 of the taps, in two dimensions.
    """
    norm = row_norms(weight, layer)
    if layer.kind == "conv_transpose":
        norm = norm / layer.stride
    return weight / (per_output(norm, layer) + EPS)
