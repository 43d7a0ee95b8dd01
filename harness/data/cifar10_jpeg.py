"""CIFAR-10 as JPEG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from ganbench.harness.data.image_files import FileDataset
from ganbench.harness.data.parquet_rows import ParquetImages
from ganbench.harness.data.rows import Row

if TYPE_CHECKING:
    from ganbench.harness.data.store import Store


class CIFAR10JPEG(FileDataset):
    """All images of CIFAR-10 after JPEG compression, in Parquet files of the Hugging Face layout.

    Compression changes what Inception and other extractors see, so that numbers are comparable with each other, but not
    with those that were published for CIFAR-10. The images are those of ``train.parquet`` and ``test.parquet``.
    """

    name: ClassVar[str] = "cifar10_jpeg"
    summary: ClassVar[str] = "CIFAR-10 as JPEG: not comparable with published CIFAR-10 numbers; test split held out."
    paper: ClassVar[str] = "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images"

    side: Literal[32] = Field(32, description="side of the images in pixels")

    def instructions(self, store: Store) -> str:
        """Say what to put where."""
        return "put train.parquet and test.parquet there, with a column image: struct<bytes: binary, path: string>"

    def files(self, store: Store, split: str) -> Sequence[Path]:
        """Return a split's file."""
        return [self.folder(store) / f"{split}.parquet"]

    def rows(self, store: Store, split: str) -> Iterator[Row]:
        """Read a split's file."""
        return ParquetImages(self.files(store, split)[0]).rows("image")
