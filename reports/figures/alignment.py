"""Several trials' curves put on common steps, and their median."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Block:
    """Lines that have their steps in common.

    Attributes:
        rows: Which of all lines they are.
        steps: [steps] Rising.
        values: [rows, steps]
    """

    rows: Sequence[int]
    steps: Numbers
    values: Numbers


def aligned(blocks: Sequence[Block]) -> tuple[Numbers, Numbers]:
    """Return all steps of some lines, and a row of values for each line, nan where it has none or none that is finite.

    Between two of its own steps a line is straight: at a step that only others have, it has the value in between.

    Args:
        blocks: Together they have every row once.

    Returns:
        [steps] and [lines, steps].
    """
    steps: Numbers = max((block.steps for block in blocks), key=len, default=np.empty(0))
    # Mostly, trials differ only in when they ended.
    alike = len(blocks) == 1 or all(np.array_equal(block.steps, steps[: len(block.steps)]) for block in blocks)
    if not alike:
        steps = np.unique(np.concatenate([block.steps for block in blocks]))
    table = np.full((sum(len(block.rows) for block in blocks), len(steps)), np.nan)
    for block in blocks:
        if alike:
            table[block.rows, : len(block.steps)] = block.values
        else:
            _spread(block, steps, table)
    table[~np.isfinite(table)] = np.nan
    return steps, table


def _spread(block: Block, steps: Numbers, table: Numbers) -> None:
    """Put lines on steps that are not only their own."""
    places = np.searchsorted(steps, block.steps)
    inside = steps[: places[-1] + 1] if len(places) else steps[:0]
    for row, values in zip(block.rows, block.values, strict=True):
        own = np.where(np.isfinite(values), values, np.nan)
        if len(inside) > len(places):
            table[row, : len(inside)] = np.interp(inside, block.steps, own, left=np.nan)
        table[row, places] = own


def block(row: int, steps: Numbers, values: Numbers) -> Block:
    """Return a single line."""
    return Block([row], steps, values[None])


def middle(table: Numbers) -> Numbers:
    """Return the median over lines at every step at which at least half of them have a value, nan elsewhere.

    Beyond, the survivors would speak for all.

    Args:
        table: [lines, steps], nan where a line has no value.

    Returns:
        [steps].
    """
    if not table.size:
        return np.full(table.shape[1:], np.nan)
    ordered = np.sort(table, axis=0)  # nan last
    counts = np.isfinite(table).sum(axis=0)
    columns = np.arange(table.shape[1])
    low, high = ordered[np.maximum(counts - 1, 0) // 2, columns], ordered[counts // 2 % len(table), columns]
    return np.where((counts * 2 >= len(table)) & (counts > 0), (low + high) / 2, np.nan)
