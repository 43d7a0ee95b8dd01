"""The DCGAN of Radford et al., at any size that a power of two of 4 reaches."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.models.architecture import ImageArchitecture, power_of_two_from
from ganbench.harness.models.operations import Layers
from ganbench.harness.normalizer.layers import LEAKY_RELU_02, RELU, TANH, Layer


class DCGAN(ImageArchitecture):
    """Strided convolutions down, strided transposed convolutions up, kernels of 4.

    Radford et al. 2016, arXiv:1511.06434, section 3: batch normalization everywhere but at the generator's output and
    the discriminator's input, ReLU and tanh in the generator, leaky ReLU of slope 0.2 in the discriminator, weights from
    N(0, 0.02). ``width`` channels double per level. The published generator for images of 64 is ``width: 128``, ``latent:
    100`` and ``smallest: 4``, but for its kernels of 5; kernels of 4 are those of the widely used reimplementations. The
    default ends in maps of 2x2, for small images.
    """

    name: ClassVar[str] = "dcgan"
    summary: ClassVar[str] = "Strided convolutions with batch normalization in the generator."
    paper: ClassVar[str] = "Radford et al. 2016, arXiv:1511.06434"

    generator_normalizer: str = "batch_norm"
    width: int = Field(64, ge=1, le=1024, description="channels of the level nearest to the image; doubles per level")
    smallest: Literal[2, 4] = Field(2, description="side of the map between the dense and the convolutional part")
    latent: int = Field(64, ge=1, le=4096, description="length of the latent vector")

    def fits(self, side: int) -> bool:
        """Accept powers of two above the smallest map's side."""
        return power_of_two_from(2 * self.smallest, side)

    def sides(self) -> str:
        """Say so."""
        return f"a power of two from {2 * self.smallest}"

    def generator(self, net: Layers, z: Tensor, sample_shape: tuple[int, ...]) -> Tensor:
        """Turn latents [N, latent] into images [N, C, S, S] in [-1, 1]."""
        levels = self._levels(sample_shape[1])
        channels = self.width * 2 ** (levels - 1)
        x = net.linear("dense", z, channels * self.smallest**2, RELU, normalized=True)
        x = x.view(-1, channels, self.smallest, self.smallest)
        for level in range(1, levels):
            channels //= 2
            x = net.conv_transpose(f"up{level}", x, channels, 4, RELU, stride=2, padding=1, normalized=True)
        return net.conv_transpose(f"up{levels}", x, sample_shape[0], 4, TANH, stride=2, padding=1, last=True)

    def discriminator(self, net: Layers, x: Tensor) -> Tensor:
        """Turn images [N, C, S, S] into logits [N]."""
        channels = self.width
        for level in range(self._levels(x.shape[2])):
            x = net.conv(f"down{level + 1}", x, channels, 4, LEAKY_RELU_02, stride=2, padding=1, normalized=level > 0)
            channels *= 2
        return net.linear("output", x.flatten(1), 1, last=True).squeeze(1)

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw from N(0, 0.02), as section 3 of the paper says."""
        return 0.02 * torch.randn(layer.shape, generator=generator)

    def _levels(self, side: int) -> int:
        return (side // self.smallest).bit_length() - 1
