"""The contract of an architecture: a generator and a discriminator, each read like the paper's layer table."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.models.operations import Layers
from ganbench.harness.models.phase import Phase
from ganbench.harness.normalizer.layers import Layer
from ganbench.harness.plugins.plugin import Plugin


class Architecture(Plugin):
    """Base of all architectures.

    Attributes:
        generator_normalizer: The generator's own normalizer, used where the cell's is for the discriminator alone. By
            default that of the published generator; a suite can name another.
        latent: Length of the generator's input vector.
    """

    kind: ClassVar[str] = "architecture"

    generator_normalizer: str = "none"
    latent: int = Field(128, ge=1, le=4096, description="length of the latent vector")

    def check(self, sample_shape: tuple[int, ...]) -> str | None:
        """Say why this architecture cannot make samples of that shape, or return None when it can."""
        raise NotImplementedError

    def phases(self, sample_shape: tuple[int, ...], steps: int) -> tuple[Phase, ...]:
        """Return the phases of a training of so many steps: one, unless the networks grow.

        During a phase ``net.phase`` tells :meth:`generator` and :meth:`discriminator` how far they have grown.
        """
        return (Phase(1, steps),)

    def shown(self, real: Tensor, phase: Phase, fade: Tensor | None) -> Tensor:
        """Return real samples [N, ...] as the discriminator is to see them during a phase; the same shape."""
        return real

    def generator(self, net: Layers, z: Tensor, sample_shape: tuple[int, ...]) -> Tensor:
        """Turn latents [N, latent] into samples [N, *sample_shape]."""
        raise NotImplementedError

    def discriminator(self, net: Layers, x: Tensor) -> Tensor:
        """Turn samples [N, *sample_shape] into logits [N]."""
        raise NotImplementedError

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw a layer's raw weight, on the CPU in float32."""
        raise NotImplementedError


class ImageArchitecture(Architecture):
    """Base of the architectures that make square images of some sides."""

    def check(self, sample_shape: tuple[int, ...]) -> str | None:
        """Accept square images of the sides that :meth:`fits` accepts."""
        if len(sample_shape) != 3 or sample_shape[1] != sample_shape[2]:
            return f"makes square images, and the data are of shape {list(sample_shape)}"
        if not self.fits(sample_shape[1]):
            return f"makes images whose side is {self.sides()}, and the data's side is {sample_shape[1]}"
        return None

    def fits(self, side: int) -> bool:
        """Say whether images of a side can be made."""
        raise NotImplementedError

    def sides(self) -> str:
        """Return in words what sides fit."""
        raise NotImplementedError


def power_of_two_from(least: int, side: int) -> bool:
    """Say whether a side is a power of two and at least ``least``."""
    return side >= least and side & (side - 1) == 0
