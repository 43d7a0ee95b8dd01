"""What a ledger asks of the place that it stands in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ganbench.harness.errors import LedgerError

T = TypeVar("T")
R = TypeVar("R")

Check = Callable[[Any], None]
"""Gets what pyarrow can read a file from that is not there for readers yet; raises OSError if it is not as it should be."""


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


class Storage(Protocol):
    """A place for files, named by relative paths with ``/``.

    Every write is whole or not there, and is durable when the call returns. Names that are absent raise
    ``FileNotFoundError``, everything else that goes wrong another ``OSError``.

    Attributes:
        where: The place as the user names it, a path or a URI, without anything secret.
        exclusive: Whether :meth:`create` lets the first of several writers of one name win. An object store cannot:
            there, names must be unique, and readers elect.
        look_seconds: How often a file may be looked for: a store that is paid by the request is asked less often.
    """

    where: str
    exclusive: bool
    look_seconds: float

    def at(self, name: str) -> str:
        """Return a file's full name, for messages."""
        ...

    def subfolder(self, name: str) -> Storage:
        """Return the storage of what stands in a folder."""
        ...

    def read(self, name: str) -> bytes:
        """Return a file's content."""
        ...

    def read_all(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """Yield the contents of many files in order, None for one that is absent; side by side where that is faster."""
        ...

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield the results of some reading for many items in order; side by side where that is faster."""
        ...

    def source(self, name: str) -> Any:
        """Return what pyarrow reads a file from without fetching all of it."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a file in place of an older one."""
        ...

    def create(self, name: str, content: bytes, check: Check | None = None) -> bool:
        """Write a file that must be new; say whether it was (always, where the storage is not exclusive)."""
        ...

    def append(self, name: str, line: str) -> None:
        """Add a line to a file of lines. The same line twice may be kept once."""
        ...

    def lines(self, name: str) -> list[str]:
        """Return the lines of such a file; none where it is absent."""
        ...

    def names(self, folder: str, depth: int = 1) -> list[str]:
        """Return the files at a depth below a folder ("" for the storage itself), sorted; hidden ones are left out."""
        ...

    def entries(self, folder: str, depth: int = 1) -> list[StoredFile]:
        """Return the same with sizes and times."""
        ...

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder, sorted."""
        ...

    def exists(self, name: str) -> bool:
        """Say whether there is such a file."""
        ...

    def delete(self, name: str) -> None:
        """Delete a file; one that is absent is no error."""
        ...

    def move(self, name: str, to: str) -> None:
        """Give a file another name."""
        ...

    def clear(self) -> None:
        """Delete the whole storage, as far as that is possible."""
        ...

    def lock(self, name: str) -> AbstractContextManager[bool]:
        """Keep others out, where that is possible; yield False if somebody else is at it."""
        ...

    def clock(self) -> float | None:
        """Return what time it is by the clock that :attr:`Entry.changed` is by; None where it cannot be found out."""
        ...


def checked(name: str) -> str:
    """Return a name, if it stays within its storage.

    Raises:
        LedgerError: It does not.
    """
    if any(part in ("", ".", "..") for part in name.split("/")) or "\\" in name or "\0" in name:
        raise LedgerError(f"{name!r} is no name of a file within a ledger")
    return name
