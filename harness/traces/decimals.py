"""Numbers that were rounded to float32 and written in their shortest decimal form, as float32 again, and back.

Training computes in float32; a trace holds each number as the shortest decimal that float32 rounds to the same number
(0.1, and not 0.10000000149). As float64 such a number takes eight bytes that compress badly; its float32 takes four, and
says the same, because the decimal can be computed from it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST = 22
"""The largest power of ten that float64 holds exactly: up to there a decimal is one correctly rounded division away."""

_POWERS = 10.0 ** np.arange(_MOST + 1)
_DIGITS = (6, 7, 8, 9, 10)
"""Digits that are tried. Nine tell any two float32 apart; one more, because a logarithm may be rounded upwards."""


def shortest_decimals(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return for each float32 the float64 of its shortest decimal.

    Elementwise, and by correctly rounded operations alone, so that every machine computes the same. Where more than the
    exact powers of ten are needed (below about 1e-13 and above 1e22), the number itself is returned.

    Args:
        values: Numbers, [N]; what is not finite stays what it is.
    """
    exact = values.astype(np.float64)
    found = exact.copy()
    open_ = np.flatnonzero((np.abs(exact) < _POWERS[_MOST]) & (exact != 0))
    numbers, narrow = exact[open_], values[open_]
    exponents = np.floor(np.log10(np.abs(numbers))).astype(np.int64)
    for digits in _DIGITS:
        if not len(open_):
            break
        shift = digits - 1 - exponents
        size = np.abs(shift)
        power = _POWERS[np.minimum(size, _MOST)]
        up = shift >= 0
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = np.rint(np.where(up, numbers * power, numbers / power))
            decimals = np.where(up, scaled / power, scaled * power)
            fits = (decimals.astype(np.float32) == narrow) & (size <= _MOST)
        found[open_[fits]] = decimals[fits]
        rest = ~fits
        open_, numbers, narrow, exponents = open_[rest], numbers[rest], narrow[rest], exponents[rest]
    return found
