"""How long a trial will probably take: what its cell took before, or what its work suggests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganbench.harness.cells.cell import Cell


class Durations:
    """Seconds per trial, learnt from committed trials.

    Args:
        seen: Of cells by their identity: how many trials, and their seconds together.
    """

    def __init__(self, seen: Mapping[str, tuple[int, float]] | None = None) -> None:
        self._seen: dict[str, tuple[int, float]] = dict(seen or {})

    def add(self, cell_id: str, seconds: float) -> None:
        """Take account of a trial."""
        count, total = self._seen.get(cell_id, (0, 0.0))
        self._seen[cell_id] = (count + 1, total + seconds)

    def known(self, cell: Cell) -> float | None:
        """Return the mean seconds of a cell's trials, or None before the first."""
        count, total = self._seen.get(cell.id, (0, 0.0))
        return total / count if count else None

    def guess(self, cells: list[Cell]) -> dict[str, float]:
        """Return what to expect of cells, by identity: seconds, or where no cell is known a number that orders them.

        A cell of which nothing is known is taken to be as fast, per sample that it looks at, as the known cells with its
        data set and architecture, or as all known cells.
        """
        speeds: dict[tuple[str, str], list[float]] = {}
        for cell in cells:
            seconds = self.known(cell)
            if seconds is not None:
                speeds.setdefault(_family(cell), []).append(seconds / work(cell))
        every = [speed for family in speeds.values() for speed in family]
        found = {}
        for cell in cells:
            seconds = self.known(cell)
            alike = speeds.get(_family(cell)) or every or [1.0]
            found[cell.id] = work(cell) * sum(alike) / len(alike) if seconds is None else seconds
        return found


def work(cell: Cell) -> int:
    """Return how many samples a trial's networks look at."""
    return cell.steps * (cell.n_dis + 1) * cell.batch_size


def _family(cell: Cell) -> tuple[str, str]:
    return (cell.dataset.label(), cell.architecture.label())
