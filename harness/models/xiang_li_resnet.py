"""The residual network of Xiang & Li, with its 11- and 21-layer forms."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ganbench.harness.models.architecture import ImageArchitecture
from ganbench.harness.models.initialization import INITIALIZATIONS
from ganbench.harness.models.operations import Layers
from ganbench.harness.normalizer.layers import PRELU, Layer, identity, stretched_sigmoid

CHANNELS = (64, 128, 256, 384, 512)
"""Of each level, from the images' side inwards, as in the authors' example for images of 160."""

SMALLEST = 8
"""Levels are added while the side is at least this."""


class XiangLiResNet(ImageArchitecture):
    """Residual networks whose blocks begin as their shortcuts under strict weight normalization.

    Xiang & Li 2017, section 4, and the authors' code: ``blocks`` per level, levels until the side is below 8. A
    discriminator block is a convolution of kernel stride + 2, an activation and a convolution of kernel 3; its shortcut
    an average over 2x2 and a convolution of kernel 1 where the shape changes; both are joined and activated. A level's
    first block halves the side. The generator mirrors it with transposed convolutions, the last block of a level doubling
    the side (nearest in the shortcut). Five levels of one block have 11 weight layers beside the shortcuts, of two blocks
    21. Under other normalizers the join is a plain sum and the activation a PReLU; batch normalization stands after both
    convolutions of a block but the discriminator's first and the generator's last. Weights start from N(0, 0.02); the
    paper does not say, and the authors' code leaves it to PyTorch: ``initialization: uniform``.
    """

    name: ClassVar[str] = "xiang_li_resnet"
    summary: ClassVar[str] = "Residual networks of 11 or 21 layers, as weight normalization was published with."
    paper: ClassVar[str] = "Xiang & Li 2017, arXiv:1704.03971"

    blocks: int = Field(1, ge=1, le=16, description="residual blocks per level; 2 for the 21-layer form")
    width: float = Field(1.0, gt=0, le=4, description="channels as a share of the published")
    affine_start: bool = Field(
        False, description="scale, bias and PReLU stay at the generator's first layer, as in the authors' code"
    )
    initialization: Literal["normal", "uniform"] = Field(
        "normal", description="N(0, 0.02), or uniform within 1/sqrt(fan_in) as in the authors' code"
    )
    later: ClassVar[frozenset[str]] = frozenset({"affine_start", "initialization"})

    def fits(self, side: int) -> bool:
        """Accept sides that halve evenly, one to five times, to below 8."""
        levels = _levels(side)
        return 1 <= levels <= len(CHANNELS) and side % 2**levels == 0

    def sides(self) -> str:
        """Say so."""
        return f"halved evenly, one to {len(CHANNELS)} times, to below {SMALLEST}"

    def generator(self, net: Layers, z: Tensor, sample_shape: tuple[int, ...]) -> Tensor:
        """Turn latents [N, latent] into images [N, C, S, S] in [-1, 1]."""
        widths = self._widths(sample_shape[1])
        side = sample_shape[1] // 2 ** len(widths)
        x = net.linear("dense", z, widths[-1] * side * side, affine=self.affine_start)
        x = x.view(-1, widths[-1], side, side)
        x = net.activation("start", x, PRELU, normalized=True, affine=self.affine_start)
        outward = [sample_shape[0], *widths]
        for level in range(len(widths), 0, -1):
            for index in range(1, self.blocks + 1):
                doubles = index == self.blocks
                channels = outward[level - 1] if doubles else outward[level]
                last = doubles and level == 1
                x = _up_block(net, f"level{level}_block{index}", x, channels, doubles, last)
        return x

    def discriminator(self, net: Layers, x: Tensor) -> Tensor:
        """Turn images [N, C, S, S] into logits [N]."""
        for level, channels in enumerate(self._widths(x.shape[2]), start=1):
            for index in range(1, self.blocks + 1):
                first = level == index == 1
                x = _down_block(net, f"level{level}_block{index}", x, channels, index == 1, first)
        return net.linear("output", x.flatten(1), 1, last=True).squeeze(1)

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw as ``initialization`` says."""
        return INITIALIZATIONS[self.initialization](layer, generator)

    def _widths(self, side: int) -> list[int]:
        return [max(1, round(channels * self.width)) for channels in CHANNELS[: _levels(side)]]


def _levels(side: int) -> int:
    levels = 0
    while side >= SMALLEST:
        side, levels = (side + 1) // 2, levels + 1
    return levels


def _down_block(net: Layers, name: str, x: Tensor, channels: int, halves: bool, first: bool) -> Tensor:
    stride = 2 if halves else 1
    y = net.conv(f"{name}_conv1", x, channels, stride + 2, PRELU, stride=stride, padding=1, normalized=not first)
    y = net.conv(f"{name}_conv2", y, channels, 3, padding=1, normalized=True)
    shortcut = F.avg_pool2d(x, 2) if halves else x
    if channels != x.shape[1]:
        shortcut = net.conv(f"{name}_shortcut", shortcut, channels, 1)
    return net.activation(f"{name}_end", net.add(f"{name}_sum", y, shortcut), PRELU)


def _up_block(net: Layers, name: str, x: Tensor, channels: int, doubles: bool, last: bool) -> Tensor:
    stride = 2 if doubles else 1
    y = net.conv_transpose(f"{name}_conv1", x, x.shape[1], 3, PRELU, padding=1, normalized=True)
    y = net.conv_transpose(
        f"{name}_conv2", y, channels, stride + 2, identity, stride=stride, padding=1, normalized=not last
    )
    shortcut = net.conv(f"{name}_shortcut", x, channels, 1) if channels != x.shape[1] else x
    if doubles:
        shortcut = F.interpolate(shortcut, scale_factor=2, mode="nearest")
    return net.activation(
        f"{name}_end", net.add(f"{name}_sum", y, shortcut), stretched_sigmoid if last else PRELU, last=last
    )
