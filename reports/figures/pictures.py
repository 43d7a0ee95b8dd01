"""Samples as pictures: images as one PNG, points as a small SVG."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench.reports.figures.chart import dots

Samples = NDArray[Any]

IMAGES = 25
POINTS = 300

_SIDE = 1000
_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}"><style>path{{fill:none;stroke:#33373d;'
    "stroke-width:14;stroke-linecap:round;stroke-opacity:.6}}"
    '@media(prefers-color-scheme:dark){{path{{stroke:#d5d8dc}}}}</style><path d="{path}"/></svg>\n'
)


def few(samples: Samples) -> Samples:
    """Return as many samples as a picture shows, so that no more of them need be kept.

    Args:
        samples: Images uint8 [N, C, H, W], or points [N, d].
    """
    return samples[:IMAGES].copy() if samples.ndim == 4 else samples[:POINTS, :2].astype(np.float32)


def mosaic(images: Samples) -> Samples:
    """Put images into one picture, as square as it gets, with gaps that one can see through.

    Args:
        images: uint8, [N, C, H, W]; three channels are colours, of any other number the first is shown in grey.

    Returns:
        uint8, [height, width, 4], or [height, width, 2] where all is grey: the last channel is what one cannot see through.
    """
    images = images[:IMAGES]
    count, channels, height, width = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = -(-count // columns)
    gap = max(1, height // 12)
    shown = 3 if channels == 3 else 1
    picture = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, shown + 1), np.uint8)
    for index, image in enumerate(images[:, :shown]):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        picture[top : top + height, left : left + width, :shown] = image.transpose(1, 2, 0)
        picture[top : top + height, left : left + width, shown] = 255
    return picture


def png(picture: Samples) -> bytes:
    """Return a PNG file.

    Args:
        picture: uint8, [height, width, channels]: grey or three colours, and then what one cannot see through.
    """
    height, width, channels = picture.shape
    # Every line begins with the number of its filter, 0 for none.
    lines = np.zeros((height, 1 + width * channels), np.uint8)
    lines[:, 1:] = picture.reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, 4 if channels == 2 else 6, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def scatter(points: Samples, limit: float) -> str:
    """Return an SVG file of points; those beyond the limit are not in it.

    Args:
        points: [N, 2]; one column is drawn as a line of points.
        limit: The picture shows [-limit, limit] of both coordinates.
    """
    if points.shape[1] < 2:
        points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
    inside = points[np.isfinite(points).all(axis=1) & (np.abs(points) <= limit).all(axis=1)]
    places = np.rint((inside / limit * (1, -1) + 1) * (_SIDE / 2)).astype(int)
    return _SVG.format(side=_SIDE, path=dots(places[:, 0], places[:, 1]))


def reach(samples: Iterable[Samples]) -> float:
    """Return where to cut the axes of points: most are seen whole, and one whose points flew off shrinks no other."""
    reaches = [float(np.quantile(np.abs(values[np.isfinite(values)]), 0.99)) for values in samples
               if np.isfinite(values).any()]  # fmt: skip
    return 1.25 * float(np.median(reaches)) or 1.0 if reaches else 1.0
