"""The strict weight normalization of Xiang & Li."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench.harness.normalizer import NETWORKS, Claim, Normalizer, length_of_every_output_unit
from ganbench.harness.normalizer.layers import Layer, per_output, row_norms

EPS = 1e-8
"""Added to the norm, as in the authors' residual-network code."""


class WeightNormStrict(Normalizer):
    """Strict weight normalization with a translated PReLU, in both networks (Xiang & Li 2017, section 3).

    Every hidden layer computes w.x / ||w|| for each output unit, with neither scale nor bias; what it loses in capacity
    returns through the translated activation TPReLU(x) = PReLU_s(x - b) + b, whose slope s (held in [0, 1]) and
    threshold b are learned per channel. The last layer of each network is affine, gamma w.x / ||w|| + beta, and so is any
    other that an architecture declares. In a transposed convolution of stride s each output pixel sees only 1/s^2 of the
    kernel's taps, so the squared norm is multiplied by 1/s^2. The branches of a residual block join as
    (p r + q x) / sqrt(p^2 + q^2) with p and q learned per channel from 0 and 1. The weights' norm being fixed, the outputs
    of a layer keep the variance of their inputs.
    """

    name: ClassVar[str] = "weight_norm_strict"
    summary: ClassVar[str] = "Every unit's weight over its norm, no bias, translated PReLU, both networks."
    paper: ClassVar[str] = "Xiang & Li 2017, arXiv:1704.03971"
    networks: ClassVar[frozenset[str]] = NETWORKS

    def claims(self, layer: Layer) -> tuple[Claim, ...]:
        """In hidden layers every unit's length is 1; in a transposed convolution, 1 for the taps that a pixel sees."""
        length = layer.stride if layer.kind == "conv_transpose" else 1
        return () if _affine(layer) else (Claim(length_of_every_output_unit, exactly=length),)

    def has_bias(self, layer: Layer) -> bool:
        """Keep a bias (beta) in affine layers only."""
        return _affine(layer)

    def init_params(self, weight: Tensor, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Start from gamma = 1 in affine layers."""
        return {"gamma": torch.ones(layer.out_features)} if _affine(layer) else {}

    def init_activation(self, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Start hidden activations from slope 0.25 and threshold 0; an output without a weight from the identity."""
        if layer.affine:
            return layer.init_activation()
        if layer.activates:
            return {"slope": torch.full((layer.out_features,), 0.25), "threshold": torch.zeros(layer.out_features)}
        if layer.last and not layer.has_weight:
            return {"gamma": torch.ones(layer.out_features), "beta": torch.zeros(layer.out_features)}
        return {}

    def init_addition(self, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Start from the shortcut alone: p = 0 and q = 1 for each channel."""
        return {"p": torch.zeros(layer.out_features), "q": torch.ones(layer.out_features)}

    def reparameterize(
        self, weight: Tensor, params: Mapping[str, Tensor], state: Mapping[str, Tensor], layer: Layer
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Divide each output unit's weight by its norm; in affine layers, multiply by gamma."""
        effective = unit_rows(weight, layer)
        return (effective * per_output(params["gamma"], layer) if _affine(layer) else effective), state

    def reparameterize_stacked(
        self, weights: Tensor, params: Mapping[str, Tensor], states: Mapping[str, Tensor], layers: Sequence[Layer]
    ) -> tuple[Tensor, Mapping[str, Tensor]] | None:
        """Return the same, where one stride holds for all; the formula holds with a leading K."""
        alike = of_one_stride(layers) and len({_affine(layer) for layer in layers}) == 1
        return self.reparameterize(weights, params, states, layers[0]) if alike else None

    def activate(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Apply the translated PReLU in place of a hidden activation, and the output's own function at the end."""
        if layer.activates and not layer.affine:
            threshold = per_channel(params["threshold"], x)
            return F.prelu(x - threshold, params["slope"].clamp(0, 1)) + threshold
        if layer.last and not layer.has_weight:
            x = per_channel(params["gamma"], x) * x + per_channel(params["beta"], x)
        return layer.activate(x, params)

    def add(self, residual: Tensor, shortcut: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Join with the weights (p, q) at length one, for each channel."""
        p, q = per_channel(params["p"], residual), per_channel(params["q"], residual)
        return (p * residual + q * shortcut) / (p.square() + q.square() + EPS).sqrt()


def _affine(layer: Layer) -> bool:
    return layer.last or layer.affine


def per_channel(values: Tensor, x: Tensor) -> Tensor:
    """Reshape a value per channel, [C], so that it multiplies [N, C] or [N, C, H, W]."""
    return values.view([1, -1] + [1] * (x.dim() - 2))


def unit_rows(weight: Tensor, layer: Layer) -> Tensor:
    """Divide each output unit's weight by its norm, so that outputs keep the variance of their inputs.

    Args:
        weight: The raw weight, or those of several layers with a leading K.
        layer: In a transposed convolution of stride s each output pixel sees 1/s^2 of the taps, in two dimensions.
    """
    norm = row_norms(weight, layer)
    if layer.kind == "conv_transpose":
        norm = norm / layer.stride
    return weight / (per_output(norm, layer) + EPS)


def of_one_stride(layers: Sequence[Layer]) -> bool:
    """Say whether :func:`unit_rows` does the same to all these layers; the stride of a convolution does not enter."""
    return layers[0].kind != "conv_transpose" or len({layer.stride for layer in layers}) == 1
