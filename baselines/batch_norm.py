"""Batch normalization, placed as in DCGAN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench.baselines.activation_norm import ActivationNorm
from ganbench.harness.normalizer.layers import Layer


class BatchNorm(ActivationNorm):
    """Batch normalization after every layer but a network's first and last (Ioffe & Szegedy 2015, algorithm 1).

    y = gamma (x - mean) / sqrt(var + eps) + beta, with the mean and variance of the batch, per unit or channel. The
    discriminator sees real and generated batches apart, each with its own statistics, as in the authors' DCGAN code.
    There are no running averages: evaluation uses the statistics of one large batch. A layer that is followed by
    batch normalization has no bias, because beta takes its place and the bias' gradient is zero up to rounding, which
    Adam would turn into steps of full size.
    """

    name: ClassVar[str] = "batch_norm"
    summary: ClassVar[str] = "Batch statistics after every layer but the first and the last."
    paper: ClassVar[str] = "Ioffe & Szegedy 2015, arXiv:1502.03167; placed as in Radford et al. 2016"

    def has_bias(self, layer: Layer) -> bool:
        """Drop the bias where beta takes its place."""
        return not self.stands_after(layer)

    def activate(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Normalize, by kept statistics where there are any, then apply the layer's activation."""
        if not self.stands_after(layer) or "mean" not in params:
            return super().activate(x, params, layer)
        x = F.batch_norm(x, params["mean"], params["variance"], params["gamma"], params["beta"], eps=self.eps)
        return layer.activate(x, params)

    def normalize(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Normalize by the batch's statistics."""
        return F.batch_norm(x, None, None, gamma, beta, training=True, eps=self.eps)

    def settle(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> dict[str, Tensor]:
        """Keep the batch's mean and its variance, without Bessel's correction, [C] each."""
        if not self.stands_after(layer):
            return {}
        variance, mean = torch.var_mean(x, dim=(0, *range(2, x.dim())), correction=0)
        return {"mean": mean, "variance": variance}
