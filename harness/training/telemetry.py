"""What is observed of networks while they train, beside what a step reports of itself."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench.harness.models.network import Network
from ganbench.harness.models.operations import Tree
from ganbench.harness.normalizer.layers import output_matrix


@torch.no_grad()
def weight_telemetry(network: Network, weights: Tree) -> dict[str, dict[str, float]]:
    """Measure the effective weights of every layer.

    Args:
        network: The network.
        weights: Its effective weights.

    Returns:
        For each layer the ``variance`` of the effective weight's entries; ``sigma``, the largest singular value of its
        matrix M1; and ``stable_rank``, ||W||_F^2 / sigma^2, which is 1 for a matrix of rank one and the number of rows
        for an orthogonal one. NaN where the weight is not finite.
    """
    return {name: _measured(weights[name]["weight"], output_matrix(weights[name]["weight"], layer))
            for name, layer in network.weighted.items()}  # fmt: skip


def _measured(weight: Tensor, matrix: Tensor) -> dict[str, float]:
    sigma = largest_singular_value(matrix)
    length = float(weight.double().square().sum())
    return {
        "variance": float(weight.double().var(correction=0)),
        "sigma": sigma,
        "stable_rank": length / sigma**2 if sigma > 0 else float("nan"),
    }


def largest_singular_value(matrix: Tensor) -> float:
    """Return sigma_max from the eigenvalues of the smaller Gram matrix, in float64.

    This is exact to rounding. A short power iteration from a random start is not: twenty steps on a freshly initialised
    layer are up to 8 % low.

    Args:
        matrix: [m, n].
    """
    matrix = matrix.double()
    gram = matrix @ matrix.mT if matrix.shape[0] <= matrix.shape[1] else matrix.mT @ matrix
    if not bool(torch.isfinite(gram).all()):
        return float("nan")
    return float(torch.linalg.eigvalsh(gram)[-1].clamp_min(0).sqrt())


def input_gradient(discriminator: Network, weights: Tree, x: Tensor, fade: Tensor | None) -> float:
    """Return the mean over samples of ||grad_x D(x)||: what a generator can learn from, and what penalties hold.

    Args:
        discriminator: The network.
        weights: Its effective weights, computed without gradients.
        x: Samples, [N, ...].
        fade: How far a growing network has faded its newest level in.
    """
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(weights, x, fade).sum(), x)
    return float(torch.linalg.vector_norm(gradient.flatten(1), dim=1).mean())
