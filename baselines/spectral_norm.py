"""Spectral normalization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.baselines import power_iteration
from ganbench.harness.normalizer import Claim, Normalizer, largest_singular_value
from ganbench.harness.normalizer.layers import Layer, output_matrix, per_layer


class SpectralNorm(Normalizer):
    """Divide every weight by its largest singular value (Miyato et al. 2018, equation 8): W / sigma(M1).

    M1 is the weight as a matrix of c_out rows. sigma is estimated by one power iteration per discriminator step from a
    carried vector u, with u and v constants in the backward pass. The bias is left alone. It bounds each layer's
    Lipschitz constant (as a matrix, not as a convolution) and keeps the weights' variance near 1/max(m, n) (Lin, Sekar
    & Fanti 2021, theorem 2).
    """

    name: ClassVar[str] = "spectral_norm"
    summary: ClassVar[str] = "Every weight over its largest singular value."
    paper: ClassVar[str] = "Miyato et al. 2018, arXiv:1802.05957"

    def claims(self, layer: Layer) -> tuple[Claim, ...]:
        """sigma(M1) is 1."""
        return (Claim(largest_singular_value, exactly=1),)

    def init_state(self, weight: Tensor, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Carry the left singular vector's estimate, [c_out]."""
        return {"u": power_iteration.start(output_matrix(weight, layer), generator)}

    def reparameterize(
        self, weight: Tensor, params: Mapping[str, Tensor], state: Mapping[str, Tensor], layer: Layer
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Divide by the estimate of sigma."""
        sigma, u = power_iteration.step(output_matrix(weight, layer), state["u"])
        return weight / sigma, {"u": u}

    def reparameterize_stacked(
        self, weights: Tensor, params: Mapping[str, Tensor], states: Mapping[str, Tensor], layers: Sequence[Layer]
    ) -> tuple[Tensor, Mapping[str, Tensor]] | None:
        """Make all power iterations at once."""
        sigma, u = power_iteration.stacked_step(output_matrix(weights, layers[0]), states["u"])
        return weights / per_layer(sigma, weights), {"u": u}
