"""What a normalizer may claim of its effective weights, and the exact measures that hold it to that.

    def claims(self, layer):
        return (Claim(largest_singular_value, exactly=1.0),)

``ganbench check`` measures a claim on kernels with structure, in float64 and by a full singular value decomposition, where
an estimate such as a power iteration has converged. A measure is a function of a weight and its layer, so an author can
bring one of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ganbench.harness.normalizer.layers import Layer

Measure = Callable[["Tensor", "Layer"], "Tensor"]
"""From an effective weight in float64 and its layer to a number, or to several that must all be as claimed."""

TOLERANCE = 1e-3
"""Relative: effective weights are computed in float32, and estimates converge up to a rest."""


@dataclass(frozen=True)
class Claim:
    """A bound on something that can be measured of an effective weight.

    Attributes:
        measure: What is measured; its name, with spaces, is what people read.
        at_least: The lower bound, or None.
        at_most: The upper bound, or None.
        exactly: Both bounds in one.
    """

    measure: Measure
    at_least: float | None = None
    at_most: float | None = None
    exactly: float | None = None

    def __str__(self) -> str:
        """Return, for instance, ``largest singular value at most 1``."""
        bounds = (("exactly", self.exactly), ("at least", self.at_least), ("at most", self.at_most))
        words = " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
        return f"{self.measure.__name__.replace('_', ' ')} {words}"

    def holds(self, value: float) -> bool:
        """Say whether a measured value is as claimed, up to :data:`TOLERANCE`; NaN is not."""
        least = self.exactly if self.exactly is not None else self.at_least
        most = self.exactly if self.exactly is not None else self.at_most
        above = least is None or value >= least - TOLERANCE * abs(least)
        below = most is None or value <= most + TOLERANCE * abs(most)
        return value == value and above and below


def largest_singular_value(weight: Tensor, layer: Layer) -> Tensor:
    """Return sigma(M1), where M1 has a row per output channel (Miyato et al. 2018, section 2.1)."""
    import torch

    from ganbench.harness.normalizer.layers import output_matrix

    return torch.linalg.svdvals(output_matrix(weight, layer))[0]


def mean_of_both_largest_singular_values(weight: Tensor, layer: Layer) -> Tensor:
    """Return (sigma(M1) + sigma(M2)) / 2; M2 has a row per input channel (Lin, Sekar & Fanti 2021, section 4)."""
    import torch

    from ganbench.harness.normalizer.layers import input_matrix

    other = torch.linalg.svdvals(input_matrix(weight, layer))[0]
    return (largest_singular_value(weight, layer) + other) / 2


def operator_norm(weight: Tensor, layer: Layer) -> Tensor:
    """Return the largest singular value of the linear map that a layer computes on its feature maps.

    The map's matrix is formed, [c_out H' W', c_in H W]: for small layers only.
    """
    import torch
    from torch.nn import functional as F

    if layer.kind == "linear":
        return torch.linalg.svdvals(weight)[0]
    size = (layer.in_features, *layer.input_size)
    count = size[0] * size[1] * size[2]
    basis = torch.eye(count, dtype=weight.dtype).view(count, *size)
    operation = F.conv2d if layer.kind == "conv" else F.conv_transpose2d
    columns = operation(basis, weight, stride=layer.stride, padding=layer.padding).flatten(1)
    return torch.linalg.svdvals(columns)[0]


def length_of_every_output_unit(weight: Tensor, layer: Layer) -> Tensor:
    """Return the Euclidean norm of each output unit's weight, [c_out]."""
    from ganbench.harness.normalizer.layers import row_norms

    return row_norms(weight, layer)


def largest_absolute_entry(weight: Tensor, layer: Layer) -> Tensor:
    """Return the largest absolute value of a weight's entries."""
    return weight.abs().amax()
