"""Bidirectional scaled spectral normalization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.baselines import power_iteration
from ganbench.harness.normalizer import Claim, Normalizer, mean_of_both_largest_singular_values
from ganbench.harness.normalizer.layers import Layer, per_layer


class BSSN(Normalizer):
    """Divide a weight by the mean of two spectral norms and scale it (Lin, Sekar & Fanti 2021, section 4).

    c W / ((sigma(M1) + sigma(M2)) / 2), where M1 has a row per output channel and M2 a row per input channel, each with
    its own power iteration. The mean mimics the variance of Xavier's initialisation, and the scale c restores what the
    activations take away, as Kaiming's does. For a linear layer the two norms coincide. c = 1 is the paper's BSN.
    """

    name: ClassVar[str] = "bssn"
    summary: ClassVar[str] = "Every weight over the mean of its two spectral norms, times a scale."
    paper: ClassVar[str] = "Lin, Sekar & Fanti 2021, arXiv:2009.02773"

    scale: float = Field(1.0, gt=0, le=10, description="the factor c on every weight; 1 gives BSN")

    def claims(self, layer: Layer) -> tuple[Claim, ...]:
        """The mean of both norms is the scale."""
        return (Claim(mean_of_both_largest_singular_values, exactly=self.scale),)

    def init_state(self, weight: Tensor, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Carry the left singular vectors' estimates."""
        return power_iteration.start_both(weight, layer, generator)

    def reparameterize(
        self, weight: Tensor, params: Mapping[str, Tensor], state: Mapping[str, Tensor], layer: Layer
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Divide by the mean of the two estimates, times c."""
        sigma, state = power_iteration.step_both(weight, state, layer)
        return weight * (self.scale / sigma), state

    def reparameterize_stacked(
        self, weights: Tensor, params: Mapping[str, Tensor], states: Mapping[str, Tensor], layers: Sequence[Layer]
    ) -> tuple[Tensor, Mapping[str, Tensor]] | None:
        """Make all power iterations at once."""
        sigma, states = power_iteration.stacked_step_both(weights, states, layers[0])
        return weights * per_layer(self.scale / sigma, weights), states
