"""How each normalizer of the quick suite is written with torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize


class BothSpectralNorms(nn.Module):
    """c W over the mean of the spectral norms of W as a matrix by output and by input channels, for BSSN."""

    def __init__(self, weight: Tensor, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("u_out", F.normalize(torch.randn(weight.shape[0]), dim=0))
        self.register_buffer("u_in", F.normalize(torch.randn(weight.shape[1]), dim=0))

    def forward(self, weight: Tensor) -> Tensor:
        """Normalize; each call makes an iteration, as torch's own spectral norm does."""
        by_out = self._sigma(weight.flatten(1), self.u_out)
        by_in = self._sigma(weight.transpose(0, 1).flatten(1), self.u_in) if weight.dim() > 2 else by_out
        return weight * (2 * self.scale / (by_out + by_in))

    def _sigma(self, matrix: Tensor, u: Tensor) -> Tensor:
        with torch.no_grad():
            v = F.normalize(matrix.mT @ u, dim=0)
            u.copy_(F.normalize(matrix @ v, dim=0))
        return u.clone() @ (matrix @ v)


class UnitLength(nn.Module):
    """Every output unit's weight over its norm; in the last layer times gamma, for strict weight normalization."""

    def __init__(self, layer: nn.Module, last: bool) -> None:
        super().__init__()
        transposed = isinstance(layer, nn.ConvTranspose2d)
        self.dim = 1 if transposed else 0
        self.stride = layer.stride[0] if transposed else 1
        self.gamma = nn.Parameter(torch.ones(layer.weight.shape[self.dim])) if last else None

    def forward(self, weight: Tensor) -> Tensor:
        """Normalize."""
        others = [index for index in range(weight.dim()) if index != self.dim]
        length = torch.linalg.vector_norm(weight, dim=others, keepdim=True) / self.stride
        weight = weight / (length + 1e-8)
        return (
            weight
            if self.gamma is None
            else weight * self.gamma.view([-1 if i == self.dim else 1 for i in range(weight.dim())])
        )


class TPReLU(nn.Module):
    """PReLU with a learned threshold per channel, for strict weight normalization."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.full((features,), 0.25))
        self.threshold = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to [N, C] or [N, C, H, W]."""
        threshold = self.threshold.view(1, -1, *[1] * (x.dim() - 2))
        return F.prelu(x - threshold, self.slope.clamp(0, 1)) + threshold


@dataclass(frozen=True)
class Manner:
    """How a normalizer is written with torch.

    Attributes:
        wrap: From a layer, and whether it is the network's last, to the layer with its parametrization.
        batch_norm: Whether batch normalization stands where the papers have it.
        strict: Whether hidden layers have no bias and a translated PReLU.
        both: Whether it is for the generator too.
    """

    wrap: Callable[[nn.Module, bool], nn.Module] = lambda layer, last: layer
    batch_norm: bool = False
    strict: bool = False
    both: bool = False

    def row(
        self,
        make: Callable[..., nn.Module],
        *sizes: int,
        activation: nn.Module | None = None,
        normalized: bool = False,
        last: bool = False,
        **options: Any,
    ) -> list[nn.Module]:
        """Return a layer and what follows it."""
        normed = normalized and self.batch_norm
        bias = last if self.strict else not normed
        parts = [self.wrap(make(*sizes, bias=bias, **options), last)]
        if normed:
            parts.append((nn.BatchNorm1d if make is nn.Linear else nn.BatchNorm2d)(sizes[1]))
        if activation is not None:
            parts.append(TPReLU(sizes[1]) if self.strict and not last else activation)
        return parts


def _bssn(scale: float) -> Manner:
    def wrap(layer: nn.Module, last: bool) -> nn.Module:
        parametrize.register_parametrization(layer, "weight", BothSpectralNorms(layer.weight, scale))
        return layer

    return Manner(wrap)


def _strict(layer: nn.Module, last: bool) -> nn.Module:
    parametrize.register_parametrization(layer, "weight", UnitLength(layer, last))
    return layer


MANNERS: dict[str, Callable[[Any], Manner]] = {
    "none": lambda normalizer: Manner(),
    "batch_norm": lambda normalizer: Manner(batch_norm=True),
    "spectral_norm": lambda normalizer: Manner(lambda layer, last: parametrizations.spectral_norm(layer)),
    "bssn": lambda normalizer: _bssn(normalizer.scale),
    "weight_norm_strict": lambda normalizer: Manner(_strict, strict=True, both=True),
}
