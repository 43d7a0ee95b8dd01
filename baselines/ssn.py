"""Scaled spectral normalization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.baselines import power_iteration
from ganbench.harness.normalizer import Claim, Normalizer, largest_singular_value
from ganbench.harness.normalizer.layers import Layer, output_matrix, per_layer


class SSN(Normalizer):
    """Divide a weight by its largest singular value and scale it (Lin, Sekar & Fanti 2021, section 4): c W / sigma(M1).

    The scale restores what (leaky) rectifiers take away of the signal, as Kaiming's initialisation does. It multiplies
    every weight, the last layer's too, and no bias, so a discriminator of L layers is scaled by about c to the power L.
    c = 1 is spectral normalization.
    """

    name: ClassVar[str] = "ssn"
    summary: ClassVar[str] = "Every weight over its largest singular value, times a scale."
    paper: ClassVar[str] = "Lin, Sekar & Fanti 2021, arXiv:2009.02773"

    scale: float = Field(1.0, gt=0, le=10, description="the factor c on every weight; 1 gives spectral normalization")

    def claims(self, layer: Layer) -> tuple[Claim, ...]:
        """sigma(M1) is the scale."""
        return (Claim(largest_singular_value, exactly=self.scale),)

    def init_state(self, weight: Tensor, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Carry the left singular vector's estimate, [c_out]."""
        return {"u": power_iteration.start(output_matrix(weight, layer), generator)}

    def reparameterize(
        self, weight: Tensor, params: Mapping[str, Tensor], state: Mapping[str, Tensor], layer: Layer
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Divide by the estimate of sigma, times c."""
        sigma, u = power_iteration.step(output_matrix(weight, layer), state["u"])
        return weight * (self.scale / sigma), {"u": u}

    def reparameterize_stacked(
        self, weights: Tensor, params: Mapping[str, Tensor], states: Mapping[str, Tensor], layers: Sequence[Layer]
    ) -> tuple[Tensor, Mapping[str, Tensor]] | None:
        """Make all power iterations at once."""
        sigma, u = power_iteration.stacked_step(output_matrix(weights, layers[0]), states["u"])
        return weights * per_layer(self.scale / sigma, weights), {"u": u}
