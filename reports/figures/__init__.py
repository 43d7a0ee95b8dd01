"""The figures: as SVG elements for the page, and as files for a paper."""

from __future__ import annotations

from ganbench.reports.board import Board
from ganbench.reports.evidence import Evidence
from ganbench.reports.figures.drawing import Drawing, Picture

__all__ = ["Drawing", "Picture", "draw", "files"]


def draw(evidence: Evidence, board: Board) -> list[Drawing]:
    """Return every figure for which there are data. A picture is painted when its SVG or its files are asked for.

    Args:
        evidence: What the ledger holds.
        board: The numbers.
    """
    from ganbench.reports.figures import effects, forest, heatmap, profile, survival

    drawings = [module.draw(evidence, board) for module in (forest, profile, survival, heatmap, effects)]
    return [drawing for drawing in drawings if drawing.parts]


def files(evidence: Evidence, board: Board) -> dict[str, bytes]:
    """Return every picture as files for a paper: ``figures/NAME.svg`` and ``figures/NAME.pdf``.

    Args:
        evidence: What the ledger holds.
        board: The numbers.

    Returns:
        The files by path. The same ledger gives the same bytes.
    """
    pictures = [part for drawing in draw(evidence, board) for part in drawing.parts]
    return {f"figures/{name}": data for picture in pictures for name, data in picture.files().items()}
