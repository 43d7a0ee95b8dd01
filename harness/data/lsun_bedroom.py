"""LSUN bedrooms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from ganbench.harness.data.image_files import FileDataset
from ganbench.harness.data.image_forms import centre_crop, decode, resize
from ganbench.harness.data.rows import Row
from ganbench.harness.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from ganbench.harness.data.store import Store

FOLDERS = {"train": "bedroom_train_lmdb", "test": "bedroom_val_lmdb"}
DATA = "data.mdb"


class LSUNBedroom(FileDataset):
    """3,033,042 photographs of bedrooms to train on; the official validation split of 300 is held out.

    The largest square is cut from the centre and resized by Pillow's antialiased bilinear filter. The databases are read
    with lmdb itself: torchvision's loader leaves a pickle in the working directory, and trusts one that is there.
    """

    name: ClassVar[str] = "lsun_bedroom"
    summary: ClassVar[str] = "3 million photographs of bedrooms, 64x64; 300 are held out."
    paper: ClassVar[str] = "Yu et al. 2015, arXiv:1506.03365"

    side: Literal[64, 128] = Field(64, description="side of the images in pixels")

    def instructions(self, store: Store) -> str:
        """Say what to put where."""
        return f"put the folders {FOLDERS['train']} and {FOLDERS['test']} there, from https://github.com/fyu/lsun"

    def missing(self, store: Store) -> str | None:
        """Say what is absent: the files, or the package that reads them."""
        absent = super().missing(store)
        if absent is None and find_spec("lmdb") is None:
            absent = f"dataset {self.name!r} is read with the package lmdb; get it with: pip install 'ganbench[lsun]'"
        return absent

    def files(self, store: Store, split: str) -> Sequence[Path]:
        """Return a split's database."""
        return [self.folder(store) / FOLDERS[split] / DATA]

    def absent(self, store: Store) -> list[str]:
        """Return the absent databases by their folders: their files are all called alike."""
        return [FOLDERS[split] for split in self.splits() if not self.files(store, split)[0].exists()]

    def fit(self, image: Image) -> Image:
        """Cut the largest square and resize it."""
        return resize(centre_crop(image), self.side)

    def rows(self, store: Store, split: str) -> Iterator[Row]:
        """Read a split's images, in the order of their keys."""
        import lmdb

        folder = self.files(store, split)[0].parent
        try:
            with (
                lmdb.open(str(folder), readonly=True, lock=False, readahead=False, meminit=False) as database,
                database.begin() as transaction,
            ):
                for key, content in transaction.cursor():
                    yield Row(f"{folder}, key {key.decode(errors='replace')}", partial(decode, content))
        except lmdb.Error as error:
            raise InputError(f"{folder}: cannot be read as an LMDB database ({error})") from error
