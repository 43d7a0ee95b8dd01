"""Drawings of documents: small files, the same bytes from the same numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PATHS = re.compile(r' d="[^"]*"')
DECIMALS = re.compile(r"(\.\d)\d+")


def save_svg(figure: Any, path: Path) -> None:
    """Save a figure of matplotlib, its lines to a tenth of a point.

    Args:
        figure: The figure; ``svg.hashsalt`` is set.
        path: The file, .svg.
    """
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    path.write_text(shortened(path.read_text(encoding="utf-8")), encoding="utf-8")


def shortened(svg: str) -> str:
    """Return a drawing with the coordinates of its lines to a tenth of a point."""
    return PATHS.sub(lambda found: DECIMALS.sub(r"\1", found[0]), svg)
