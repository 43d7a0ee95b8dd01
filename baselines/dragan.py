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
    and std over the whole batch. Public code differs in the noise: some centres it, some scales it per sample; this is the
    paper's algorithm.
    """

    name: ClassVar[str] = "dragan"
    summary: ClassVar[str] = "Gradient of length one around real samples."
    paper: ClassVar[str] = "Kodali et al. 2017, arXiv:1705.07215"

    weight: float = Field(10.0, gt=0, le=1e4, description="the factor lambda")
    spread: float = Field(0.5, gt=0, le=10, description="size of the noise, in standard deviations of the batch")

    def noise_shape(self, real_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Ask for a number for every number of the batch."""
        return real_shape

    def penalty(
        self, discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, noise: Tensor | None
    ) -> Tensor:
        """Measure around the real batch."""
        assert noise is not None
        around = real + self.spread * real.std(correction=0) * noise
        return self.weight * (gradient_norm(discriminator, around) - 1).square().mean()
