"""Bidirectional spectral normalization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.baselines import power_iteration
from ganbench.harness.normalizer import Claim, Normalizer, mean_of_both_largest_singular_values
from ganbench.harness.normalizer.layers import Layer, per_layer


class BSN(Normalizer):
    """Divide a weight by the mean of its two spectral norms (Lin, Sekar & Fanti 2021, section 4).

    W / ((sigma(M1) + sigma(M2)) / 2), where M1 has a row per output channel and M2 a row per input channel. Spectral
    normalization by M1 alone keeps the weights' variance where LeCun's initialisation puts it; the mean of both puts it
    where Xavier's does, which balances the forward and the backward pass. For a linear layer it is spectral
    normalization. With a scale it is BSSN.
    """

    name: ClassVar[str] = "bsn"
    summary: ClassVar[str] = "Every weight over the mean of its two spectral norms."
    paper: ClassVar[str] = "Lin, Sekar & Fanti 2021, arXiv:2009.02773"

    def claims(self, layer: Layer) -> tuple[Claim, ...]:
        """The mean of both norms is 1."""
        return (Claim(mean_of_both_largest_singular_values, exactly=1),)

    def init_state(self, weight: Tensor, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Carry the left singular vectors' estimates."""
        return power_iteration.start_both(weight, layer, generator)

    def reparameterize(
        self, weight: Tensor, params: Mapping[str, Tensor], state: Mapping[str, Tensor], layer: Layer
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Divide by the mean of the two estimates."""
        sigma, state = power_iteration.step_both(weight, state, layer)
        return weight / sigma, state

    def reparameterize_stacked(
        self, weights: Tensor, params: Mapping[str, Tensor], states: Mapping[str, Tensor], layers: Sequence[Layer]
    ) -> tuple[Tensor, Mapping[str, Tensor]] | None:
        """Make all power iterations at once."""
        sigma, states = power_iteration.stacked_step_both(weights, states, layers[0])
        return weights / per_layer(sigma, weights), states
