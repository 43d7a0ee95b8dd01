"""Layer normalization."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from ganbench.baselines.activation_norm import ActivationNorm


class LayerNorm(ActivationNorm):
    """Normalization of each example by its own mean and variance over all units (Ba et al. 2016, equation 3).

    y = gamma (x - mean) / sqrt(var + eps) + beta, with statistics over channels and places of one example, and gamma and
    beta per channel, as the large studies of GANs have it (Kurach et al. 2019). Examples do not see each other, which is
    why WGAN-GP (Gulrajani et al. 2017) recommends it in place of batch normalization where a gradient penalty is used.
    """

    name: ClassVar[str] = "layer_norm"
    summary: ClassVar[str] = "Each example by its own statistics, where batch normalization would stand."
    paper: ClassVar[str] = "Ba et al. 2016, arXiv:1607.06450; placed as in Kurach et al. 2019, arXiv:1807.04720"

    def normalize(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Normalize by the example's statistics: one group of all channels."""
        return F.group_norm(x, 1, gamma, beta, eps=self.eps)
