"""The sign-flip test of a difference between two normalizers, whose blocks are settings.

A block is what may be dependent within and is independent of the others. If two normalizers do not differ, then to swap
them within a block changes nothing about its distribution, so every choice of signs of the blocks' differences was as
likely as the one observed, however the outcomes inside a block depend on each other (Fisher 1935, The Design of
Experiments, §21). With settings as blocks the test speaks about settings like these, if they were drawn independently.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sign_flip_many(differences: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the two-sided p-values of the sign-flip test of a sum of differences, for many tests at once.

    They are exact to about twelve digits, however many blocks there are: the chance of every sum comes from its
    characteristic function, the product of the cosines of the blocks (Pagano & Tritchler 1983,
    doi:10.1080/01621459.1983.10477990).

    Args:
        differences: [tests, blocks] Whole numbers, first normalizer minus second; zeros carry no information.

    Returns:
        [tests], in (0, 1]; 1 where all differences are 0.
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
