"""The R1 penalty."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from ganbench.baselines.gradient_norm import squared_gradient_norm
from ganbench.harness.normalizer import Normalizer


class R1(Normalizer):
    """Punish the discriminator's gradient on real samples: gamma/2 E ||grad D(x)||^2 (Mescheder et al. 2018, eq. 9).

    With it, alternating gradient descent converges locally, also where data and generated samples lie on manifolds of
    lower dimension. The half is the paper's; the authors' code leaves it out, so its ``reg_param`` of 10 is a gamma of 20.
    """

    name: ClassVar[str] = "r1"
    summary: ClassVar[str] = "Squared gradient on real samples."
    paper: ClassVar[str] = "Mescheder et al. 2018, arXiv:1801.04406"

    gamma: float = Field(10.0, gt=0, le=1e4, description="twice the factor of the squared gradient")

    def penalty(
        self, discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, noise: Tensor | None
    ) -> Tensor:
        """Measure on the real batch."""
        return 0.5 * self.gamma * squared_gradient_norm(discriminator, real).mean()
