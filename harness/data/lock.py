"""One process at a time makes a file that many processes want; the others wait, and then find it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganbench.harness.errors import InputError


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file or folder that is about to be made; its folder is made where absent.

    The lock is a hidden file beside it, which stays: removing a lock file would let two processes hold "the" lock.

    Args:
        path: What is about to be made.

    Raises:
        InputError: The folder cannot be written.
    """
    from filelock import FileLock

    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise InputError(f"{path.parent}: cannot be written ({error})") from error
    try:
        yield
    finally:
        lock.release()
