"""Writing files that are whole or not there."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_durably(path: Path, text: str) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
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
    hidden = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    try:
        yield hidden
        flush_file(hidden)
        hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)
    flush_folder(path.parent)


def write_atomically(path: Path, text: str) -> None:
    """Write a text so that readers see the old one or the new one, whole, whenever the machine stops."""
    with whole(path) as hidden:
        hidden.write_text(text, encoding="utf-8")


def flush_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
