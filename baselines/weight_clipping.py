"""Weight clipping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from ganbench.harness.normalizer import Claim, Normalizer, largest_absolute_entry
from ganbench.harness.normalizer.layers import Layer


class WeightClipping(Normalizer):
    """Clamp every parameter of the discriminator to [-bound, bound] after each of its updates (Arjovsky et al. 2017).

    Algorithm 1 of WGAN: the crudest way to a Lipschitz discriminator, and the one that the gradient penalty and spectral
    normalization were invented against. Weights and biases are clamped alike.
    """

    name: ClassVar[str] = "weight_clipping"
    summary: ClassVar[str] = "Every parameter of the discriminator clamped after each update."
    paper: ClassVar[str] = "Arjovsky et al. 2017, arXiv:1701.07875"

    bound: float = Field(0.01, gt=0, le=100, description="the largest absolute value c")

    def claims(self, layer: Layer) -> tuple[Claim, ...]:
        """No entry is larger than the bound."""
        return (Claim(largest_absolute_entry, at_most=self.bound),)

    def project(self, params: Mapping[str, Tensor], layer: Layer) -> Mapping[str, Tensor]:
        """Clamp."""
        return {name: value.clamp(-self.bound, self.bound) for name, value in params.items()}
