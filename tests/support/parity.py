"""What a reference and our side are both given, and what is kept of what they make of it: NumPy alone, for any Python.

Nothing large is stored. Every parameter is drawn from its own name, so that both sides have the same without a file; of a
result its length is kept, and its inner product with a vector that is drawn from the result's name. A sign, an order of
channels or a gain changes it.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np

CENTRES: Mapping[str, tuple[float, float]] = {
    "bias": (0.0, 0.1),
    "beta": (0.0, 0.1),
    "threshold": (0.0, 0.1),
    "p": (0.5, 0.1),
    "gamma": (1.0, 0.1),
    "q": (1.0, 0.1),
    "slope": (0.25, 0.05),
}
"""Mean and standard deviation of what is not a weight, by the parameter's name."""


def drawn(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return standard normal numbers that depend on a name alone, float64."""
    return np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)


def uniform(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers in [0, 1) that depend on a name alone, float64."""
    return np.random.RandomState(zlib.crc32(name.encode())).random_sample(shape)


def parameter(name: str, shape: tuple[int, ...], fan_in: int | None = None) -> np.ndarray:
    """Return a parameter's values.

    Args:
        name: ``network/layer/parameter``, in our words.
        shape: In the layout of ``torch.nn.functional``.
        fan_in: Of a weight: numbers that an output is a sum of; by default all axes but the first.
    """
    key = name.rsplit("/", 1)[1]
    if key in CENTRES:
        centre, spread = CENTRES[key]
        return centre + spread * drawn(name, shape)
    return drawn(name, shape) / (fan_in or int(np.prod(shape[1:]))) ** 0.5


def singular_vector(matrix: np.ndarray) -> np.ndarray:
    """Return the left singular vector of the largest value, [m]: where a power iteration has come to its end."""
    return np.linalg.eigh(matrix @ matrix.T)[1][:, -1]


def kept(name: str, values: np.ndarray) -> list[float]:
    """Return what is stored of a result: its length, and its inner product with a vector of length one."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    probe = drawn(f"probe/{name}", (1, flat.size))[0]
    return [float(f"{value:.7g}") for value in (np.linalg.norm(flat), probe @ flat / np.linalg.norm(probe))]
