"""CelebA."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from pydantic import Field

from ganbench.harness.data.checksum import Checksum
from ganbench.harness.data.image_files import TRAIN, FileDataset
from ganbench.harness.data.image_forms import centre_crop, decode, resize
from ganbench.harness.data.rows import Row
from ganbench.harness.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from ganbench.harness.data.store import Store

ARCHIVE, IMAGES, PARTITION = "img_align_celeba.zip", "img_align_celeba", "list_eval_partition.txt"
PARTS = {"train": {"0"}, "test": {"2"}}
"""The official splits' codes in the partition file; 1 is validation."""
EVERYTHING = {"0", "1", "2"}
T = TypeVar("T")
CROPS = {64: 128, 128: 178}


class CelebA(FileDataset):
    """202,599 faces of celebrities, aligned, 178x218 pixels: the official 162,770 to train on, 19,962 held out.

    A square is cut from the centre and resized by Pillow's antialiased bilinear filter: 128 pixels for a side of 64, as
    Lin et al. (2021) do, and 178, the images' width, for a side of 128, as mimicry does (Lee & Town 2020). With ``split:
    all`` every image is trained on, as both do, and none is held out.
    """

    name: ClassVar[str] = "celeba"
    summary: ClassVar[str] = "202,599 faces of celebrities, cropped, 64x64; the official test split is held out."
    paper: ClassVar[str] = "Liu, Luo, Wang & Tang 2015, arXiv:1411.7766"

    side: Literal[64, 128] = Field(64, description="side of the images in pixels")
    crop: int | None = Field(
        None, ge=32, le=178, description="side of the square that is cut; unset: 128 for side 64, 178 for side 128"
    )
    split: Literal["train", "all"] = Field("train", description="the images to train on; with 'all' none is held out")

    def published(self) -> Mapping[str, Checksum]:
        """Return the checksums of the official files, which torchvision knows."""
        from torchvision.datasets import CelebA

        return {name: Checksum("md5", md5) for _, md5, name in CelebA.file_list}

    def instructions(self, store: Store) -> str:
        """Say what to put where: the images are behind Google Drive's limits, which no program passes reliably."""
        return (
            f"put {ARCHIVE} (or the folder {IMAGES} that is in it) and {PARTITION} there, from"
            " https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
        )

    def holds_out(self) -> bool:
        """Say whether the test split is kept apart."""
        return self.split == "train"

    def files(self, store: Store, split: str) -> Sequence[Path]:
        """Return the images and the partition; the archive is read as it is."""
        folder = self.folder(store)
        return [folder / (IMAGES if (folder / IMAGES).is_dir() else ARCHIVE), folder / PARTITION]

    def checksums(self, store: Store, split: str) -> Mapping[Path, Checksum]:
        """Return the checksums of the official files."""
        known = self.published()
        return {path: known[path.name] for path in self.files(store, split) if path.name in known}

    def fit(self, image: Image) -> Image:
        """Cut the square and resize it."""
        return resize(centre_crop(image, self.crop or CROPS[self.side]), self.side)

    def rows(self, store: Store, split: str) -> Iterator[Row]:
        """Read the images of a split, in the order of the partition file."""
        images, partition = self.files(store, split)
        parts = _read_partition(partition)
        if images.is_dir():
            found = {path.name: path for path in images.glob("*.jpg")}
            yield from _rows(images, found, Path.read_bytes, parts, self._codes(split))
            return
        try:
            with zipfile.ZipFile(images) as archive:
                members = {Path(name).name: name for name in archive.namelist() if name.endswith(".jpg")}
                yield from _rows(images, members, archive.read, parts, self._codes(split))
        except (zipfile.BadZipFile, zlib.error) as error:
            raise InputError(f"{images}: cannot be read as a zip archive ({error})") from error

    def _codes(self, split: str) -> set[str]:
        return EVERYTHING if split == TRAIN and self.split == "all" else PARTS[split]


def _read_partition(path: Path) -> dict[str, str]:
    """Return the code of every image: lines such as ``000001.jpg 0``."""
    parts: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fields = line.split()
        if len(fields) != 2 or fields[1] not in EVERYTHING or fields[0] in parts:
            raise InputError(f"{path}, line {number}: expected an image's name and 0, 1 or 2, found {line!r}")
        parts[fields[0]] = fields[1]
    return parts


def _rows(
    images: Path, found: Mapping[str, T], read: Callable[[T], bytes], parts: dict[str, str], codes: set[str]
) -> Iterator[Row]:
    """Read those images of an archive or folder whose code is wanted; it and the partition must name the same ones."""
    without = min(found.keys() - parts.keys(), default=None)
    if without is not None:
        raise InputError(f"{images.parent / PARTITION}: lacks image {without!r} of {images.name}")
    for line, (name, code) in enumerate(parts.items(), 1):
        if name not in found:
            raise InputError(f"{images}: lacks image {name!r} of {PARTITION}, line {line}")
        if code in codes:
            yield Row(f"{images}, image {name}", partial(decode, read(found[name])))
