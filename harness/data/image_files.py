"""The base of data sets that are read from files: absent or here, fetched, prepared once, checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from ganbench.harness.data.checksum import Checksum
from ganbench.harness.data.dataset import Data, Dataset, hashed_order
from ganbench.harness.data.download import Progress, download
from ganbench.harness.data.image_forms import exactly, to_array, to_mode
from ganbench.harness.data.prepared import Fingerprint, Prepared, fingerprint_of, key_of, prepare
from ganbench.harness.data.rows import Row, decoded
from ganbench.harness.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from ganbench.harness.data.store import Store

TRAIN, TEST = "train", "test"
MODES = {1: "L", 3: "RGB"}
NAMED = 3
"""Absent files that a message names before it counts the others."""
LISTED = 100
"""Files that a prepared array's description lists before it counts them."""


@dataclass(frozen=True)
class Remote:
    """A published file.

    Attributes:
        url: Where it is.
        name: What it is called in the data set's folder.
        checksum: Of its content.
    """

    url: str
    name: str
    checksum: Checksum


class FileDataset(Dataset):
    """Base of data sets that are read from files.

    A subclass says where its files are and what is in them: :meth:`files`, :meth:`rows`, and, as far as they apply,
    :meth:`remotes`, :meth:`unpack`, :meth:`checksums`, :meth:`instructions`, :meth:`fit` and :meth:`held_apart`. The
    base downloads, verifies, brings every image into one form, and keeps the result as one array per split, which all
    processes of a machine share.

    Attributes:
        channels: 3 for colour, 1 for grey levels.
    """

    channels: ClassVar[int] = 3

    flips: bool = Field(
        False, description="mirror half of the training images, drawn from the trial's stream, as some protocols do"
    )
    side: int = Field(32, ge=1, description="side of the images in pixels")

    def files(self, store: Store, split: str) -> Sequence[Path]:
        """Return the files, or folders, that a split is read from; :meth:`load` needs them all."""
        raise NotImplementedError

    def rows(self, store: Store, split: str) -> Iterator[Row]:
        """Read a split's images, in an order that never changes.

        Raises:
            InputError: A file is damaged; the message names it, and the row.
        """
        raise NotImplementedError

    def remotes(self) -> Sequence[Remote]:
        """Return what ``ganbench data fetch`` downloads; nothing for data sets that are put there by hand."""
        return ()

    def unpack(self, store: Store) -> None:
        """Unpack what was downloaded, unless that has been done."""

    def checksums(self, store: Store, split: str) -> Mapping[Path, Checksum]:
        """Return the checksums of a split's files where they were published; they are checked before they are read."""
        return {}

    def instructions(self, store: Store) -> str:
        """Say how to get the files, as the second half of a sentence."""
        return f"get it with: ganbench data fetch {self.name}"

    def fit(self, image: Image) -> Image:
        """Crop and resize an image to the data set's size. The default expects that it has that size.

        Raises:
            ValueError: The image is too small, or not of the size that it should have.
        """
        return exactly(image, self.side)

    def held_apart(self) -> int:
        """Return how many training images are held out where there is no official test split."""
        return 0

    def count(self, store: Store) -> int:
        """Return how many images the training files hold; asked for when some are held apart."""
        return sum(1 for _ in self.rows(store, TRAIN))

    def folder(self, store: Store) -> Path:
        """Return the folder of the files."""
        return store.files(self.name)

    def absent(self, store: Store) -> list[str]:
        """Return the names of the files that are absent."""
        wanted = dict.fromkeys(path for split in self.splits() for path in self.files(store, split))
        return [path.name for path in wanted if not path.exists()]

    def fingerprint(self, store: Store, split: str) -> Fingerprint:
        """Return names, sizes and times of a split's files: when one changes, the array is made anew."""
        return fingerprint_of(self.files(store, split), self.folder(store))

    def splits(self) -> tuple[str, ...]:
        """Return the names of the splits that there are: training, and test where some images are held out."""
        return (TRAIN, TEST) if self.holds_out() else (TRAIN,)

    def sample_shape(self) -> tuple[int, ...]:
        """Return the shape of an image."""
        return (self.channels, self.side, self.side)

    def holds_out(self) -> bool:
        """Say that there is an official test split; data sets without one override this."""
        return True

    def missing(self, store: Store) -> str | None:
        """Say in a sentence what is absent and how to get it, or return None."""
        absent = self.absent(store)
        if not absent:
            return None
        folder = self.folder(store)
        there = folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())
        more = f" and {len(absent) - NAMED} more" if len(absent) > NAMED else ""
        lacks = f"in {folder} lacks {', '.join(absent[:NAMED])}{more}" if there else f"is not in {folder}"
        return f"dataset {self.name!r} {lacks}; {self.instructions(store)}"

    def fetch(self, store: Store, progress: Callable[[str], Progress] | None = None) -> Path:
        """Download and unpack the files, unless they are here.

        Args:
            store: Where to.
            progress: Given a file's name, what is told of its progress.

        Returns:
            The data set's folder.

        Raises:
            InputError: They cannot be had, or must be put there by hand; the message says what to put where.
        """
        if (absent := self.missing(store)) is not None:
            if not self.remotes():
                raise InputError(absent)
            for remote in self.remotes():
                told = None if progress is None else progress(remote.name)
                download(remote.url, self.folder(store) / remote.name, remote.checksum, progress=told)
        self.unpack(store)
        if (absent := self.missing(store)) is not None:
            raise InputError(f"{absent} (what is in {self.folder(store)} is not whole: remove it first)")
        return self.folder(store)

    def load(self, store: Store, limit: int | None = None) -> Data:
        """Open the images, making their arrays where that has not been done.

        Args:
            store: Where they are.
            limit: The most bytes of a split that are mapped into memory; a larger one stays on disk. None is half of
                the machine's memory.

        Raises:
            InputError: Files are absent or damaged; the message says how to get them, or names the file and row.
        """
        if (absent := self.missing(store)) is not None:
            raise InputError(absent)
        self.unpack(store)
        parts = [self.prepared(store, split) for split in self.splits()]
        store.tidy()
        opened = [part.open(limit) for part in parts]
        content = hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()[:16]
        return Data(opened[0], held_out=opened[1] if len(opened) > 1 else None, flips=self.flips, content=content)

    def prepared(self, store: Store, split: str) -> Prepared:
        """Return a split as an array, made from its files unless that has been done.

        Raises:
            InputError: A file is damaged; the message names it, and the row.
        """
        from PIL import __version__ as pillow

        fingerprint = self.fingerprint(store, split)
        made_from: dict[str, Any] = {key: value for key, value in self.spec().items() if key != "flips"}
        folder = store.prepared / f"{self.name}-{key_of(made_from, split, fingerprint)}"
        listed = fingerprint if len(fingerprint) <= LISTED else len(fingerprint)
        made_from |= {"split": split, "files": listed, "pillow": pillow}
        return prepare(folder, partial(self._images, store, split), self.sample_shape(), made_from)

    def verify(self, store: Store) -> list[Path]:
        """Check the files' published checksums, and all arrays that were made from this data set.

        Returns:
            What was checked.

        Raises:
            InputError: Something is absent or damaged; every such file is named.
        """
        checks: dict[Path, Callable[[], None]] = {}
        problems = [absent] if (absent := self.missing(store)) is not None else []
        for split in self.splits():
            for path, checksum in self.checksums(store, split).items():
                if path.exists():  # what is absent was named above
                    checks[path] = partial(checksum.check, path)
        for folder in sorted(store.prepared.glob(f"{self.name}-*")):
            found = Prepared.find(folder)
            if found is None:
                problems.append(f"{folder}: is not whole; it is made anew when it is needed")
            else:
                checks[found.array] = found.check
        for check in checks.values():
            try:
                check()
            except InputError as error:
                problems += error.problems
        if problems:
            raise InputError(problems)
        return list(checks)

    def _images(self, store: Store, split: str) -> Iterator[np.ndarray]:
        for path, checksum in self.checksums(store, split).items():
            checksum.check(path)
        return decoded(self._chosen(store, split), self._decode)

    def _chosen(self, store: Store, split: str) -> Iterator[Row]:
        """Read a split's rows; those held apart are the first in an order by hash."""
        apart = self.held_apart()
        if not apart:
            return self.rows(store, split)
        count = self.count(store)
        if apart >= count:
            raise InputError(f"dataset {self.name!r}: held_out is {apart}, but there are {count} images in all")
        chosen = set(hashed_order(count)[:apart].tolist())
        rows = enumerate(self.rows(store, TRAIN))
        return (row for index, row in rows if (index in chosen) == (split == TEST))

    def _decode(self, row: Row) -> np.ndarray:
        try:
            image = row.read()
        except Exception as error:  # decoders raise what they like
            raise InputError(f"{row.place}: cannot be decoded as an image ({error})") from error
        try:
            if not isinstance(image, np.ndarray):
                image = to_array(self.fit(to_mode(image, MODES[self.channels])))
        except ValueError as error:
            raise InputError(f"{row.place}: {error}") from error
        if image.shape != self.sample_shape() or image.dtype != np.uint8:
            raise InputError(
                f"{row.place}: has shape {image.shape} of {image.dtype}, expected {self.sample_shape()} of uint8"
            )
        return image


def state_of(dataset: Dataset, store: Store) -> str:
    """Return ``"shipped"``, ``"here"``, ``"prepared"`` or ``"absent"``, without reading any image."""
    if not isinstance(dataset, FileDataset):
        return "shipped"
    if dataset.missing(store) is not None:
        return "absent"
    return "prepared" if any(store.prepared.glob(f"{dataset.name}-*")) else "here"
