"""The convolutional networks of spectral normalization, in both published widths."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.models.architecture import ImageArchitecture
from ganbench.harness.models.operations import Layers
from ganbench.harness.normalizer.layers import LEAKY_RELU_01, RELU, TANH, Layer

WIDTHS = {
    "paper": (64, 64, 128, 128, 256, 256, 512),
    "code": (64, 128, 128, 256, 256, 512, 512),
}
"""The discriminator's channels: as in the paper's table, and as in the authors' released code."""

TRUNCATED_AT = 2.0
"""Standard deviations beyond which the discriminator's initial weights are drawn again, as in the authors' code."""


class SNGANCNN(ImageArchitecture):
    """The CNN that spectral normalization and BSSN were published with, for images of 32, 48 or 64 (and multiples of 8).

    Generator: a dense layer to 512 maps of an eighth of the side, three transposed convolutions of kernel 4 that double it,
    a convolution of kernel 3 (as a transposed one, as in the authors' code), batch normalization and ReLU in between.
    Discriminator: seven convolutions with kernels 3 and 4 in turn, the latter of stride 2, leaky ReLU of slope 0.1, and a
    linear layer. Two discriminators go by this name: the paper's table doubles the width at the kernels of 3, the released
    code at those of 4, with twice the parameters.
    """

    name: ClassVar[str] = "sngan_cnn"
    summary: ClassVar[str] = "The CNN of spectral normalization and BSSN, in the paper's or the code's widths."
    paper: ClassVar[str] = "Miyato et al. 2018, arXiv:1802.05957; Lin, Sekar & Fanti 2021, arXiv:2009.02773"

    generator_normalizer: str = "batch_norm"
    widths: Literal["paper", "code"] = Field("paper", description="which of the two published discriminators")

    def fits(self, side: int) -> bool:
        """Accept multiples of 8."""
        return side % 8 == 0

    def sides(self) -> str:
        """Say so."""
        return "a multiple of 8"

    def generator(self, net: Layers, z: Tensor, sample_shape: tuple[int, ...]) -> Tensor:
        """Turn latents [N, latent] into images [N, C, S, S] in [-1, 1]."""
        side = sample_shape[1] // 8
        x = net.linear("dense", z, 512 * side * side, RELU, normalized=True).view(-1, 512, side, side)
        for level, channels in enumerate((256, 128, 64), start=1):
            x = net.conv_transpose(f"up{level}", x, channels, 4, RELU, stride=2, padding=1, normalized=True)
        return net.conv_transpose("output", x, sample_shape[0], 3, TANH, padding=1, last=True)

    def discriminator(self, net: Layers, x: Tensor) -> Tensor:
        """Turn images [N, C, S, S] into logits [N]."""
        for index, channels in enumerate(WIDTHS[self.widths]):
            kernel, stride = (4, 2) if index % 2 else (3, 1)
            x = net.conv(
                f"conv{index}", x, channels, kernel, LEAKY_RELU_01, stride=stride, padding=1, normalized=index > 0
            )
        return net.linear("output", x.flatten(1), 1, last=True).squeeze(1)

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw from N(0, 0.02); the discriminator's convolutions from the same, truncated at two standard deviations."""
        if layer.network == "discriminator" and layer.kind == "conv":
            uniform = torch.rand(layer.shape, generator=generator, dtype=torch.float64)
            return (0.02 * _truncated_normal(uniform)).float()
        return 0.02 * torch.randn(layer.shape, generator=generator)


def _truncated_normal(uniform: Tensor) -> Tensor:
    """Turn uniform numbers into standard normal ones within +-TRUNCATED_AT, by the inverse distribution function."""
    tail = torch.special.ndtr(torch.tensor(-TRUNCATED_AT, dtype=torch.float64))
    return torch.special.ndtri(tail + uniform * (1 - 2 * tail))
