"""The gradient penalty of WGAN-GP, and its zero-centred and one-sided forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ganbench.baselines.gradient_norm import gradient_norm, per_sample
from ganbench.harness.normalizer import Normalizer


class GradientPenalty(Normalizer):
    """Hold the discriminator's gradient near a target between real and generated samples (Gulrajani et al. 2017, eq. 3).

    weight * E (||grad D(x)|| - target)^2 at x = a x_real + (1 - a) G(z), a uniform in [0, 1] per sample. A target of 0
    gives the zero-centred penalty (Thanh-Tung et al. 2019), and ``one_sided`` punishes only gradients above the target
    (WGAN-LP, Petzka et al. 2018).
    """

    name: ClassVar[str] = "gradient_penalty"
    summary: ClassVar[str] = "Gradient of length one between real and generated samples (WGAN-GP)."
    paper: ClassVar[str] = "Gulrajani et al. 2017, arXiv:1704.00028"

    weight: float = Field(10.0, gt=0, le=1e4, description="the factor lambda")
    target: float = Field(1.0, ge=0, le=100, description="the length that gradients are held to")
    one_sided: bool = Field(False, description="leave shorter gradients alone")

    def noise_shape(self, real_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Ask for a number per sample."""
        return real_shape[:1]

    def penalty(
        self, discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, noise: Tensor | None
    ) -> Tensor:
        """Measure between the two batches."""
        assert noise is not None
        share = per_sample(noise, real)
        excess = gradient_norm(discriminator, share * real + (1 - share) * fake) - self.target
        return self.weight * (F.relu(excess) if self.one_sided else excess).square().mean()
