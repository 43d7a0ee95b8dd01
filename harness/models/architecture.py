"""The contract of an architecture: a generator and a discriminator, each read like the paper's layer table."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from harness.models.layers import Layer
from harness.models.operations import Layers
from harness.models.phase import Phase
from harness.plugin import Plugin


class Architecture(Plugin):
    """Base of all architectures.

    Attributes:
        generator_normalizer: The generator's own normalizer, used where the cell's is for the discriminator alone. By
            default that of the published generator; a suite can name another.
    """

    kind: ClassVar[str] = "architecture"

    generator_normalizer: str = "none"

    def latent_size(self) -> int:
        """Return the length of the generator's input vector."""
        raise NotImplementedError

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
        """Turn latents [N, latent_size] into samples [N, *sample_shape]."""
        raise NotImplementedError

    def discriminator(self, net: Layers, x: Tensor) -> Tensor:
        """Turn samples [N, *sample_shape] into logits [N]."""
        raise NotImplementedError

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw a layer's raw weight, on the CPU in float32."""
        raise NotImplementedError
