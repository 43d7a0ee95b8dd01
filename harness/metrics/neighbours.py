"""Precision, recall, density and coverage: which samples lie among each other's nearest neighbours.

Around every sample lies a ball that reaches to its k-th nearest neighbour of the same set; the balls together stand for
where the set has samples. Distances are computed in float64 and in slices of bounded memory. Balls are closed, and a
distance that rounding cannot tell from the radius counts as within: equal samples always lie in each other's balls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

PRECISION_K = 3
"""Neighbours of precision and recall (Kynkaanniemi et al. 2019, section 3; the default of torch-fidelity)."""

DENSITY_K = 5
"""Neighbours of density and coverage (Naeem et al. 2020, section 3.3)."""

SLACK = 1e-12
"""Rounding of a squared distance by matrix products, as a share of the squared lengths, of float32 features in float64."""

ROWS = 128
"""Samples whose distances to all others are held at once."""


@dataclass(frozen=True)
class Neighbourhood:
    """How generated and real samples lie among each other; NaN where there are too few samples.

    Attributes:
        precision: Share of generated samples within the ball of any real one (Kynkaanniemi et al. 2019, equation 2), 0..1.
        recall: Share of real samples within the ball of any generated one (equation 3), 0..1.
        density: How many real balls a generated sample lies in, over k, on average (Naeem et al. 2020, equation 4); 0 and
            larger, about 1 for equal distributions.
        coverage: Share of real samples whose ball holds a generated one (equation 5), 0..1.
    """

    precision: float
    recall: float
    density: float
    coverage: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0..1; 0 where both are 0."""
        return 2 * self.precision * self.recall / max(1e-5, self.precision + self.recall)  # as torch-fidelity has it


def squared_radii(features: Tensor, counts: Sequence[int]) -> Tensor:
    """Return the squared distance of every sample to its k-th nearest other one.

    Args:
        features: [N, D].
        counts: Each k.

    Returns:
        [len(counts), N], float64; NaN for a k of N or more.
    """
    total = len(features)
    radii = torch.full((len(counts), total), math.nan, dtype=torch.float64, device=features.device)
    possible = [k for k in counts if k < total]
    if not possible:
        return radii
    x = features.double()
    x = x - x.mean(dim=0)
    lengths = x.square().sum(dim=1)
    room = x.new_empty(min(ROWS, total), total)  # used again for each slice: new memory costs more than the products
    for start in range(0, total, ROWS):
        part = x[start : start + ROWS]
        squared = torch.addmm(lengths, part, x.T, alpha=-2, out=room[: len(part)])
        squared += lengths[start : start + ROWS, None]
        places = torch.arange(len(part), device=x.device)
        squared[places, start + places] = math.inf  # itself
        nearest = squared.topk(max(possible), largest=False).values.clamp_(min=0)
        for index, k in enumerate(counts):
            if k in possible:
                radii[index, start : start + ROWS] = nearest[:, k - 1]
    return radii


def real_radii(real: Tensor) -> Tensor:
    """Return what :func:`neighbourhood` needs of the real features [M, D] once: [2, M], float64."""
    return squared_radii(real, (PRECISION_K, DENSITY_K))


def neighbourhood(fake: Tensor, real: Tensor, radii: Tensor) -> Neighbourhood:
    """Compare generated with real samples.

    Args:
        fake: Features of generated samples, [N, D].
        real: Features of real ones, [M, D].
        radii: Of the real ones, by :func:`real_radii`.
    """
    x, y = real.double(), fake.double()
    centre = x.mean(dim=0)  # short vectors lose less to rounding
    x, y = x - centre, y - centre
    # |x - y|^2 <= r^2 + slack (|x|^2 + |y|^2), with the terms of y on the left and those of x on the right
    left, right = ((1 - SLACK) * side.square().sum(dim=1) for side in (y, x))
    for_precision, for_density = radii - right
    fake_radii = squared_radii(fake, (PRECISION_K,))[0]
    precise, balls = (torch.zeros((), dtype=torch.long, device=x.device) for _ in range(2))
    # Of each real sample: its nearest generated one, and by how much the nearest generated ball reaches over it
    nearest, reached = (torch.full((len(x),), math.inf, dtype=torch.float64, device=x.device) for _ in range(2))
    room = x.new_empty(2, min(ROWS, len(y)), len(x))
    marks = torch.empty_like(room[0], dtype=torch.bool)
    for start in range(0, len(y), ROWS):
        here = slice(start, start + ROWS)
        part = y[here]
        apart, over = room[:, : len(part)]
        torch.addmm(left[here, None], part, x.T, alpha=-2, out=apart)
        torch.minimum(nearest, apart.amin(dim=0), out=nearest)
        precise += (torch.sub(apart, for_precision, out=over).amin(dim=1) <= 0).count_nonzero()
        balls += torch.le(apart, for_density, out=marks[: len(part)]).count_nonzero()
        torch.minimum(reached, apart.sub_(fake_radii[here, None]).amin(dim=0), out=reached)
    return Neighbourhood(
        precision=_known(float(precise) / len(y), len(x) > PRECISION_K),
        recall=_known(float((reached <= -right).double().mean()), len(y) > PRECISION_K),
        density=_known(float(balls) / (DENSITY_K * len(y)), len(x) > DENSITY_K),
        coverage=_known(float((nearest <= for_density).double().mean()), len(x) > DENSITY_K),
    )


def _known(value: float, enough: bool) -> float:
    return value if enough else math.nan
