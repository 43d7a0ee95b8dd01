"""Sign-flip tests of a difference between two normalizers, whose blocks are seeds or cells.

A block is what may be dependent within and is independent of the others. If two normalizers do not differ, then to swap
them within a block changes nothing about its distribution, so every choice of signs of the blocks' differences was as
likely as the one observed, however the outcomes inside a block depend on each other (Fisher 1935, The Design of
Experiments, §21). With seeds as blocks the test speaks about other seeds in the same cells; with cells as blocks it
would speak about other cells, if these were independent and drawn at random.

The leaderboard does not need them, as its pairs are independent (``harness/training/streams.py``) and blocks of one
make the test McNemar's. They are for outcomes that hang together within a seed, as where cells share their starts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

ENUMERATED = 16
"""Up to so many blocks all choices of signs are tried one by one."""

LARGEST = 100_000
"""Differences on a common grid are convolved while their sum is at most so many units of it."""


def sign_flip(
    differences: Sequence[int | float | Fraction], random: np.random.Generator | None = None, draws: int = 9_999
) -> float:
    """Return the two-sided p-value of the sign-flip test of a sum of differences.

    The p-value is exact where the differences are whole numbers or fractions of few denominators (the distribution of
    the sum is convolved block by block; Pagano & Tritchler 1983, doi:10.1080/01621459.1983.10477990) and where there
    are at most :data:`ENUMERATED` blocks. Otherwise signs are drawn, and the observed ones count as one more draw, so
    that the p-value is never 0 and the test keeps its level (Phipson & Smyth 2010, doi:10.2202/1544-6115.1585).

    Args:
        differences: One number for each block, first normalizer minus second; zeros carry no information.
        random: Where signs are drawn from; needed only for many blocks that share no grid.
        draws: How many choices of signs are drawn then.

    Returns:
        In (0, 1]; 1 where all differences are 0.

    Raises:
        ValueError: Signs must be drawn and no generator was given, or a difference is not finite.
    """
    if not all(math.isfinite(value) for value in differences):
        raise ValueError("a difference is not finite; leave blocks without shared trials out")
    kept = [value for value in differences if value != 0]
    if not kept:
        return 1.0
    grid = _on_grid(kept)
    if grid is not None:
        return _convolved(grid)
    values = np.array([float(value) for value in kept])
    if len(values) <= ENUMERATED:
        choices = np.arange(2 ** (len(values) - 1))[:, None] >> np.arange(len(values)) & 1  # the rest mirrors these
        return float(_extreme(1 - 2 * choices, values).mean())
    if random is None:
        raise ValueError(f"{len(values)} blocks are too many to try all signs: give a generator to draw them from")
    signs = 2 * random.integers(0, 2, (draws, len(values)), dtype=np.int8) - 1
    return float((1 + _extreme(signs, values).sum()) / (1 + draws))


def sign_flip_many(differences: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the p-values of :func:`sign_flip` for many rows of whole numbers at once, to about twelve digits.

    The chance of every sum comes from its characteristic function, the product of the cosines of the blocks
    (Pagano & Tritchler 1983).

    Args:
        differences: [tests, blocks] Whole numbers.

    Returns:
        [tests], in (0, 1].
    """
    sizes = np.abs(differences)
    observed = np.abs(differences.sum(axis=1))
    reach = int(sizes.sum(axis=1).max(initial=0))
    angles = 2 * np.pi * np.arange(reach + 1) / (2 * reach + 1)
    distinct = np.unique(sizes[sizes > 0])
    counts = (
        np.array([(sizes == size).sum(axis=1) for size in distinct], dtype=float).reshape(len(distinct), len(sizes)).T
    )
    cosines = np.cos(distinct[:, None] * angles)  # never 0, as the number of angles is odd
    sign = 1 - 2 * (counts @ (cosines < 0) % 2)
    spectrum = sign * np.exp(counts @ np.log(np.abs(cosines)))
    chances = np.fft.irfft(spectrum, 2 * reach + 1, axis=1)[:, : reach + 1]  # of the sums 0, 1, ..., reach
    tails = np.cumsum(chances[:, ::-1], axis=1)[:, ::-1]
    p = 2 * np.take_along_axis(tails, observed[:, None], axis=1)[:, 0]
    return np.where(observed == 0, 1.0, np.clip(p, 1e-12, 1.0))


def _extreme(signs: NDArray[np.integer], values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which choices of signs give a sum at least as far from 0; rounding must not make ties unequal."""
    observed = abs(values.sum())
    return np.abs(signs @ values) >= observed - 1e-9 * np.abs(values).sum()


def _on_grid(values: Sequence[int | float | Fraction]) -> list[int] | None:
    """Return whole numbers in the same proportions, or None where their sum would be too large."""
    if any(isinstance(value, float) and not value.is_integer() for value in values):
        return None
    exact = [Fraction(value) for value in values]
    unit = math.lcm(*(value.denominator for value in exact))
    whole = [abs(int(value * unit)) * (1 if value > 0 else -1) for value in exact]
    return whole if sum(map(abs, whole)) <= LARGEST else None


def _convolved(values: Sequence[int]) -> float:
    """Return the exact p-value: the chance of every sum, built up by one block after the other."""
    sizes = sorted(abs(value) for value in values)
    chances = np.ones(1)  # of the sums -reach, ..., reach
    for size in sizes:
        wider = np.zeros(len(chances) + 2 * size)
        wider[: len(chances)] += 0.5 * chances
        wider[2 * size :] += 0.5 * chances
        chances = wider
    reach, observed = sum(sizes), abs(sum(values))
    if observed == 0:
        return 1.0
    return min(1.0, 2 * float(chances[reach + observed :].sum()))
