"""The power method, shared by the spectral normalizers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ganbench.harness.normalizer.layers import Layer, input_matrix, output_matrix

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


def stacked_step(matrices: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """Make the power iteration of :func:`step` on several matrices of one shape, each with products of its own.

    Args:
        matrices: [K, m, n], through which the gradients of sigma flow.
        u: The left vectors, [K, m].

    Returns:
        sigma for each, [K], and the next u, [K, m].
    """
    fixed = matrices.detach()
    v = units(torch.bmm(fixed.mT, u.unsqueeze(2)))
    after = units(torch.bmm(fixed, v))
    sigma = torch.bmm(after.mT, torch.bmm(matrices, v))
    return sigma.flatten().clamp_min(EPS), after.squeeze(2)


def start_both(weight: Tensor, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
    """Return left vectors for M1 and, unless the layer is linear, for M2: [c_out] and [c_in]."""
    state = {"u_out": start(output_matrix(weight, layer), generator)}
    if layer.kind != "linear":
        state["u_in"] = start(input_matrix(weight, layer), generator)
    return state


def step_both(weight: Tensor, state: Mapping[str, Tensor], layer: Layer) -> tuple[Tensor, dict[str, Tensor]]:
    """Make one power iteration on M1 and one on M2 (Lin, Sekar & Fanti 2021, section 4).

    Args:
        weight: The raw weight.
        state: From :func:`start_both` or the last step.
        layer: What the layer is. The two norms of a linear layer coincide, and one is computed.

    Returns:
        (sigma(M1) + sigma(M2)) / 2, and the next state.
    """
    sigma, u_out = step(output_matrix(weight, layer), state["u_out"])
    if layer.kind == "linear":
        return sigma, {"u_out": u_out}
    sigma_in, u_in = step(input_matrix(weight, layer), state["u_in"])
    return (sigma + sigma_in) / 2, {"u_out": u_out, "u_in": u_in}


def stacked_step_both(weights: Tensor, states: Mapping[str, Tensor], layer: Layer) -> tuple[Tensor, dict[str, Tensor]]:
    """Make the iterations of :func:`step_both` on the weights of several layers, [K, *shape].

    Args:
        weights: The raw weights.
        states: With a leading K.
        layer: One of the layers; where it stands does not matter.

    Returns:
        The mean of both norms for each, [K], and the next states.
    """
    sigma, u_out = stacked_step(output_matrix(weights, layer), states["u_out"])
    if layer.kind == "linear":
        return sigma, {"u_out": u_out}
    sigma_in, u_in = stacked_step(input_matrix(weights, layer), states["u_in"])
    return (sigma + sigma_in) / 2, {"u_out": u_out, "u_in": u_in}


def unit(vector: Tensor) -> Tensor:
    """Return the vector at length one; zero stays zero."""
    return vector / torch.linalg.vector_norm(vector).clamp_min(EPS)


def units(vectors: Tensor) -> Tensor:
    """Return each of several columns, [K, m, 1], at length one; zero stays zero."""
    return vectors / torch.linalg.vector_norm(vectors, dim=1, keepdim=True).clamp_min(EPS)
