"""The progressively growing GAN."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ganbench.harness.models.architecture import ImageArchitecture, power_of_two_from
from ganbench.harness.models.operations import Layers
from ganbench.harness.models.phase import Phase
from ganbench.harness.models.statistics import group_deviation
from ganbench.harness.normalizer.layers import LEAKY_RELU_02, Layer

SMALLEST = 4
"""Side of the images of level 0."""

EPS = 1e-8
"""Added to the mean square in pixel normalization."""


class Progressive(ImageArchitecture):
    """A GAN that is trained on images of 4x4 first, and grows to twice the side, fading each new level in.

    Karras et al. 2018: equal phases, one for level 0 and two for every further one, fading in and steady. While level r
    fades in with share alpha, the generator shows (1 - alpha) times the enlarged image of the level before plus alpha
    times its own; the discriminator joins the branches that read both in the same way, and real images are blurred
    likewise. Entering a level resets the optimizers. The generator has leaky ReLU and pixel normalization after every
    convolution, the discriminator leaky ReLU, the deviation of groups of four samples as a further map at 4x4, and
    average pooling. min(base / 2^stage, widest) channels, stage being log2(side) - 1; base 1024 and widest 128 make the
    small networks for images of 32, and 8192 and 512 are the published ones. Images of every level are shown at full side,
    as in the authors' code. The batch keeps its size; the published schedule shrinks it with the level.

    It was published with ``equalized_learning_rate + gradient_penalty``, the loss ``wgan`` with a drift of 0.001, Adam with
    moments of 0 and 0.99, and a moving average of the generator of 0.999. The published gain of the dense layer, sqrt(2)/4,
    is void but for its speed, because pixel normalization follows; here it is that of the others.
    """

    name: ClassVar[str] = "progressive"
    summary: ClassVar[str] = "Grows from 4x4 to the full side during training, fading each level in."
    paper: ClassVar[str] = "Karras et al. 2018, arXiv:1710.10196"

    generator_normalizer: str = "equalized_learning_rate"
    base: int = Field(1024, ge=2, le=65536, description="channels at stage 0, halved by every stage")
    widest: int = Field(128, ge=1, le=4096, description="channels at most")
    grows: bool = Field(
        True, description="whether it grows; otherwise the same networks at full side from the first step"
    )

    def fits(self, side: int) -> bool:
        """Accept powers of two from 8."""
        return power_of_two_from(2 * SMALLEST, side)

    def sides(self) -> str:
        """Say so."""
        return f"a power of two from {2 * SMALLEST}"

    def phases(self, sample_shape: tuple[int, ...], steps: int) -> tuple[Phase, ...]:
        """Return phases of equal length: level 0, then fading and steady for each; too few steps leave out the first.

        One that does not grow has a single phase, of full side: the control that tells growing from the networks.
        """
        levels = (sample_shape[1] // SMALLEST).bit_length() - 1
        if not self.grows:
            return (Phase(1, steps, levels),)
        stretches = [(0, False)] + [(level, fading) for level in range(1, levels + 1) for fading in (True, False)]
        ends = [steps * index // len(stretches) for index in range(len(stretches) + 1)]
        return tuple(
            Phase(before + 1, end, level, fading)
            for (level, fading), before, end in zip(stretches, ends[:-1], ends[1:], strict=True)
            if end > before
        )

    def shown(self, real: Tensor, phase: Phase, fade: Tensor | None) -> Tensor:
        """Blur real images [N, C, S, S] to what a generator of the phase's level can make."""
        side = SMALLEST * 2**phase.level
        image = _reduced(real, side)
        if fade is not None:
            image = torch.lerp(_enlarged(_reduced(image, side // 2), side), image, fade)
        return _enlarged(image, real.shape[2])

    def generator(self, net: Layers, z: Tensor, sample_shape: tuple[int, ...]) -> Tensor:
        """Turn latents [N, latent] into images [N, C, S, S], whatever the level; they are not bounded."""
        level, fading = _grown(net)
        side, full = SMALLEST, sample_shape[1]
        channels = self._channels(side)
        x = net.linear("dense", _pixel_norm(z), channels * side * side).view(-1, channels, side, side)
        x = _pixel_norm(net.activation("start", x, LEAKY_RELU_02, normalized=True))
        x = _pixel_norm(net.conv("conv4", x, channels, 3, LEAKY_RELU_02, padding=1, normalized=True))
        before = x
        for _ in range(level):
            side *= 2
            before, x = x, _enlarged(x, side)
            for name in (f"conv{side}_1", f"conv{side}_2"):
                y = net.conv(name, x, self._channels(side), 3, LEAKY_RELU_02, padding=1, normalized=True)
                x = _pixel_norm(y)
        image = net.conv(f"image{side}", x, sample_shape[0], 1, last=True)
        if fading and net.fade is not None:
            old = net.conv(f"image{side // 2}", before, sample_shape[0], 1, last=True)
            image = torch.lerp(_enlarged(old, side), image, net.fade)
        return _enlarged(image, full)

    def discriminator(self, net: Layers, x: Tensor) -> Tensor:
        """Turn images [N, C, S, S] into logits [N]."""
        level, fading = _grown(net)
        side = SMALLEST * 2**level
        image = _reduced(x, side)
        x = net.conv(f"read{side}", image, self._channels(side), 1, LEAKY_RELU_02)
        for index in range(level):
            x = net.conv(f"conv{side}_1", x, self._channels(side), 3, LEAKY_RELU_02, padding=1, normalized=True)
            x = net.conv(f"conv{side}_2", x, self._channels(side // 2), 3, LEAKY_RELU_02, padding=1, normalized=True)
            side //= 2
            x = F.avg_pool2d(x, 2)
            if index == 0 and fading and net.fade is not None:
                old = net.conv(f"read{side}", _reduced(image, side), self._channels(side), 1, LEAKY_RELU_02)
                x = torch.lerp(old, x, net.fade)
        deviation = group_deviation(x.flatten(1)).view(-1, 1, 1, 1).expand(-1, 1, side, side)
        x = torch.cat([x, deviation], dim=1)
        x = net.conv("conv4", x, self._channels(SMALLEST), 3, LEAKY_RELU_02, padding=1, normalized=True)
        x = net.linear("dense", x.flatten(1), self._channels(2), LEAKY_RELU_02, normalized=True)
        return net.linear("output", x, 1, last=True).squeeze(1)

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw from N(0, gain^2 / fan_in), gain sqrt(2), 1 in the last layers: what equalized learning rates begin as."""
        gain = 1.0 if layer.last else 2.0**0.5
        return gain / layer.fan_in**0.5 * torch.randn(layer.shape, generator=generator)

    def _channels(self, side: int) -> int:
        stage = side.bit_length() - 2
        return max(1, min(self.base // 2**stage, self.widest))


def _grown(net: Layers) -> tuple[int, bool]:
    assert net.phase is not None, "a growing network is built for a phase"
    return net.phase.level, net.phase.fading


def _pixel_norm(x: Tensor) -> Tensor:
    """Divide each place by the root of its mean square over channels (Karras et al. 2018, section 4.2)."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + EPS)


def _enlarged(x: Tensor, side: int) -> Tensor:
    return x if x.shape[2] == side else F.interpolate(x, scale_factor=side // x.shape[2], mode="nearest")


def _reduced(x: Tensor, side: int) -> Tensor:
    return x if x.shape[2] == side else F.avg_pool2d(x, x.shape[2] // side)
