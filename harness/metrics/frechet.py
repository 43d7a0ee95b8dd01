"""The Frechet distance between Gaussians fitted to two sets of features, in float64 and without complex numbers.

Between N(m1, S1) and N(m2, S2) it is |m1 - m2|^2 + tr S1 + tr S2 - 2 tr sqrt(S1 S2) (Dowson & Landau 1982; Heusel et al.
2017, equation 6). With a factor L of S1 = L L', the eigenvalues of S1 S2 are those of L' S2 L, which is symmetric: its
eigenvalues are real, and need no eigenvectors. The factor belongs to the real data and is computed once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

ROWS = 4096
"""Features turned into float64 at once."""

BLOCK = 256
"""Columns of a product of triangular matrices computed at once."""


@dataclass(frozen=True)
class Moments:
    """Count, mean and scatter of features, which those of two parts can be merged into.

    Attributes:
        count: N.
        mean: [D], float64.
        scatter: Sum of (x - mean)(x - mean)', [D, D], float64.
    """

    count: int
    mean: Tensor
    scatter: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Moments:
        """Return the moments of features [N, D], N at least 1; memory beyond them is bounded."""
        parts = [cls._of_part(part) for part in features.split(ROWS)]
        whole = parts[0]
        for part in parts[1:]:
            whole = whole.merge(part)
        return whole

    @classmethod
    def _of_part(cls, features: Tensor) -> Moments:
        x = features.double()
        mean = x.mean(dim=0)
        return cls(len(x), mean, _gram(x - mean))

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both parts together (Chan, Golub & LeVeque 1979): nothing large is subtracted."""
        count = self.count + other.count
        apart = other.mean - self.mean
        mean = self.mean + apart * (other.count / count)
        between = torch.outer(apart, apart) * (self.count * other.count / count)
        return Moments(count, mean, self.scatter + other.scatter + between)

    def covariance(self) -> Tensor:
        """Return the unbiased covariance, as ``numpy.cov`` does, [D, D]; NaN of one example."""
        return self.scatter / (self.count - 1 if self.count > 1 else math.nan)


@dataclass(frozen=True)
class Gaussian:
    """What the distance needs of the real data.

    Attributes:
        mean: [D], float64.
        covariance: [D, D], float64.
        root: Its triangular factor, from :func:`factor`, [D, r].
    """

    mean: Tensor
    covariance: Tensor
    root: Tensor


def factor(covariance: Tensor) -> Tensor:
    """Return a lower triangular L with L L' = covariance, [D, r], r its rank; a singular covariance is fine.

    By eigenvectors, since Cholesky's factorization stops at a covariance that is singular, as that of fewer than D + 1
    examples or of units that are never active is. The QR factorization makes the factor triangular, and products with
    it cheap. Eigenvalues that rounding cannot tell from 0 are left out.

    Args:
        covariance: Symmetric, positive semidefinite, float64, [D, D].
    """
    values, vectors = torch.linalg.eigh(covariance)
    kept = values > values.max().clamp(min=0) * len(values) * torch.finfo(values.dtype).eps
    root = vectors[:, kept] * values[kept].sqrt()
    return torch.linalg.qr(root.T, mode="r").R.T.contiguous()


def frechet_distance(features: Tensor, real: Gaussian) -> float:
    """Return the distance of features to the real data; 0 and larger, but for rounding.

    Args:
        features: Of generated samples, [N, D], on the device of ``real``; NaN when N < 2.
        real: The real data.
    """
    if len(features) < 2:
        return math.nan
    if len(features) < real.root.shape[1]:
        # The N x N products of centred features with the factor have the same eigenvalues as L' S L, but for zeros.
        x = features.double()
        mean = x.mean(dim=0)
        x = (x - mean) / math.sqrt(len(x) - 1)
        seen = x @ real.root
        product, trace = seen @ seen.T, x.square().sum()
    else:
        moments = Moments.of(features)
        mean, covariance = moments.mean, moments.covariance()
        product, trace = _congruence(covariance, real.root), covariance.trace()
    shared = torch.linalg.eigvalsh(product).clamp(min=0).sqrt().sum()
    return float((mean - real.mean).square().sum() + trace + real.covariance.trace() - 2 * shared)


def _congruence(matrix: Tensor, root: Tensor) -> Tensor:
    """Return the lower triangle of L' S L, which is all that an eigenvalue routine reads, at a third of the products.

    Args:
        matrix: S, symmetric, [D, D].
        root: L, lower triangular, [D, r].
    """
    rank = root.shape[1]
    product = matrix.new_zeros(rank, rank)
    for start in range(0, rank, BLOCK):
        end = min(start + BLOCK, rank)
        product[start:, start:end] = root[start:, start:].T @ (matrix[start:, start:] @ root[start:, start:end])
    return product


def _gram(x: Tensor) -> Tensor:
    """Return x' x; on the CPU by numpy, which knows that it is symmetric and computes half of it."""
    if x.device.type != "cpu":
        return x.T @ x
    array = x.numpy()
    return torch.from_numpy(array.T @ array)
