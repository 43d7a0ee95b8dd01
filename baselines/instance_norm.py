"""Instance normalization."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from ganbench.baselines.activation_norm import ActivationNorm
from ganbench.harness.normalizer.layers import Layer


class InstanceNorm(ActivationNorm):
    """Normalization of each channel of each example over its places (Ulyanov et al. 2016).

    y = gamma (x - mean) / sqrt(var + eps) + beta, with statistics over the places of one channel of one example. It needs
    more than one place: maps of 1x1 and fully connected layers are left as they are. A layer that it follows has no bias,
    for the same reason as under batch normalization.
    """

    name: ClassVar[str] = "instance_norm"
    summary: ClassVar[str] = "Each channel of each example by its own statistics."
    paper: ClassVar[str] = "Ulyanov et al. 2016, arXiv:1607.08022"

    def stands_after(self, layer: Layer) -> bool:
        """Leave out layers whose output has a single place."""
        return layer.normalized and layer.places > 1

    def has_bias(self, layer: Layer) -> bool:
        """Drop the bias where beta takes its place."""
        return not self.stands_after(layer)

    def refuse(self, layers: Mapping[str, Layer]) -> str | None:
        """Refuse networks in which it would do nothing."""
        if any(self.stands_after(layer) for layer in layers.values()):
            return None
        return "needs feature maps of more than one place, and this network has none"

    def normalize(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Normalize by the statistics of the example's channels."""
        return F.instance_norm(x, None, None, gamma, beta, use_input_stats=True, eps=self.eps)
