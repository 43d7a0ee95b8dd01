"""The figures of a page, as SVG strings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from reports.board import Board
from reports.evidence import Evidence
from reports.figures.drawing import Drawing, Part

__all__ = ["Drawing", "Part", "draw"]


def draw(evidence: Evidence, board: Board, samples: Callable[[str], NDArray[Any] | None]) -> list[Drawing]:
    """Draw every figure for which there are data.

    Args:
        evidence: What the ledger holds.
        board: The numbers.
        samples: Returns a trial's samples by its identity.
    """
    from reports.figures import curves, grids, heatmap, weights

    drawings = [
        heatmap.draw(evidence, board),
        curves.draw(evidence),
        weights.draw(evidence, board),
        grids.draw(evidence, board, samples),
    ]
    return [drawing for drawing in drawings if drawing.parts]
