"""The figures of a page, as SVG strings."""

from __future__ import annotations

from reports.board import Board
from reports.evidence import Evidence
from reports.figures.drawing import Drawing, Part

__all__ = ["Drawing", "Part", "draw"]


def draw(evidence: Evidence, board: Board) -> list[Drawing]:
    """Draw every figure for which there are data.

    Args:
        evidence: What the ledger holds.
        board: The numbers.
    """
    from reports.figures import heatmap

    drawings = [heatmap.draw(evidence, board)]
    return [drawing for drawing in drawings if drawing.parts]
