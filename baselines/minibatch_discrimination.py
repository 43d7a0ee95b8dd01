"""Minibatch discrimination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.layers import Layer


class MinibatchDiscrimination(Normalizer):
    """Show the discriminator how near each sample is to the others of its batch (Salimans et al. 2016, section 3.2).

    With f(x_i) the features before the last layer and a trained tensor T, M_i = f(x_i) T is a matrix of ``kernels`` rows of
    ``dimension`` numbers; c_b(i, j) = exp(-||M_i,b - M_j,b||_1), and o_b(i) = sum over j != i of c_b(i, j). The o_b(i) are
    added to the features. A collapsed batch gives them away. Real and generated batches are scored apart. T starts from
    N(0, 0.05^2), as in the authors' code; their weight normalization of T is left out.
    """

    name: ClassVar[str] = "minibatch_discrimination"
    summary: ClassVar[str] = "Nearness to the rest of the batch, as features before the last layer."
    paper: ClassVar[str] = "Salimans et al. 2016, arXiv:1606.03498"

    kernels: int = Field(100, ge=1, le=4096, description="features that are added, B")
    dimension: int = Field(5, ge=1, le=256, description="numbers of each kernel, C")

    def extra_features(self, layer: Layer) -> int:
        """Add a feature per kernel before the last layer."""
        return self.kernels if layer.last else 0

    def init_params(self, weight: Tensor, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw T, [A, B * C]."""
        if not layer.extra:
            return {}
        features = layer.in_features - layer.extra
        return {"tensor": 0.05 * torch.randn((features, self.kernels * self.dimension), generator=generator)}

    def extend(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Append o(i) to each sample's features."""
        rows = (x @ params["tensor"]).view(len(x), self.kernels, self.dimension)
        distance = (rows[:, None] - rows[None]).abs().sum(dim=3)
        near = torch.exp(-distance).sum(dim=1) - 1  # the sample's own term is exp(0)
        return torch.cat([x, near], dim=1)
