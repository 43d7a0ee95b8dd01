"""The norm of the discriminator's gradient at its input, which the gradient penalties are made of."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

EPS = 1e-12
"""Inside the root, which has no gradient at zero."""


def squared_gradient_norm(discriminator: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return ||grad_x D(x)||^2 of each sample, [N], differentiable in the discriminator's weights.

    Args:
        discriminator: From samples to logits [N].
        x: Samples, [N, ...]; the norm is over everything but the first axis.
    """
    # torch.func works in plain autograd, which can differentiate it again, and inside a compiled step as well.
    gradient = torch.func.grad(lambda x: discriminator(x).sum())(x.detach())
    return gradient.flatten(1).square().sum(dim=1)


def gradient_norm(discriminator: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return ||grad_x D(x)|| of each sample, [N]; see :func:`squared_gradient_norm`."""
    return (squared_gradient_norm(discriminator, x) + EPS).sqrt()


def per_sample(noise: Tensor, x: Tensor) -> Tensor:
    """Reshape one number per sample, [N], so that it multiplies samples [N, ...]."""
    return noise.view([-1] + [1] * (x.dim() - 1))
