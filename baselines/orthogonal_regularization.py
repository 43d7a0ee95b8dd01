"""Orthogonal regularization, strict and relaxed."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.layers import Layer, output_matrix


class OrthogonalRegularization(Normalizer):
    """Pull the rows of every weight towards orthonormality (Brock et al. 2017, 2019).

    beta/2 ||M M' - I||_F^2 with M the weight as a matrix of c_out rows; its gradient is 2 beta (M M' - I) M. The relaxed
    form leaves out the diagonal, so that rows may have any length: beta/2 ||M M' o (1 - I)||_F^2.
    """

    name: ClassVar[str] = "orthogonal_regularization"
    summary: ClassVar[str] = "Rows of every weight pulled towards orthonormality."
    paper: ClassVar[str] = "Brock et al. 2017, arXiv:1609.07093; Brock et al. 2019, arXiv:1809.11096"

    beta: float = Field(1e-4, gt=0, le=1e4, description="the factor")
    relaxed: bool = Field(False, description="leave the rows' lengths alone")

    def weight_penalty(self, weight: Tensor, layer: Layer) -> Tensor:
        """Measure how far the rows are from orthonormal."""
        matrix = output_matrix(weight, layer)
        gram = matrix @ matrix.mT
        identity = torch.eye(gram.shape[0], dtype=gram.dtype, device=gram.device)
        off = gram * (1 - identity) if self.relaxed else gram - identity
        return 0.5 * self.beta * off.square().sum()
