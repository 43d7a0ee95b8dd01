"""Anybody's folder of images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganbench.harness.data.image_files import FileDataset
from ganbench.harness.data.image_forms import centre_crop, decode, resize
from ganbench.harness.data.rows import Row

if TYPE_CHECKING:
    from PIL.Image import Image

    from ganbench.harness.data.store import Store


class ImageFolder(FileDataset):
    """The images in a folder and its subfolders, in the order of their paths.

    Subfolders may be classes; labels are not used. A square is cut from the centre of each image and resized by Pillow's
    antialiased bilinear filter; the aspect never changes.
    """

    name: ClassVar[str] = "image_folder"
    summary: ClassVar[str] = "The images in any folder, cropped and resized."

    path: str = Field("image_folder", min_length=1, description="the folder: absolute, or from the data directory")
    side: int = Field(64, ge=8, le=1024, description="side of the images in pixels")
    crop: int | None = Field(None, ge=8, description="side of the square that is cut; unset: the largest there is")
    held_out: int = Field(0, ge=0, description="images that are never trained on, chosen by a hash of their position")

    def holds_out(self) -> bool:
        """Say whether some images are held out."""
        return self.held_out > 0

    def held_apart(self) -> int:
        """Return how many images are held out."""
        return self.held_out

    def folder(self, store: Store) -> Path:
        """Return the folder of images."""
        return store.root / Path(self.path).expanduser()

    def instructions(self, store: Store) -> str:
        """Say what to put where."""
        return "put images there, or name another folder with the parameter 'path'"

    def absent(self, store: Store) -> list[str]:
        """Return that images are absent where there are none: an empty folder is no data set."""
        return [] if any(True for _ in self._found(store)) else ["images"]

    def files(self, store: Store, split: str) -> Sequence[Path]:
        """Return the images, by what their names end with, in the order of their paths."""
        return sorted(self._found(store))

    def fit(self, image: Image) -> Image:
        """Cut the square and resize it."""
        return resize(centre_crop(image, self.crop), self.side)

    def rows(self, store: Store, split: str) -> Iterator[Row]:
        """Read all images; the base sets those apart that are held out."""
        for path in self.files(store, split):
            yield Row(str(path), partial(_read, path))

    def _found(self, store: Store) -> Iterator[Path]:
        from torchvision.datasets.folder import IMG_EXTENSIONS

        for folder, _, names in os.walk(self.folder(store), followlinks=True):
            yield from (Path(folder, name) for name in names if name.lower().endswith(IMG_EXTENSIONS))


def _read(path: Path) -> Image:
    return decode(path.read_bytes())
