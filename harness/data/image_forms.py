"""Bringing images into the form that a data set promises: mode, centre crop, size."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

EIGHT_BITS = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"}
"""Pillow's modes that become grey levels or colours of 8 bits without a choice of scale."""


def decode(content: bytes) -> Image:
    """Decode an image file: JPEG, PNG, WebP and what else Pillow reads.

    Raises:
        ValueError: It is none of these.
        OSError: It is truncated.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(content))
    except UnidentifiedImageError:  # its message names an address in memory
        raise ValueError(f"{len(content)} bytes in no format that Pillow knows") from None
    image.load()
    return image


def to_mode(image: Image, mode: str) -> Image:
    """Convert an image to ``"RGB"`` or ``"L"``. Transparency is dropped, as torchvision's loader drops it.

    Raises:
        ValueError: It has more than 8 bits per channel, which could be scaled down in more than one way.
    """
    if image.mode not in EIGHT_BITS:
        raise ValueError(f"has mode {image.mode}, expected 8 bits per channel")
    return image if image.mode == mode else image.convert(mode)


def centre_crop(image: Image, side: int | None = None) -> Image:
    """Cut the square in the centre: of a given side in pixels, else the largest that there is.

    Raises:
        ValueError: The image is smaller than that.
    """
    width, height = image.size
    side = side or min(width, height)
    if side > min(width, height):
        raise ValueError(f"has {width}x{height} pixels, expected at least {side}x{side} to cut from")
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side))


def resize(image: Image, side: int) -> Image:
    """Resize a square image to ``side`` pixels: Pillow's bilinear filter, as torchvision's ``Resize`` does.

    When it shrinks, the filter covers all pixels that become one (antialiasing); a filter that does not, such as
    OpenCV's or old TensorFlow's, makes other images and other distances between them.
    """
    from PIL import Image

    return image if image.size == (side, side) else image.resize((side, side), Image.Resampling.BILINEAR)


def exactly(image: Image, side: int) -> Image:
    """Return a square image as it is.

    Raises:
        ValueError: It does not have that side.
    """
    if image.size != (side, side):
        raise ValueError(f"has {image.width}x{image.height} pixels, expected {side}x{side}")
    return image


def to_array(image: Image) -> np.ndarray:
    """Return an image's bytes as uint8 [C, H, W]."""
    array = np.asarray(image, dtype=np.uint8)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
