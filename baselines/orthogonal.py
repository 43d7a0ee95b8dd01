"""Orthogonal initialisation."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.layers import Layer, output_matrix


class Orthogonal(Normalizer):
    """Draw the discriminator's weights as random matrices with orthonormal rows or columns (Saxe et al. 2014).

    The weight as a matrix of c_out rows is gain times the orthogonal factor of a Gaussian matrix, with signs that make it
    uniformly distributed. All its singular values are equal to the gain.
    """

    name: ClassVar[str] = "orthogonal"
    summary: ClassVar[str] = "Random orthogonal matrices for the discriminator's weights."
    paper: ClassVar[str] = "Saxe et al. 2014, arXiv:1312.6120"

    gain: float = Field(1.0, gt=0, le=10, description="every singular value")

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw a Gaussian matrix and orthogonalize it."""
        raw = torch.randn(layer.shape, generator=generator)
        matrix = output_matrix(raw, layer)
        tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.mT
        q, r = torch.linalg.qr(tall)
        q = q * r.diagonal().sign()
        made = self.gain * (q if matrix.shape[0] >= matrix.shape[1] else q.mT)
        if layer.kind == "conv_transpose":
            swapped = (layer.shape[1], layer.shape[0], *layer.shape[2:])
            return made.reshape(swapped).transpose(0, 1).contiguous()
        return made.reshape(layer.shape).contiguous()
