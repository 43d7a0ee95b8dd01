"""The affine weight normalization of Xiang & Li."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.baselines.weight_norm_strict import of_one_stride, unit_rows
from ganbench.harness.normalizer import NETWORKS, Normalizer
from ganbench.harness.normalizer.layers import PRELU, Layer, per_output


class WeightNormAffine(Normalizer):
    """Weight normalization with a trained scale and shift on every layer, in both networks (Xiang & Li 2017, section 3).

    y = gamma w.x / ||w|| + beta per output unit, gamma starting at 1 and beta at 0, followed by a PReLU with a trained
    slope per channel. It is what their strict form is compared with: the scale and shift take the place of the translated
    activation. In a transposed convolution of stride s the squared norm is multiplied by 1/s^2.
    """

    name: ClassVar[str] = "weight_norm_affine"
    summary: ClassVar[str] = "Every unit's weight over its norm, with trained scale and bias, PReLU, both networks."
    paper: ClassVar[str] = "Xiang & Li 2017, arXiv:1704.03971"
    networks: ClassVar[frozenset[str]] = NETWORKS

    def init_params(self, weight: Tensor, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Start from gamma = 1."""
        return {"gamma": torch.ones(layer.out_features)}

    def reparameterize(
        self, weight: Tensor, params: Mapping[str, Tensor], state: Mapping[str, Tensor], layer: Layer
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return gamma w / ||w||."""
        return unit_rows(weight, layer) * per_output(params["gamma"], layer), state

    def reparameterize_stacked(
        self, weights: Tensor, params: Mapping[str, Tensor], states: Mapping[str, Tensor], layers: Sequence[Layer]
    ) -> tuple[Tensor, Mapping[str, Tensor]] | None:
        """Return the same, where one stride holds for all; the formula holds with a leading K."""
        return self.reparameterize(weights, params, states, layers[0]) if of_one_stride(layers) else None

    def init_activation(self, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Start hidden activations from a slope of 0.25."""
        return PRELU.init(layer.out_features) if layer.activates else {}

    def activate(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Apply PReLU in place of a hidden activation, and the output's own function at the end."""
        return PRELU(x, params) if layer.activates else layer.activate(x, params)
