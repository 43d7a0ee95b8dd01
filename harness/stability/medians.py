"""Medians of a few numbers: numpy's own take fifty times as long to begin as to end, and every trial asks for twenty."""

from __future__ import annotations

import numpy as np

from ganbench.harness.traces.trace import Column


def median(values: Column) -> float:
    """Return what ``np.median`` returns of numbers [N], at least one; nan where one of them is nan."""
    ordered = sorted(values.tolist())
    total = sum(ordered)
    if total != total and any(value != value for value in ordered):  # the sum of two infinities is none either
        return float("nan")
    middle = len(ordered) // 2
    return float(ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)


def window_medians(values: Column, width: int) -> Column:
    """Return what ``np.median`` returns of every ``width`` consecutive numbers of [N]: [N - width + 1].

    Args:
        values: At least ``width`` numbers.
        width: From 1.
    """
    if width == 3 <= len(values):
        a, b, c = values[:-2], values[1:-1], values[2:]
        middle: Column = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))  # nan where one of them is
        return middle
    ordered = np.sort(np.lib.stride_tricks.sliding_window_view(values, width), axis=1)  # nan last
    half = width // 2
    with np.errstate(invalid="ignore"):  # of two infinities
        found: Column = ordered[:, half] if width % 2 else (ordered[:, half - 1] + ordered[:, half]) / 2
    return np.where(np.isnan(ordered[:, -1]), np.nan, found)


def trailing_medians(values: Column, width: int) -> Column:
    """Return for each of [N] numbers the median of it and the ``width - 1`` before it, as far as there are any."""
    width = min(width, len(values))
    begin = [median(values[:end]) for end in range(1, width)]
    return np.append(begin, window_medians(values, width))
