"""ImageNet."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from ganbench.harness.data.checksum import Checksum
from ganbench.harness.data.image_files import FileDataset
from ganbench.harness.data.image_forms import centre_crop, decode, resize
from ganbench.harness.data.prepared import Fingerprint, fingerprint_of
from ganbench.harness.data.rows import Row
from ganbench.harness.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from ganbench.harness.data.store import Store

PARTS = {"train": "train", "test": "val"}
"""The official names of our splits: the labels of ImageNet's own test split were never published."""
SUFFIX = ".jpeg"


class ImageNet(FileDataset):
    """1,281,167 photographs of a thousand classes to train on; the 50,000 for validation are held out.

    The archives are read as they are, without unpacking 1.3 million files; where they have been unpacked, into ``train``
    and ``val`` with a folder per class as torchvision does, these are read. Either way images come in the order of their
    names. The largest square is cut from the centre and resized by Pillow's antialiased bilinear filter.
    """

    name: ClassVar[str] = "imagenet"
    summary: ClassVar[str] = "1.3 million photographs of a thousand classes, 64x64; the validation split is held out."
    paper: ClassVar[str] = "Russakovsky et al. 2015, arXiv:1409.0575"

    side: Literal[32, 64, 128] = Field(64, description="side of the images in pixels")

    def published(self) -> Mapping[str, tuple[str, str]]:
        """Return name and MD5 of the official archives, ``train`` and ``val``, which torchvision knows."""
        from torchvision.datasets.imagenet import ARCHIVE_META

        return ARCHIVE_META

    def instructions(self, store: Store) -> str:
        """Say what to put where."""
        archives = " and ".join(self.published()[part][0] for part in PARTS.values())
        return f"register at https://image-net.org and put {archives} there (or the folders train and val)"

    def files(self, store: Store, split: str) -> Sequence[Path]:
        """Return a split's folder, or else its archive."""
        folder = self.folder(store) / PARTS[split]
        return [folder if folder.is_dir() else self.folder(store) / self.published()[PARTS[split]][0]]

    def checksums(self, store: Store, split: str) -> Mapping[Path, Checksum]:
        """Return the archive's checksum; for folders there is none."""
        known = {name: Checksum("md5", md5) for name, md5 in self.published().values()}
        return {path: known[path.name] for path in self.files(store, split) if path.name in known}

    def fingerprint(self, store: Store, split: str) -> Fingerprint:
        """Return the archive's fingerprint, or that of the classes' folders."""
        (path,) = self.files(store, split)
        return fingerprint_of(sorted(path.iterdir()) if path.is_dir() else [path], self.folder(store))

    def fit(self, image: Image) -> Image:
        """Cut the largest square and resize it."""
        return resize(centre_crop(image), self.side)

    def rows(self, store: Store, split: str) -> Iterator[Row]:
        """Read a split's images, in the order of their names; these begin with the class where there are classes."""
        (path,) = self.files(store, split)
        if path.is_dir():
            for image in sorted((p for p in path.rglob("*") if p.suffix.lower() == SUFFIX), key=lambda p: p.name):
                yield Row(str(image), partial(_read, image))
            return
        try:
            with tarfile.open(path) as archive:
                yield from _members(archive, path)
        except tarfile.TarError as error:
            raise InputError(f"{path}: cannot be read as a tar archive ({error})") from error


def _members(archive: tarfile.TarFile, place: Path) -> Iterator[Row]:
    """Read the images of an archive, and of the archives of classes in it."""
    for member in sorted(archive.getmembers(), key=lambda member: Path(member.name).name):
        file = archive.extractfile(member)
        if file is None:
            continue
        if member.name.endswith(".tar"):
            with tarfile.open(fileobj=file) as of_class:
                yield from _members(of_class, place / member.name)
        elif member.name.lower().endswith(SUFFIX):
            yield Row(f"{place}, image {member.name}", partial(decode, file.read()))


def _read(path: Path) -> Image:
    return decode(path.read_bytes())
