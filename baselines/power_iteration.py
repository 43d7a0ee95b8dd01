"""One step of the power method, shared by the spectral normalizers."""

from __future__ import annotations

import torch
from torch import Tensor

EPS = 1e-12
"""As in the authors' code: keeps the quotient finite for a matrix of zeros."""

WARM_UP = 15
"""Steps made at initialisation, as in ``torch.nn.utils.parametrizations.spectral_norm``."""


def start(matrix: Tensor, generator: torch.Generator) -> Tensor:
    """Return a left vector for ``matrix`` after the warm-up.

    Args:
        matrix: [m, n].
        generator: Where the first vector is drawn from.

    Returns:
        A unit vector [m].
    """
    u = unit(torch.randn(matrix.shape[0], generator=generator))
    for _ in range(WARM_UP):
        _, u = step(matrix, u)
    return u


def step(matrix: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """Make one power iteration (Miyato et al. 2018, algorithm 1).

    Args:
        matrix: [m, n], through which the gradient of sigma flows.
        u: The left vector, [m].

    Returns:
        sigma = u' M v, a scalar, in whose gradient u and v are constants; and the next u.
    """
    fixed = matrix.detach()
    v = unit(torch.mv(fixed.mT, u))
    u = unit(torch.mv(fixed, v))
    return torch.dot(u, torch.mv(matrix, v)).clamp_min(EPS), u


def unit(vector: Tensor) -> Tensor:
    """Return the vector at length one; zero stays zero."""
    return vector / torch.linalg.vector_norm(vector).clamp_min(EPS)
