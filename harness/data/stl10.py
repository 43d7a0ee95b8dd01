"""STL-10."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ganbench.harness.data.image_files import TRAIN
from ganbench.harness.data.image_forms import resize
from ganbench.harness.data.rows import Row
from ganbench.harness.data.torchvision_archive import TorchvisionArchive
from ganbench.harness.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from ganbench.harness.data.store import Store

SIDE = 96
"""Of the images as they were published."""


class STL10(TorchvisionArchive):
    """Photographs from ImageNet of 96x96 pixels: 100,000 unlabelled ones to train on, the 8,000 for testing held out.

    GAN papers train on the unlabelled images at 48x48 (Miyato et al. 2018); some add the 5,000 for training. Shrunk as
    torchvision's ``Resize`` does, by Pillow's antialiased bilinear filter.
    """

    name: ClassVar[str] = "stl10"
    summary: ClassVar[str] = "100,000 unlabelled photographs, 48x48; the official test split is held out."
    paper: ClassVar[str] = "Coates, Lee & Ng 2011, AISTATS"

    side: int = Field(48, ge=8, le=SIDE, description="side of the images in pixels; published with 96")
    train: Literal["unlabeled", "train+unlabeled"] = Field("unlabeled", description="the official splits to train on")

    def published(self) -> Any:
        """Return torchvision's class."""
        from torchvision.datasets import STL10

        return STL10

    def fit(self, image: Image) -> Image:
        """Shrink an image."""
        return resize(image, self.side)

    def rows(self, store: Store, split: str) -> Iterator[Row]:
        """Read the images of a split, those with labels first."""
        from PIL import Image

        for part in self.train.split("+") if split == TRAIN else ["test"]:
            path = self.unpacked(store) / f"{part}_X.bin"
            images = _images(path)
            labels = path.with_name(f"{part}_y.bin")
            if part != "unlabeled" and labels.stat().st_size != len(images):
                raise InputError(
                    f"{labels}: has {labels.stat().st_size} labels, expected {len(images)}, one for each image of"
                    f" {path.name}: row {min(labels.stat().st_size, len(images))} is the first without"
                )
            for index, image in enumerate(images):
                # Columns come before rows in the file.
                yield Row(f"{path}, row {index}", partial(Image.fromarray, image.transpose(2, 1, 0).copy()))


def _images(path: Path) -> np.ndarray:
    """Map a file of images, [N, C, W, H]."""
    length, size = 3 * SIDE * SIDE, path.stat().st_size
    if not size or size % length:
        raise InputError(f"{path}: ends within row {size // length}, after {size % length} of {length} bytes")
    return np.memmap(path, np.uint8, "r", shape=(size // length, 3, SIDE, SIDE))
