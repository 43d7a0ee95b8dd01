"""Results of parts, kept on the reader's own machine: a part never changes, so what a task makes of one is made once.

A result is found again by a hash of the part's bytes, of the task, and of the code. It is never taken from the ledger: who
sends a ledger cannot send verdicts along.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from ganbench.harness.canonical import text_digest
from ganbench.harness.data.store import Store
from ganbench.harness.storage.atomic import whole

MOST = 2 * 2**30
"""Bytes that are kept; beyond, what was used least recently goes."""

PACKAGE = Path(__file__).parents[2]
"""The folder that holds ``harness`` and ``reports``."""


class Memory:
    """The results of tasks over parts.

    Args:
        folder: Where they are stored; that of the user's cache by default.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = Store.find().parts if folder is None else folder

    def key(self, part: Path, depends: str) -> str:
        """Return what a result is found by.

        Args:
            part: The part's file.
            depends: All that the result depends on, apart from the part's content and the code.

        Raises:
            OSError: The part cannot be read.
        """
        with part.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        return text_digest(f"{content}\n{code()}\n{depends}", 40)

    def recall(self, key: str) -> Any:
        """Return a result, or None where it is not here, or cannot be read."""
        path = self._folder / key
        try:
            with path.open("rb") as file:
                found = pickle.load(file)  # noqa: S301  this user's own program wrote it
            os.utime(path)
        except Exception:  # whatever is wrong with it, it is made anew
            return None
        return found

    def keep(self, key: str, result: Any) -> None:
        """Keep a result; where that is not possible, nothing is."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with whole(self._folder / key) as hidden:
                hidden.write_bytes(pickle.dumps(result, protocol=pickle.HIGHEST_PROTOCOL))

    def tidy(self, most: int = MOST) -> None:
        """Remove what was used least recently, until the rest is small enough.

        Args:
            most: Bytes that may stay.
        """
        with suppress(OSError):
            kept = [(path.stat(), path) for path in self._folder.iterdir()]
            for stat, path in sorted(kept, key=lambda item: -item[0].st_mtime):
                most -= stat.st_size
                if most < 0:
                    path.unlink(missing_ok=True)


@cache
def code() -> str:
    """Return a hash of all code that a result could depend on: this package, Python, and the libraries that compute."""
    import numpy
    import pyarrow

    found = hashlib.sha256(f"{platform.python_version()} {numpy.__version__} {pyarrow.__version__}".encode())
    for room in ("harness", "reports"):
        for path in sorted((PACKAGE / room).rglob("*")):
            if path.suffix in (".py", ".yaml"):
                found.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()
