"""Anybody's images in Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from ganbench.harness.data.image_files import TEST, TRAIN, FileDataset
from ganbench.harness.data.image_forms import centre_crop, resize
from ganbench.harness.data.parquet_rows import ParquetImages
from ganbench.harness.data.prepared import Fingerprint
from ganbench.harness.data.rows import Row

if TYPE_CHECKING:
    from PIL.Image import Image

    from ganbench.harness.data.store import Store


class ParquetImageDataset(FileDataset):
    """Images in Parquet files of the Hugging Face layout: ``image: struct<bytes, path>``; other columns are not read.

    Paths are absolute, or from the data directory, or URIs that Arrow's file systems know (``s3://...``). A folder
    stands for all its files in the order of their paths; where it holds a test split too, a pattern for their names
    tells them apart (``data/train-*.parquet``). A square is cut from the centre of each image and resized by
    Pillow's antialiased bilinear filter; the aspect never changes.
    """

    name: ClassVar[str] = "parquet_images"
    summary: ClassVar[str] = "Images in Parquet files of the Hugging Face layout, cropped and resized."

    path: str = Field(
        "parquet_images", min_length=1, description="file, folder, pattern or URI of the images to train on"
    )
    test_path: str = Field("", description="the same, of images that are held out")
    column: str = Field("image", min_length=1, description="the column of images")
    side: int = Field(64, ge=8, le=1024, description="side of the images in pixels")
    crop: int | None = Field(None, ge=8, description="side of the square that is cut; unset: the largest there is")
    held_out: int = Field(
        0, ge=0, description="without a test_path: images that are never trained on, by a hash of their position"
    )

    @model_validator(mode="after")
    def _one_kind_of_holding_out(self) -> Self:
        if self.test_path and self.held_out:
            raise ValueError("either test_path or held_out, not both")
        return self

    def holds_out(self) -> bool:
        """Say whether some images are held out."""
        return bool(self.test_path) or self.held_out > 0

    def held_apart(self) -> int:
        """Return how many of the training files' images are held out."""
        return self.held_out

    def location(self, store: Store, split: str) -> str | Path:
        """Return where the files of a split are."""
        path = self.test_path if split == TEST and self.test_path else self.path
        return path if "://" in path else store.root / Path(path).expanduser()

    def folder(self, store: Store) -> Path:
        """Return where the training files are."""
        return Path(self.location(store, TRAIN))

    def missing(self, store: Store) -> str | None:
        """Say which location has no Parquet file."""
        for split in self.splits():
            location = self.location(store, split)
            if not ParquetImages(location).files:
                return (
                    f"dataset {self.name!r}: there is no Parquet file at {location}; put files there, or name them"
                    f" with the parameter {'path' if split == TRAIN else 'test_path'!r}"
                )
        return None

    def fingerprint(self, store: Store, split: str) -> Fingerprint:
        """Return names, sizes and times of the files, wherever they are."""
        return ParquetImages(self.location(store, split)).fingerprint()

    def fit(self, image: Image) -> Image:
        """Cut the square and resize it."""
        return resize(centre_crop(image, self.crop), self.side)

    def count(self, store: Store) -> int:
        """Return the number of rows of the training files."""
        return ParquetImages(self.location(store, TRAIN)).count()

    def rows(self, store: Store, split: str) -> Iterator[Row]:
        """Read the images of a split's files."""
        return ParquetImages(self.location(store, split)).rows(self.column)
