"""A folder, local or on a shared file system."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ganbench.harness.storage.atomic import flush_folder, hidden_beside, whole, write_durably
from ganbench.harness.storage.base import Check, Storage, StoredFile, checked


class FolderStorage(Storage):
    """A folder; it need not exist.

    What is made in it may be read and written by whoever may read and write it, whatever the umask of the process: several
    people can share one results folder.

    Args:
        root: The folder, whose permissions count for all that is made in it.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(str(root), str(root))
        self._shared = root

    @property
    def root(self) -> Path:
        """The folder."""
        return Path(self.prefix)

    def read(self, name: str) -> bytes:
        """Return a file's content.

        Raises:
            OSError: It cannot be read, or is a pipe, a socket or a device, which a reader would wait for.
        """
        # Without waiting: opening a pipe ends only when somebody writes.
        descriptor = os.open(self._path(name), os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(f"{self.at(name)} is no regular file")
            return file.read()

    def source(self, name: str) -> Any:
        """Return the file's path."""
        return str(self._path(name))

    def write(self, name: str, content: bytes) -> None:
        """Write beside the name, flush to the disk, and take the name over."""
        with whole(self._ready(name)) as hidden:
            hidden.write_bytes(content)
            _share(hidden)

    def create(self, name: str, content: bytes) -> bool:
        """Write beside the name, flush to the disk, and link, which makes the whole file appear or finds the name taken."""
        return self.create_checked(name, content, lambda source: None)

    def create_checked(self, name: str, content: bytes, check: Check) -> bool:
        """Do the same, and look at the file before it has its name."""
        path = self._ready(name)
        hidden = hidden_beside(path)
        try:
            write_durably(hidden, content)
            _share(hidden)
            check(str(hidden))
            try:
                os.link(hidden, path)
            except FileExistsError:
                if hidden.stat().st_nlink == 1:  # 2: it was linked, but a file server's answer was lost
                    return False
        finally:
            hidden.unlink(missing_ok=True)
        flush_folder(path.parent)
        return True

    def append(self, name: str, line: str) -> None:
        """Add a line at the end, on a line of its own even where a process died within the one before."""
        path = self._ready(name)
        with path.open("ab+") as file:
            _share(path)
            file.seek(-1, os.SEEK_END) if file.seek(0, os.SEEK_END) else None
            torn = file.read(1) not in (b"\n", b"")
            file.write(b"\n" * torn + line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def lines(self, name: str) -> list[str]:
        """Return the lines of a file."""
        try:
            return self.read(name).decode(errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def names(self, folder: str, depth: int = 1) -> list[str]:
        """Return the files at a depth below a folder; nothing is asked about each of them."""
        return sorted(name for name, _ in self._scan(folder, depth))

    def folders(self, folder: str) -> list[str]:
        """Return the folders in a folder, also those in which only hidden files are left."""
        return sorted(item.name for item in _items(self._path(folder)) if item.is_dir(follow_symlinks=False))

    def entries(self, folder: str, depth: int = 1) -> list[StoredFile]:
        """Return the same with sizes and times."""
        found = []
        for name, item in self._scan(folder, depth):
            try:
                about = item.stat()
            except FileNotFoundError:  # it went at this moment
                continue
            found.append(StoredFile(name, about.st_size, about.st_mtime))
        return sorted(found, key=lambda entry: entry.name)

    def exists(self, name: str) -> bool:
        """Say whether there is such a file."""
        return self._path(name).exists()

    def delete(self, name: str) -> None:
        """Delete a file."""
        self._path(name).unlink(missing_ok=True)

    def move(self, name: str, to: str) -> None:
        """Rename a file."""
        self._path(name).rename(self._ready(to))

    def clear(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.root, ignore_errors=True)

    @contextmanager
    def lock(self, name: str) -> Iterator[bool]:
        """Hold a file lock; where the file system knows none, nobody is kept out."""
        from filelock import FileLock, Timeout

        path = self._ready(name)
        held = FileLock(path)
        try:
            held.acquire(timeout=0)
        except Timeout:
            yield False
            return
        except NotImplementedError:
            pass
        _share(path)
        try:
            yield True
        finally:
            held.release()

    def _path(self, name: str) -> Path:
        return self.root / checked(name)

    def _ready(self, name: str) -> Path:
        """Return a path in a folder that exists."""
        path = self._path(name)
        if not path.parent.is_dir():
            made = [folder for folder in path.parents if folder.is_relative_to(self._shared) and not folder.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            for folder in reversed(made):
                if folder != self._shared:
                    _share(folder)
        return path

    def _scan(self, folder: str, depth: int) -> Iterator[tuple[str, os.DirEntry[str]]]:
        for item in _items(self._path(folder) if folder else self.root):
            if item.name.startswith("."):
                continue
            name = f"{folder}/{item.name}" if folder else item.name
            if depth > 1:
                if item.is_dir(follow_symlinks=False):
                    yield from self._scan(name, depth - 1)
            elif not item.is_dir() and not _is_special(item):
                yield name, item


def _share(path: Path) -> None:
    """Give a file or a folder the permissions of the folder that it is in, where it is ours."""
    bits = 0o7777 if path.is_dir() else 0o666
    with suppress(OSError):
        wanted = path.parent.stat().st_mode & bits
        if path.stat().st_mode & bits != wanted:
            path.chmod(wanted)


def _is_special(item: os.DirEntry[str]) -> bool:
    """Say whether it is a pipe, a socket or a device; a link that leads nowhere is none."""
    return not item.is_file() and not item.is_symlink()


def _items(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []
