"""Initial weights that several architectures begin from."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench.harness.normalizer.layers import Layer


def normal(layer: Layer, generator: torch.Generator) -> Tensor:
    """Draw from N(0, 0.02), as in Radford et al. 2016, section 3."""
    return 0.02 * torch.randn(layer.shape, generator=generator)


def uniform(layer: Layer, generator: torch.Generator) -> Tensor:
    """Draw uniformly within 1 / sqrt(fan_in), PyTorch's default.

    The fan of a transposed convolution counts its input's channels, as in the PyTorch of 2017; today's counts its output's.
    """
    return (2 * torch.rand(layer.shape, generator=generator) - 1) / layer.fan_in**0.5


INITIALIZATIONS = {"normal": normal, "uniform": uniform}
"""By name."""
