"""The weight normalization of Salimans & Kingma."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.layers import Layer, per_output, row_norms

EPS = 1e-12
"""A trained g over it is still a number in every precision."""


class WeightNorm(Normalizer):
    """Learn the length of each output unit's weight apart from its direction (Salimans & Kingma 2016, equation 2).

    w = g v / ||v|| with a trained g per output unit that starts at ||v||, so that training starts from the same function;
    the bias stays. The paper's data-dependent initialisation is not made. Unlike spectral normalization it bounds
    nothing: g is free.
    """

    name: ClassVar[str] = "weight_norm"
    version: ClassVar[str] = "2"  # 1 divided a unit of exact zeros by a number so small that a trained g overflowed
    summary: ClassVar[str] = "Direction and trained length of every unit's weight, apart."
    paper: ClassVar[str] = "Salimans & Kingma 2016, arXiv:1602.07868"

    def init_params(self, weight: Tensor, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Start from g = ||v||, [c_out]."""
        return {"g": row_norms(weight, layer)}

    def reparameterize(
        self, weight: Tensor, params: Mapping[str, Tensor], state: Mapping[str, Tensor], layer: Layer
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return g v / ||v||; a unit whose v is zero stays zero."""
        length = row_norms(weight, layer).clamp_min(EPS)
        return weight * per_output(params["g"] / length, layer), state

    def reparameterize_stacked(
        self, weights: Tensor, params: Mapping[str, Tensor], states: Mapping[str, Tensor], layers: Sequence[Layer]
    ) -> tuple[Tensor, Mapping[str, Tensor]] | None:
        """Return the same; the formula holds with a leading K, wherever the layers stand."""
        return self.reparameterize(weights, params, states, layers[0])
