"""Where data sets stand on a machine, and what was computed from them."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ganbench.harness.process import disk

VARIABLE = "GANBENCH_DATA"


_held: dict[Path, BinaryIO] = {}


@dataclass(frozen=True)
class Store:
    """The data directory: one folder per data set, and what all trials on the machine share.

        cifar10/        a data set's files as they were published, put there by `ganbench data fetch` or by hand
        prepared/       images as arrays of uint8, made from these files once
        statistics/     features of real images, computed once per data, extractor and protocol
        extractors/     weights of feature extractors that are not shipped
        parts/          what was computed from the parts of large ledgers
        programs/       steps that were followed and written out, to be replayed

    Attributes:
        root: The folder; it need not exist.
    """

    root: Path

    @classmethod
    def find(cls, folder: str | Path | None = None) -> Store:
        """Return the store in a folder, else in that which GANBENCH_DATA names, else in the user's cache."""
        if folder is None:
            folder = os.environ.get(VARIABLE) or _cache() / "ganbench"
        return cls(Path(folder).expanduser().absolute())

    def files(self, dataset: str) -> Path:
        """Return the folder of a data set's own files."""
        return self.root / dataset

    @property
    def prepared(self) -> Path:
        """The folder of arrays made from data sets' files."""
        return self.root / "prepared"

    @property
    def statistics(self) -> Path:
        """The folder of what was computed from real images."""
        return self.root / "statistics"

    @property
    def extractors(self) -> Path:
        """The folder of feature extractors' weights."""
        return self.root / "extractors"

    @property
    def parts(self) -> Path:
        """The folder of what was computed from the parts of large ledgers."""
        return self.root / "parts"

    @property
    def programs(self) -> Path:
        """The folder of steps that were followed and written out."""
        return self.root / "programs"

    def tidy(self) -> None:
        """Drop what was used least recently of what can be made anew, until the rest is as small as GANBENCH_DISK says.

        Raises:
            InputError: GANBENCH_DISK is not a number.
        """
        most, found = disk(), []
        files = ((self.prepared, "*/*.npy"), (self.statistics, "*.npz"), (self.parts, "*"), (self.programs, "*.pt"))
        for path in (path for folder, pattern in files for path in folder.glob(pattern)):
            with suppress(OSError):
                found.append((path.stat().st_mtime, path.stat().st_size, path))
        for _, size, path in sorted(found, reverse=True):
            most -= size
            if most < 0:
                with suppress(OSError), path.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not while a process holds it
                    shutil.rmtree(path.parent) if path.suffix == ".npy" else path.unlink()


def hold(path: Path) -> None:
    """Mark a file as used now, and keep :meth:`Store.tidy` from dropping it for as long as this process lives.

    Raises:
        OSError: It is not there.
    """
    _held[path] = file = path.open("rb")
    with suppress(OSError):  # a folder of others, or a file system without locks
        fcntl.flock(file, fcntl.LOCK_SH)
        os.utime(path)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
