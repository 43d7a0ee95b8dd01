"""Group normalization."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ganbench.baselines.activation_norm import ActivationNorm
from ganbench.harness.normalizer.layers import Layer


class GroupNorm(ActivationNorm):
    """Normalization of each example in groups of channels (Wu & He 2018, equations 1, 2 and 7).

    y = gamma (x - mean) / sqrt(var + eps) + beta, with statistics over a group's channels and places of one example. There
    are ``groups`` groups, or the largest number below that divides the channels. One group is layer normalization, as
    many as channels is instance normalization, and where a group would be a single number, in a fully connected layer of no
    more units than groups, nothing is normalized.
    """

    name: ClassVar[str] = "group_norm"
    summary: ClassVar[str] = "Each example by its own statistics in groups of channels."
    paper: ClassVar[str] = "Wu & He 2018, arXiv:1803.08494"

    groups: int = Field(32, ge=1, le=1024, description="groups of channels, at most")

    def stands_after(self, layer: Layer) -> bool:
        """Leave out layers where a group would be a single number, which its own mean would erase."""
        return layer.normalized and layer.out_features // self._count(layer.out_features) * layer.places > 1

    def has_bias(self, layer: Layer) -> bool:
        """Drop the bias where each channel is a group, and beta takes its place as in instance normalization."""
        return not (self.stands_after(layer) and self._count(layer.out_features) == layer.out_features)

    def refuse(self, layers: Mapping[str, Layer]) -> str | None:
        """Refuse networks in which it would do nothing."""
        if any(self.stands_after(layer) for layer in layers.values()):
            return None
        return "needs groups of more than one number, and this network has none; name fewer groups"

    def normalize(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Normalize by the statistics of the example's groups."""
        return F.group_norm(x, self._count(x.shape[1]), gamma, beta, eps=self.eps)

    def _count(self, channels: int) -> int:
        return next(count for count in range(min(self.groups, channels), 0, -1) if channels % count == 0)
