"""Files that are whole or not there, and on the disk, whenever the machine stops."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def hidden_beside(path: Path) -> Path:
    """Return a new name that no reader looks at, in a file's own folder."""
    return path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")


def write_durably(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def flush_file(path: Path) -> None:
    """Wait until the disk has a file's content."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a hidden name beside a file's own to write to; it gets that name, on the disk, when the block has ended well.

    Readers see the old file or the new one, whole, whenever the machine stops; an error leaves the old one alone.
    """
    hidden = hidden_beside(path)
    try:
        yield hidden
        flush_file(hidden)
        hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
