"""CIFAR-10."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ganbench.harness.data.image_files import TRAIN
from ganbench.harness.data.rows import Row
from ganbench.harness.data.torchvision_archive import TorchvisionArchive

if TYPE_CHECKING:
    from ganbench.harness.data.store import Store


class CIFAR10(TorchvisionArchive):
    """60,000 photographs of ten kinds of animals and vehicles, 32x32 pixels: 50,000 to train on, 10,000 held out.

    The Python version of the official page, as torchvision reads it. Its files are pickles; they are opened only after
    their checksums were found right.
    """

    name: ClassVar[str] = "cifar10"
    summary: ClassVar[str] = "60,000 photographs of ten classes, 32x32; the official test split is held out."
    paper: ClassVar[str] = "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images"

    side: Literal[32] = Field(32, description="side of the images in pixels")

    def published(self) -> Any:
        """Return torchvision's class."""
        from torchvision.datasets import CIFAR10

        return CIFAR10

    def contents(self) -> Sequence[tuple[str, str]]:
        """Return the batches, and the names of the classes, which torchvision reads too."""
        meta = self.published().meta
        return [*super().contents(), (meta["filename"], meta["md5"])]

    def rows(self, store: Store, split: str) -> Iterator[Row]:
        """Read the batches of a split."""
        images = self.published()(self.folder(store), train=split == TRAIN).data  # [N, 32, 32, 3]
        for index, image in enumerate(images.transpose(0, 3, 1, 2)):
            yield Row(f"{self.unpacked(store)}, {split} image {index}", partial(np.asarray, image))
