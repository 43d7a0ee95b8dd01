"""What a ledger asks of the place that it is stored in: five methods of a backend, and what follows from them."""

from __future__ import annotations

import copy
import hashlib
import io
import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from ganbench.harness.errors import LedgerError

T = TypeVar("T")
R = TypeVar("R")

Check = Callable[[Any], None]
"""Gets what pyarrow can read a file from that nobody relies on yet; raises OSError if it is not as it should be."""


@dataclass(frozen=True)
class StoredFile:
    """A file in a listing.

    Attributes:
        name: Relative to the storage, with ``/``.
        size: In bytes.
        changed: When it was last written, in seconds since 1970, by the clock of whoever keeps the files.
    """

    name: str
    size: int
    changed: float


class Storage(ABC):
    """A place for files, named by relative paths with ``/``.

    A backend offers :meth:`read`, :meth:`write`, :meth:`create`, :meth:`entries` and :meth:`delete`; the rest follows from
    these, and is overridden where a backend can do better. Every write is whole or not there, and is durable when the call
    returns. Names that are absent raise ``FileNotFoundError``, everything else that goes wrong another ``OSError``.

    Args:
        where: The place as the user names it, a path or a URI, without anything secret.
        prefix: The place as the backend names it.

    Attributes:
        exclusive: Whether :meth:`create` lets the first of several writers of one name win. Where it does not, names must
            be unique, and readers elect.
        look_seconds: How often a file may be looked for: a store that is paid by the request is asked less often.
    """

    exclusive = True
    look_seconds = 1.0

    def __init__(self, where: str, prefix: str) -> None:
        self.where, self.prefix = where, prefix

    # --- what a backend offers ------------------------------------------------------------------------------------

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Return a file's content."""

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Write a file in place of an older one."""

    @abstractmethod
    def create(self, name: str, content: bytes) -> bool:
        """Write a file that must be new; say whether it was (always, where the storage is not exclusive)."""

    @abstractmethod
    def entries(self, folder: str, depth: int = 1) -> list[StoredFile]:
        """Return the files at a depth below a folder ("" for the storage itself), as :func:`at_depth` does."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete a file; one that is absent is no error."""

    def path(self, name: str) -> str:
        """Return a file's name for the backend.

        Raises:
            LedgerError: It leads out of the storage.
        """
        return f"{self.prefix}/{checked(name)}"

    # --- what follows ---------------------------------------------------------------------------------------------

    def at(self, name: str) -> str:
        """Return a file's full name, for messages."""
        return f"{self.where}/{checked(name)}"

    def subfolder(self, name: str) -> Self:
        """Return the storage of what is in a folder."""
        inner = copy.copy(self)
        inner.where, inner.prefix = self.at(name), self.path(name)
        return inner

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield the results of some reading for many items in order; side by side where that is faster."""
        return map(work, items)

    def read_all(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """Yield the contents of many files in order, None for one that is absent."""
        return self.each(self._read_or_none, names)

    def source(self, name: str) -> Any:
        """Return what pyarrow reads a file from, without fetching all of it where that can be."""
        return io.BytesIO(self.read(name))

    def exists(self, name: str) -> bool:
        """Say whether there is such a file."""
        return self._read_or_none(name) is not None

    def names(self, folder: str, depth: int = 1) -> list[str]:
        """Return the names of :meth:`entries`."""
        return [entry.name for entry in self.entries(folder, depth)]

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder, sorted."""
        return sorted({name.rpartition("/")[0].rpartition("/")[2] for name in self.names(folder, 2)})

    def create_checked(self, name: str, content: bytes, check: Check) -> bool:
        """Write a file that must be new, and look at it; where that raises an error there is no such file."""
        created = self.create(name, content)
        if created:
            try:
                check(self.source(name))
            except BaseException:
                self.delete(name)
                raise
        return created

    def append(self, name: str, line: str) -> None:
        """Add a line to a file of lines: here a file for each, under a name that its content decides."""
        content = line.encode()
        self.write(f"{_of_lines(name)}/{hashlib.sha256(content).hexdigest()[:32]}.json", content)

    def lines(self, name: str) -> list[str]:
        """Return such lines, also those of a file that was copied here from a folder, in no meaningful order."""
        whole = (self._read_or_none(name) or b"").decode(errors="replace").splitlines()
        each = self.read_all(filter(_LINE.search, self.names(_of_lines(name))))
        return whole + [content.decode(errors="replace") for content in each if content is not None]

    def move(self, name: str, to: str) -> None:
        """Give a file another name."""
        self.write(to, self.read(name))
        self.delete(name)

    def clear(self) -> None:
        """Delete the files in the storage, as far as that is possible."""
        with suppress(OSError):
            for name in self.names(""):
                self.delete(name)

    def lock(self, name: str) -> AbstractContextManager[bool]:
        """Keep others out, where that is possible; yield False if somebody else is at it.

        Here nobody is kept out: what is done under a lock must be harmless twice.
        """
        return nullcontext(True)

    def clock(self) -> float | None:
        """Return what time it is by the clock of :attr:`StoredFile.changed`; None where it cannot be found out."""
        probe = f"clock-{uuid.uuid4().hex}"
        try:
            self.write(probe, b"{}")
            try:
                return next((entry.changed for entry in self.entries("") if entry.name == probe), None)
            finally:
                self.delete(probe)
        except OSError:
            return None

    def _read_or_none(self, name: str) -> bytes | None:
        try:
            return self.read(name)
        except FileNotFoundError:
            return None


def at_depth(files: Iterable[StoredFile], folder: str, depth: int) -> list[StoredFile]:
    """Return those of a folder's files that are so many steps below it, sorted by name; hidden ones are left out."""
    slashes = folder.count("/") + depth if folder else depth - 1
    found = [file for file in files if file.name.count("/") == slashes and "/." not in f"/{file.name}"]
    return sorted(found, key=lambda file: file.name)


def checked(name: str) -> str:
    """Return a name, if it stays within its storage.

    Raises:
        LedgerError: It does not.
    """
    if any(part in ("", ".", "..") for part in name.split("/")) or "\\" in name or "\0" in name:
        raise LedgerError(f"{name!r} is no name of a file within a ledger")
    return name


_LINE = re.compile(r"/[0-9a-f]{32}\.json$")  # records that were forgotten are in the same folder


def _of_lines(name: str) -> str:
    return name.removesuffix(".jsonl")
