"""The residual networks of spectral normalization, in their four published sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ganbench.harness.models.architecture import ImageArchitecture
from ganbench.harness.models.operations import Layers
from ganbench.harness.normalizer.layers import RELU, TANH, Layer


@dataclass(frozen=True)
class _Size:
    """One row of the published table.

    Attributes:
        start: Side and channels of the generator's first feature map.
        up: Channels after each of the generator's blocks, which double the side.
        down: Channels after each of the discriminator's blocks that halve the side.
        flat: Channels after each of its blocks that keep it.
    """

    start: tuple[int, int]
    up: tuple[int, ...]
    down: tuple[int, ...]
    flat: tuple[int, ...]


SIZES = {
    32: _Size((4, 256), (256, 256, 256), (128, 128), (128, 128)),
    48: _Size((6, 512), (256, 128, 64), (64, 128, 256, 512), (1024,)),
    64: _Size((4, 1024), (512, 256, 128, 64), (64, 128, 256, 512, 1024), ()),
    128: _Size((4, 1024), (1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024), (1024,)),
}
"""The networks by the side of the images, from the authors' code."""


class SNGANResNet(ImageArchitecture):
    """The residual networks that spectral normalization was published with, for images of 32, 48, 64 or 128.

    Generator blocks: normalization, ReLU, nearest upsampling, a convolution of kernel 3, normalization, ReLU, another
    one, plus a shortcut of upsampling and kernel 1. Discriminator blocks: ReLU, convolution, ReLU, convolution, average
    pooling, plus a shortcut of kernel 1 and pooling where the shape changes; the first block starts without a ReLU and
    pools its shortcut first. The discriminator ends in a ReLU, a sum over places, and a linear layer. A normalization of
    activations in the discriminator stands before both convolutions of a block but the first, as in Kurach et al. 2019.

    Lin, Sekar & Fanti's code for ImageNet has other discriminators under the same name: its blocks widen in the first of
    their convolutions, and the last one, which changes no shape, has a shortcut of kernel 1 as well. That is ``hidden:
    first`` with ``last_shortcut: true``, 39,468,737 parameters at a side of 128 instead of 29,017,857.
    """

    name: ClassVar[str] = "sngan_resnet"
    summary: ClassVar[str] = "The residual networks of spectral normalization, for sides of 32, 48, 64 and 128."
    paper: ClassVar[str] = "Miyato et al. 2018, arXiv:1802.05957; He et al. 2016, arXiv:1603.05027"

    generator_normalizer: str = "batch_norm"
    width: float = Field(1.0, gt=0, le=4, description="channels as a share of the published")
    hidden: Literal["second", "first"] = Field(
        "second", description="which convolution of a discriminator's block widens; the first does in BSSN's code"
    )
    last_shortcut: bool = Field(
        False, description="a convolution in the shortcut of the discriminator's last block too, as in BSSN's code"
    )

    def fits(self, side: int) -> bool:
        """Accept the four published sides."""
        return side in SIZES

    def sides(self) -> str:
        """Name them."""
        return "one of " + ", ".join(map(str, SIZES))

    def generator(self, net: Layers, z: Tensor, sample_shape: tuple[int, ...]) -> Tensor:
        """Turn latents [N, latent] into images [N, C, S, S] in [-1, 1]."""
        size = SIZES[sample_shape[1]]
        side, channels = size.start[0], self._scaled(size.start[1])
        x = net.linear("dense", z, channels * side * side).view(-1, channels, side, side)
        for index, published in enumerate(size.up, start=1):
            x = _up_block(net, f"block{index}", x, self._scaled(published))
        x = net.activation("end", x, RELU, normalized=True)
        return net.conv("output", x, sample_shape[0], 3, TANH, padding=1, last=True)

    def discriminator(self, net: Layers, x: Tensor) -> Tensor:
        """Turn images [N, C, S, S] into logits [N]."""
        size = SIZES[x.shape[2]]
        plan = [(channels, True) for channels in size.down] + [(channels, False) for channels in size.flat]
        x = _first_block(net, "block1", x, self._scaled(plan[0][0]))
        for index, (published, pool) in enumerate(plan[1:], start=2):
            channels = self._scaled(published)
            hidden = channels if self.hidden == "first" else x.shape[1]
            learned = pool or channels != x.shape[1] or (self.last_shortcut and index == len(plan))
            x = _down_block(net, f"block{index}", x, (hidden, channels), pool, learned)
        x = net.activation("end", x, RELU).sum(dim=(2, 3))
        return net.linear("output", x, 1, last=True).squeeze(1)

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw from Xavier's uniform distribution: gain sqrt(2) in the blocks' convolutions of kernel 3, else 1."""
        gain = 2.0 if layer.kernel_size > 1 and not layer.last else 1.0
        bound = (gain * 6.0 / (layer.fan_in + layer.fan_out)) ** 0.5
        return (2 * torch.rand(layer.shape, generator=generator) - 1) * bound

    def _scaled(self, channels: int) -> int:
        return max(1, round(channels * self.width))


def _up_block(net: Layers, name: str, x: Tensor, channels: int) -> Tensor:
    y = net.activation(f"{name}_before", x, RELU, normalized=True)
    y = net.conv(f"{name}_conv1", _doubled(y), channels, 3, RELU, padding=1, normalized=True)
    y = net.conv(f"{name}_conv2", y, channels, 3, padding=1)
    return net.add(f"{name}_sum", y, net.conv(f"{name}_shortcut", _doubled(x), channels, 1))


def _first_block(net: Layers, name: str, x: Tensor, channels: int) -> Tensor:
    y = net.conv(f"{name}_conv1", x, channels, 3, RELU, padding=1)
    y = net.conv(f"{name}_conv2", y, channels, 3, padding=1)
    return net.add(f"{name}_sum", _halved(y), net.conv(f"{name}_shortcut", _halved(x), channels, 1))


def _down_block(net: Layers, name: str, x: Tensor, channels: tuple[int, int], pool: bool, learned: bool) -> Tensor:
    y = net.activation(f"{name}_before", x, RELU, normalized=True)
    y = net.conv(f"{name}_conv1", y, channels[0], 3, RELU, padding=1, normalized=True)
    y = net.conv(f"{name}_conv2", y, channels[1], 3, padding=1)
    shortcut = net.conv(f"{name}_shortcut", x, channels[1], 1) if learned else x
    if pool:
        y, shortcut = _halved(y), _halved(shortcut)
    return net.add(f"{name}_sum", y, shortcut)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def _halved(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2)
