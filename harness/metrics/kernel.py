"""The kernel distance KID: squared maximum mean discrepancy with a cubic kernel, unbiased, over all samples.

The kernel is (x'y / D + 1)^3 (Binkowski et al. 2018, section 4). Published codes average the estimate over random subsets,
for instance 100 of 1,000 samples. The mean of that average over the choice of subsets is this estimate over all samples,
which has less noise and none of the choice.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

ROWS = 256
"""Rows of the kernel's matrix computed at once."""


def mean_kernel_within(features: Tensor) -> float:
    """Return the mean of the kernel over all pairs of different samples; NaN of fewer than two.

    Args:
        features: [N, D].
    """
    x = features.double()
    count = len(x)
    if count < 2:
        return math.nan
    total = torch.zeros((), dtype=torch.float64, device=x.device)
    room = _room(x, x)
    for start in range(0, count, ROWS):
        # The matrix is symmetric: only what lies right of the diagonal's block is computed, and counts twice.
        end = min(start + ROWS, count)
        diagonal = (x[start:end].square().sum(dim=1) / x.shape[1] + 1) ** 3
        total += _sum(x[start:end], x[start:end], room) - diagonal.sum() + 2 * _sum(x[start:end], x[end:], room)
    return float(total) / (count * (count - 1))


def mean_kernel_between(first: Tensor, second: Tensor) -> float:
    """Return the mean of the kernel over all pairs of samples [N, D] and [M, D]."""
    x, y = first.double(), second.double()
    total = torch.zeros((), dtype=torch.float64, device=x.device)
    room = _room(x, y)
    for start in range(0, len(x), ROWS):
        total += _sum(x[start : start + ROWS], y, room)
    return float(total) / (len(x) * len(y))


def kernel_distance(fake: Tensor, real: Tensor, within_real: float) -> float:
    """Return the unbiased squared MMD (Gretton et al. 2012, equation 3); it can be slightly below 0, NaN of one sample.

    Args:
        fake: Features of generated samples, [N, D].
        real: Features of real ones, [M, D]; N and M may differ.
        within_real: :func:`mean_kernel_within` of the real ones.
    """
    return mean_kernel_within(fake) + within_real - 2 * mean_kernel_between(fake, real)


def _room(x: Tensor, y: Tensor) -> Tensor:
    """Return memory for a slice of the kernel's matrix, used again for each: new memory costs more than the products."""
    return x.new_empty(2, min(ROWS, len(x)) * len(y))


def _sum(x: Tensor, y: Tensor, room: Tensor) -> Tensor:
    """Return the sum of the kernel over all pairs."""
    pairs, squares = room[:, : len(x) * len(y)]
    torch.addmm(x.new_ones(()), x, y.T, alpha=1 / x.shape[1], out=pairs.view(len(x), len(y)))
    return torch.mul(pairs, pairs, out=squares) @ pairs  # fewer passes over memory than a cube and a sum
