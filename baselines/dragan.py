"""The gradient penalty of DRAGAN."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from ganbench.baselines.gradient_norm import gradient_norm
from ganbench.harness.normalizer import Normalizer


class DRAGAN(Normalizer):
    """Hold the discriminator's gradient near one around real samples (Kodali et al. 2017).

    weight * E (||grad D(x)|| - 1)^2 at x = x_real + spread * std(x_real) * u, with u uniform in [0, 1] for every number,
    and std over the whole batch: the paper's algorithm. Public code differs: compare_gan (Kurach et al. 2019) has u in
    [-1/2, 1/2], keeps x within the range of images, and takes gradients in images of [0, 1], of which ours are twice as
    large: ``{spread: 1, centred: true, clipped: true, weight: 40, target: 0.5}``. Some scales the noise per sample.
    """

    name: ClassVar[str] = "dragan"
    summary: ClassVar[str] = "Gradient of length one around real samples."
    paper: ClassVar[str] = "Kodali et al. 2017, arXiv:1705.07215"

    weight: float = Field(10.0, gt=0, le=1e4, description="the factor lambda")
    spread: float = Field(0.5, gt=0, le=10, description="size of the noise, in standard deviations of the batch")
    target: float = Field(1.0, ge=0, le=100, description="the length that gradients are held to")
    centred: bool = Field(False, description="noise around zero, from -1/2 to 1/2 of its size")
    clipped: bool = Field(False, description="noisy samples are cut to [-1, 1], the range of images")
    later: ClassVar[frozenset[str]] = frozenset({"target", "centred", "clipped"})

    def noise_shape(self, real_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Ask for a number for every number of the batch."""
        return real_shape

    def penalty(
        self, discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, noise: Tensor | None
    ) -> Tensor:
        """Measure around the real batch."""
        assert noise is not None
        noise = noise - 0.5 if self.centred else noise
        around = real + self.spread * real.std(correction=0) * noise
        around = around.clamp(-1, 1) if self.clipped else around
        return self.weight * (gradient_norm(discriminator, around) - self.target).square().mean()
