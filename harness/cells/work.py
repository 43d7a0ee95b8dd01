"""What decides what a cell's step computes, but for the numbers in it: cells of one kind of work share what is compiled."""

from __future__ import annotations

from typing import Any

from ganbench.harness.canonical import canonical_json
from ganbench.harness.cells.cell import Cell

SELDOM = 20
"""Steps per logged one, from which a compiled step that is not logged has a program of its own. It makes a step 5 percent
faster, and takes as long to compile as the other."""

ELSEWHERE = frozenset({"dataset", "metric", "steps", "evaluations", "log_points"})
"""What a step does not depend on; of a data set, on the form of its samples."""


def logs_often(cell: Cell) -> bool:
    """Say whether so many of a cell's steps are logged that all run as if they were, once they are compiled."""
    return cell.log_points * SELDOM >= cell.steps


def work_of(cell: Cell) -> str:
    """Return a text that is equal for cells whose steps differ in amounts alone, such as learning rates.

    Whether an amount is zero counts: it often says that something is not there.
    """
    spec = {key: value for key, value in cell.spec().items() if key not in ELSEWHERE}
    return canonical_json([_without_amounts(spec), list(cell.dataset.sample_shape()), logs_often(cell)])


def _without_amounts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_amounts(item) for key, item in value.items()}
    return bool(value) if isinstance(value, float) else value
