"""The minibatch standard deviation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.models.statistics import group_deviation
from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.layers import Layer


class MinibatchStddev(Normalizer):
    """Show the discriminator how varied its batch is (Karras et al. 2018, section 3).

    In groups of ``group`` samples: the standard deviation of each feature over the group, sqrt(var + 1e-8), averaged over
    all features to one number, which every sample of the group gets as a further feature. Karras et al. insert it as a map
    before the last convolution; here it stands before the last layer, of any architecture. Groups are taken across the
    batch; where the batch is not a multiple of the group, the largest smaller divisor is used.
    """

    name: ClassVar[str] = "minibatch_stddev"
    summary: ClassVar[str] = "Standard deviation of the batch, as a feature before the last layer."
    paper: ClassVar[str] = "Karras et al. 2018, arXiv:1710.10196"

    group: int = Field(4, ge=2, le=4096, description="samples per group, at most")

    def extra_features(self, layer: Layer) -> int:
        """Add one feature before the last layer."""
        return int(layer.last)

    def extend(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Append the group's mean standard deviation to each sample's features."""
        return torch.cat([x, group_deviation(x, self.group)[:, None]], dim=1)
