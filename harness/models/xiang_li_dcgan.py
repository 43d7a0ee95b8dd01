"""The DCGAN of Xiang & Li's study of batch and weight normalization."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.models.architecture import ImageArchitecture
from ganbench.harness.models.initialization import INITIALIZATIONS
from ganbench.harness.models.operations import Layers
from ganbench.harness.normalizer.layers import PRELU, Layer, stretched_sigmoid

SMALLEST = 8
"""Levels are added while the side is at least this."""


class XiangLiDCGAN(ImageArchitecture):
    """Strided convolutions of kernel 4 with learned PReLUs, as many levels as bring the side below 8.

    Xiang & Li 2017, section 4, in the authors' n-level form: ``width`` channels at the first level, doubling; the last map
    is read by one unit. The generator mirrors it: a dense layer, normalized and activated per channel, then transposed
    convolutions. Images are in [0, 1] in the paper; here the discriminator maps our [-1, 1] to it at its input and the
    generator's sigmoid is mapped back. Batch normalization, in the networks that have it, stands after every layer but
    the discriminator's first and both last. Weights start from N(0, 0.02), as in Radford et al. 2016; the paper
    does not say, and the authors' code leaves it to PyTorch: ``initialization: uniform``. Under weight normalization their
    scale is void but for how fast a layer turns; the authors' code scales the dense layer's by 0.01: ``dense_scale``.
    """

    name: ClassVar[str] = "xiang_li_dcgan"
    summary: ClassVar[str] = "DCGAN of n levels with learned PReLUs, as weight normalization was published with."
    paper: ClassVar[str] = "Xiang & Li 2017, arXiv:1704.03971"

    width: int = Field(64, ge=1, le=1024, description="channels of the level nearest to the image; doubles per level")
    dense_scale: float = Field(1.0, gt=0, le=10, description="factor of the generator's first weights at the start")
    initialization: Literal["normal", "uniform"] = Field(
        "normal", description="N(0, 0.02), or uniform within 1/sqrt(fan_in) as in the authors' code"
    )
    later: ClassVar[frozenset[str]] = frozenset({"initialization"})

    def fits(self, side: int) -> bool:
        """Accept sides that stay even from level to level."""
        sides = _sides(side)
        return len(sides) > 1 and all(value % 2 == 0 for value in sides[:-1])

    def sides(self) -> str:
        """Say so."""
        return "even from level to level, and at least 8"

    def generator(self, net: Layers, z: Tensor, sample_shape: tuple[int, ...]) -> Tensor:
        """Turn latents [N, latent] into images [N, C, S, S] in [-1, 1]."""
        sides = _sides(sample_shape[1])
        levels = len(sides) - 1
        channels = self.width * 2 ** (levels - 1)
        x = net.linear("dense", z, channels * sides[-1] ** 2).view(-1, channels, sides[-1], sides[-1])
        x = net.activation("start", x, PRELU, normalized=True)
        for level in range(levels - 1, 0, -1):
            channels //= 2
            padding = _padding(sides, level)
            x = net.conv_transpose(f"up{level}", x, channels, 4, PRELU, stride=2, padding=padding, normalized=True)
        return net.conv_transpose(
            "output", x, sample_shape[0], 4, stretched_sigmoid, stride=2, padding=_padding(sides, 0), last=True
        )

    def discriminator(self, net: Layers, x: Tensor) -> Tensor:
        """Turn images [N, C, S, S] into logits [N]."""
        sides = _sides(x.shape[2])
        x = (x + 1) / 2
        for level in range(len(sides) - 1):
            channels, padding = self.width * 2**level, _padding(sides, level)
            x = net.conv(f"down{level}", x, channels, 4, PRELU, stride=2, padding=padding, normalized=level > 0)
        return net.linear("output", x.flatten(1), 1, last=True).squeeze(1)

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw as ``initialization`` says."""
        scale = self.dense_scale if layer.name == "dense" else 1.0
        return scale * INITIALIZATIONS[self.initialization](layer, generator)


def _sides(side: int) -> list[int]:
    """Return the sides of the feature maps, from the image's down.

    A level halves the side; where the half would be odd with levels to come, one place is added.
    """
    levels, rest = 0, side
    while rest >= SMALLEST:
        rest, levels = (rest + 1) // 2, levels + 1
    sides = [side]
    for level in range(levels):
        odd = (sides[-1] // 2) % 2 and level < levels - 1
        sides.append(sides[-1] // 2 + int(bool(odd)))
    return sides


def _padding(sides: list[int], level: int) -> int:
    """Return the padding between the sides of a level and the next: 1 where it halves, 2 where a place is added."""
    return 1 + sides[level + 1] - sides[level] // 2
