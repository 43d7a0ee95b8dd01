"""Spectral normalization by the convolution's own operator norm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench.baselines.power_iteration import EPS, WARM_UP, unit
from ganbench.harness.normalizer import Claim, Normalizer, operator_norm
from ganbench.harness.normalizer.layers import Layer


class SpectralNormConv(Normalizer):
    """Divide a convolution's weight by the norm of the linear map that it computes on its feature maps.

    W / sigma(K), where K maps an input of the layer's own size to its output, with the layer's stride and zero padding.
    The power iteration applies the convolution and its transpose instead of forming K (Gouk et al. 2021, section 4). This
    is the Lipschitz constant that spectral normalization by the reshaped weight only bounds. It is larger, so weights
    become smaller; Lin, Sekar & Fanti (2021) explain by the smaller weight variance why stricter forms do worse out of the
    box. A linear layer is normalized as in spectral normalization.
    """

    name: ClassVar[str] = "spectral_norm_conv"
    summary: ClassVar[str] = "Every weight over the operator norm of its convolution."
    paper: ClassVar[str] = "Gouk et al. 2021, arXiv:1804.04368; discussed in Lin, Sekar & Fanti 2021, arXiv:2009.02773"

    def claims(self, layer: Layer) -> tuple[Claim, ...]:
        """The operator norm is 1."""
        return (Claim(operator_norm, exactly=1),)

    def init_state(self, weight: Tensor, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Carry the left singular vector's estimate, in the shape of the layer's output."""
        u = unit(torch.randn((1, layer.out_features, *layer.output_size), generator=generator))
        for _ in range(WARM_UP):
            u = unit(_apply(weight, unit(_adjoint(weight, u, layer)), layer))
        return {"u": u}

    def reparameterize(
        self, weight: Tensor, params: Mapping[str, Tensor], state: Mapping[str, Tensor], layer: Layer
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Divide by the estimate of sigma, in whose gradient u and v are constants."""
        fixed = weight.detach()
        v = unit(_adjoint(fixed, state["u"], layer))
        u = unit(_apply(fixed, v, layer))
        sigma = (u * _apply(weight, v, layer)).sum().clamp_min(EPS)
        return weight / sigma, {"u": u}


def _apply(weight: Tensor, v: Tensor, layer: Layer) -> Tensor:
    """Apply the layer's linear map: [1, c_in, H, W] to [1, c_out, H', W'], or [1, c_in] to [1, c_out]."""
    if layer.kind == "linear":
        return F.linear(v, weight)
    operation = F.conv2d if layer.kind == "conv" else F.conv_transpose2d
    return operation(v, weight, stride=layer.stride, padding=layer.padding)


def _adjoint(weight: Tensor, u: Tensor, layer: Layer) -> Tensor:
    """Apply the transpose of :func:`_apply`."""
    if layer.kind == "linear":
        return F.linear(u, weight.mT)
    if layer.kind == "conv_transpose":
        return F.conv2d(u, weight, stride=layer.stride, padding=layer.padding)
    # Rows and columns that a strided convolution does not reach are zeros of the transpose.
    reached = [(size - 1) * layer.stride - 2 * layer.padding + layer.shape[-1] for size in layer.output_size]
    rest = [size - other for size, other in zip(layer.input_size, reached, strict=True)]
    return F.conv_transpose2d(u, weight, stride=layer.stride, padding=layer.padding, output_padding=rest)
