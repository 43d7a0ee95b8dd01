"""Images as one array on disk: made from a data set's files once, then shared by all processes of a machine."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganbench.harness.data.lock import locked
from ganbench.harness.data.store import hold
from ganbench.harness.data.streamed import Streamed
from ganbench.harness.errors import InputError

ARRAY = "images.npy"
ABOUT = "about.json"
CHUNK = 1 << 24

Fingerprint = list[tuple[str, int, int]]
"""Name, size in bytes and time of change in nanoseconds of the files that something was made from."""


@dataclass(frozen=True)
class Prepared:
    """An array of images that stands on disk.

    Attributes:
        folder: Where it stands: ``images.npy``, uint8 [N, C, H, W], and ``about.json`` with what it was made from.
        shape: [N, C, H, W].
        sha256: Of the images' bytes, without the file's header.
    """

    folder: Path
    shape: tuple[int, ...]
    sha256: str

    @classmethod
    def find(cls, folder: Path) -> Prepared | None:
        """Return what a folder holds, or None where that is absent or not as long as it should be."""
        try:
            hold(folder / ARRAY)
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            found = cls(folder, tuple(about["shape"]), about["sha256"])
            with found.array.open("rb") as file:
                np.lib.format.read_magic(file)
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                length = file.tell() + math.prod(found.shape)
            right = shape == found.shape and dtype == np.uint8 and found.array.stat().st_size == length
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if right else None

    @property
    def array(self) -> Path:
        """The file of the images."""
        return self.folder / ARRAY

    def open(self, limit: int | None = None) -> Tensor | Streamed:
        """Open the images, [N, C, H, W].

        Args:
            limit: The most bytes that may be mapped into memory; more are read from disk as they are asked for. None
                is half of the machine's memory.

        Returns:
            A tensor whose pages all processes of the machine share (what one writes to, it alone sees), or the same
            images on disk.
        """
        if math.prod(self.shape) > (half_of_memory() if limit is None else limit):
            return Streamed(self.array)
        return torch.from_numpy(np.load(self.array, mmap_mode="c"))

    def check(self) -> None:
        """Read all images and compare them with their checksum.

        Raises:
            InputError: They are not what was written.
        """
        hashed = hashlib.sha256()
        with self.array.open("rb") as file:
            file.seek(-math.prod(self.shape), os.SEEK_END)
            while chunk := file.read(CHUNK):
                hashed.update(chunk)
        if hashed.hexdigest() != self.sha256:
            raise InputError(
                f"{self.array}: is damaged: expected sha256 {self.sha256}, found {hashed.hexdigest()};"
                f" remove {self.folder}, and it is made anew"
            )


def prepare(
    folder: Path, images: Callable[[], Iterable[np.ndarray]], shape: Sequence[int], made_from: dict[str, Any]
) -> Prepared:
    """Make an array of images in a folder, unless it is there.

    It is written in bounded memory, under another name until it is whole. Of several processes one makes it and the
    others wait. An array that is not as long as it should be is made anew.

    Args:
        folder: Where it shall stand.
        images: Called when they are needed: uint8 images of ``shape``, in their order.
        shape: [C, H, W].
        made_from: Kept beside the array, for people: JSON.

    Raises:
        InputError: There are no images, one cannot be read, or the folder cannot be written. Nothing is left then.
    """
    if (found := Prepared.find(folder)) is not None:
        return found  # before any lock: it may stand where we cannot write
    with locked(folder):
        if (found := Prepared.find(folder)) is not None:
            return found
        aside = folder.with_name(f".{folder.name}.tmp")
        shutil.rmtree(aside, ignore_errors=True)  # of a process that was killed: the lock is ours
        try:
            aside.mkdir()
            count, sha256 = _write(aside / ARRAY, images(), shape)
            if not count:
                raise InputError(f"{made_from.get('name', folder.name)}: there are no images")
            about = {"shape": [count, *shape], "sha256": sha256, "made_from": made_from}
            (aside / ABOUT).write_text(json.dumps(about, indent=1), encoding="utf-8")
            shutil.rmtree(folder, ignore_errors=True)
            aside.rename(folder)
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error})") from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        hold(folder / ARRAY)
    return Prepared(folder, (count, *shape), sha256)


def key_of(*parts: Any) -> str:
    """Return a digest of what an array is made from, as 16 hexadecimal digits.

    Args:
        parts: JSON values: the data set's parameters, the split, the fingerprint of its files.
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def fingerprint_of(paths: Iterable[Path], root: Path) -> Fingerprint:
    """Return the fingerprint of files, or of folders, whose time changes when a file in them comes or goes.

    Args:
        paths: The files.
        root: Their names are told from here, so that a moved data directory keeps what was prepared.
    """
    return [
        (os.path.relpath(path, root), 0 if path.is_dir() else found.st_size, found.st_mtime_ns)
        for path, found in ((path, path.stat()) for path in paths)
    ]


def half_of_memory() -> int:
    """Return half of this machine's memory in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _write(path: Path, images: Iterable[np.ndarray], shape: Sequence[int]) -> tuple[int, str]:
    hashed, count = hashlib.sha256(), 0
    with path.open("wb") as file:
        _header(file, 0, shape)
        start = file.tell()
        for block in _blocks(images, shape):
            file.write(block.data)
            hashed.update(block.data)
            count += len(block)
        # numpy leaves room in a header for the first axis to grow.
        file.seek(0)
        _header(file, count, shape)
        assert file.tell() == start
        file.flush()
        os.fsync(file.fileno())
    return count, hashed.hexdigest()


def _header(file: Any, count: int, shape: Sequence[int]) -> None:
    described = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
    np.lib.format.write_array_header_1_0(file, described)


def _blocks(images: Iterable[np.ndarray], shape: Sequence[int]) -> Iterator[np.ndarray]:
    """Gather images into arrays of a few megabytes: single images are too small to write and hash one by one."""
    block = np.empty((max(1, CHUNK // math.prod(shape)), *shape), dtype=np.uint8)
    filled = 0
    for image in images:
        block[filled] = image
        filled += 1
        if filled == len(block):
            yield block
            filled = 0
    if filled:
        yield block[:filled]
