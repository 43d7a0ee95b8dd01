"""The residual network without any normalization, that R1 was studied on."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ganbench.harness.models.architecture import ImageArchitecture, power_of_two_from
from ganbench.harness.models.initialization import uniform
from ganbench.harness.models.operations import Layers
from ganbench.harness.normalizer.layers import LEAKY_RELU_02, TANH, Layer

SMALLEST = 4
"""Side of the feature map between the dense and the convolutional part."""

RESIDUAL = 0.1
"""Factor of every residual branch: blocks start near the identity."""


class MeschederResNet(ImageArchitecture):
    """Residual networks that train without normalization, for sides that are a power of two from 8.

    Mescheder et al. 2018, appendix H: blocks of leaky ReLU (slope 0.2), a convolution of kernel 3 to the narrower of both
    widths, leaky ReLU, a convolution, times 0.1, plus a shortcut, of kernel 1 without bias where the width changes. The
    generator doubles the side between blocks (nearest), the discriminator halves it (average over 3x3, stride 2). ``width``
    channels at full side, doubling per level up to 512. What keeps it stable in the paper is R1; a normalization of
    activations, where a cell asks for one, stands before the blocks' leaky ReLUs but the first.
    """

    name: ClassVar[str] = "mescheder_resnet"
    summary: ClassVar[str] = "Residual networks without normalization, for gradient penalties such as R1."
    paper: ClassVar[str] = "Mescheder et al. 2018, arXiv:1801.04406"

    width: int = Field(64, ge=1, le=1024, description="channels at the images' own side")
    widest: int = Field(512, ge=1, le=4096, description="channels at most")
    latent: int = Field(256, ge=1, le=4096, description="length of the latent vector")

    def fits(self, side: int) -> bool:
        """Accept powers of two from 8."""
        return power_of_two_from(2 * SMALLEST, side)

    def sides(self) -> str:
        """Say so."""
        return f"a power of two from {2 * SMALLEST}"

    def generator(self, net: Layers, z: Tensor, sample_shape: tuple[int, ...]) -> Tensor:
        """Turn latents [N, latent] into images [N, C, S, S] in [-1, 1]."""
        *levels, first = self._channels(sample_shape[1])
        x = net.linear("dense", z, first * SMALLEST * SMALLEST).view(-1, first, SMALLEST, SMALLEST)
        for index, channels in enumerate(reversed(levels), start=1):
            x = F.interpolate(_block(net, f"block{index}", x, channels), scale_factor=2, mode="nearest")
        x = _block(net, "block_end", x, self.width)
        x = net.activation("end", x, LEAKY_RELU_02, normalized=True)
        return net.conv("output", x, sample_shape[0], 3, TANH, padding=1, last=True)

    def discriminator(self, net: Layers, x: Tensor) -> Tensor:
        """Turn images [N, C, S, S] into logits [N]."""
        first, *levels = self._channels(x.shape[2])
        x = net.conv("input", x, first, 3, padding=1)
        x = _block(net, "block0", x, first, normalized=False)
        for index, channels in enumerate(levels, start=1):
            x = _block(net, f"block{index}", F.avg_pool2d(x, 3, stride=2, padding=1), channels)
        x = net.activation("end", x, LEAKY_RELU_02)
        return net.linear("output", x.flatten(1), 1, last=True).squeeze(1)

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw uniformly within 1 / sqrt(fan_in), as the authors' code does."""
        return uniform(layer, generator)

    def _channels(self, side: int) -> list[int]:
        """Return the channels at each side, from the images' own down to the smallest."""
        return [min(self.width * 2**level, self.widest) for level in range((side // SMALLEST).bit_length())]


def _block(net: Layers, name: str, x: Tensor, channels: int, *, normalized: bool = True) -> Tensor:
    y = net.activation(f"{name}_before", x, LEAKY_RELU_02, normalized=normalized)
    y = net.conv(f"{name}_conv1", y, min(x.shape[1], channels), 3, LEAKY_RELU_02, padding=1, normalized=True)
    y = net.conv(f"{name}_conv2", y, channels, 3, padding=1)
    shortcut = x if x.shape[1] == channels else net.conv(f"{name}_shortcut", x, channels, 1, bias=False)
    return net.add(f"{name}_sum", RESIDUAL * y, shortcut)
