"""Group normalization."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from baselines.activation_norm import ActivationNorm


class GroupNorm(ActivationNorm):
    """Normalization of each example in groups of channels (Wu & He 2018, equations 1, 2 and 7).

    y = gamma (x - mean) / sqrt(var + eps) + beta, with statistics over a group's channels and places of one example. There
    are ``groups`` groups, or the largest number below that divides the channels. One group is layer normalization, as
    many as channels is instance normalization.
    """

    name: ClassVar[str] = "group_norm"
    summary: ClassVar[str] = "Each example by its own statistics in groups of channels."
    paper: ClassVar[str] = "Wu & He 2018, arXiv:1803.08494"

    groups: int = Field(32, ge=1, le=1024, description="groups of channels, at most")

    def normalize(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Normalize by the statistics of the example's groups."""
        channels = x.shape[1]
        groups = next(count for count in range(min(self.groups, channels), 0, -1) if channels % count == 0)
        return F.group_norm(x, groups, gamma, beta, eps=self.eps)
