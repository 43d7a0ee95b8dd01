"""Drawings of documents: small files, the same bytes from the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganbench.reports.figures.fewer_letters import fitted

FONT = "DejaVu Sans, Verdana, sans-serif"


def save_svg(figure: Any, path: Path) -> None:
    """Save a figure of matplotlib, its lines to a tenth of a point.

    Args:
        figure: The figure; ``svg.hashsalt`` is set.
        path: The file, .svg.
    """
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    svg = path.read_text(encoding="utf-8")
    path.write_text(fitted(path.stem, path.stem.replace("-", " "), svg, FONT) + "\n", encoding="utf-8")
