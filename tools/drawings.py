"""Drawings of documents: small files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

COLOURS, DPI = 8, 144


def save_webp(figure: Any, path: Path) -> None:
    """Save a figure of matplotlib in few colours.

    Args:
        figure: The figure.
        path: The file, .webp.
    """
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI)
    few = Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.convert("RGB").save(path, lossless=True, quality=100, method=6)
