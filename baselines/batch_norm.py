"""Batch normalization, placed as in DCGAN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from harness.models.layers import Layer
from harness.normalizer import Normalizer


class BatchNorm(Normalizer):
    """Batch normalization after every layer but a network's first and last (Ioffe & Szegedy 2015, algorithm 1).

    y = gamma (x - mean) / sqrt(var + eps) + beta, with the mean and variance of the batch, per unit or channel. The
    discriminator sees real and generated batches apart, each with its own statistics, as in the authors' DCGAN code.
    There are no running averages: evaluation uses the statistics of its own, large batch. A layer that is followed by
    batch normalization has no bias, because beta takes its place and the bias' gradient is zero up to rounding, which
    Adam would turn into steps of full size.
    """

    name: ClassVar[str] = "batch_norm"
    summary: ClassVar[str] = "Batch statistics after every layer but the first and the last."
    paper: ClassVar[str] = "Ioffe & Szegedy 2015, arXiv:1502.03167; placed as in Radford et al. 2016"

    eps: float = Field(1e-5, gt=0, le=1, description="added to the variance")

    def has_bias(self, layer: Layer) -> bool:
        """Drop the bias where beta takes its place."""
        return not layer.normalized

    def init_params(self, weight: Tensor, layer: Layer) -> dict[str, Tensor]:
        """Start from gamma = 1 and beta = 0."""
        if not layer.normalized:
            return {}
        return {"gamma": torch.ones(layer.out_features), "beta": torch.zeros(layer.out_features)}

    def activate(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Normalize by the batch's statistics, then apply the layer's activation."""
        if layer.normalized:
            x = F.batch_norm(x, None, None, params["gamma"], params["beta"], training=True, eps=self.eps)
        return layer.activate(x)
