"""An object store, through pyarrow: S3 and whatever speaks its language, and Google Cloud Storage.

What is relied upon, and what these stores promise: an object appears whole or not at all; a listing that begins after a
write has ended shows it, and after a deletion does not (strong consistency). What they do not offer through pyarrow is a
write that fails because the name is taken; whoever needs that writes under a unique name and elects (``ledger.singles``).

Secrets come from the environment alone (``AWS_*``, ``GOOGLE_*``); an address that holds one is refused.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from ganbench.harness.errors import InputError, did_you_mean
from ganbench.harness.storage.base import Check, R, StoredFile, T, checked

OPTIONS = {
    "s3": (
        "region",
        "scheme",
        "endpoint_override",
        "allow_bucket_creation",
        "allow_delayed_open",
        "force_virtual_addressing",
        "tls_ca_file_path",
    ),
    "gs": ("scheme", "endpoint_override", "retry_limit_seconds", "project_id"),
}
"""What may stand behind the question mark, by the address's scheme."""

DEFAULTS = {
    "s3": {"allow_delayed_open": "true"},  # one request for a small object instead of three
    "gs": {"retry_limit_seconds": "30"},  # pyarrow's own is a quarter of an hour
}

AT_ONCE = 16
"""Requests side by side: each waits for its answer some tens of milliseconds."""


class ObjectStorage:
    """A prefix in a bucket; nothing need be there, but the bucket must.

    Args:
        filesystem: Of pyarrow.
        prefix: Bucket and path.
        where: The address.
    """

    exclusive = False
    look_seconds = 20.0

    def __init__(self, filesystem: Any, prefix: str, where: str) -> None:
        self._files, self._prefix, self.where = filesystem, prefix.strip("/"), where

    def at(self, name: str) -> str:
        """Return an object's address."""
        head, mark, options = self.where.partition("?")
        return f"{head.rstrip('/')}/{checked(name)}{mark}{options}"

    def subfolder(self, name: str) -> ObjectStorage:
        """Return the storage of what has a longer prefix."""
        return ObjectStorage(self._files, self._path(name), self.at(name))

    def read(self, name: str) -> bytes:
        """Return an object's content."""
        with self._files.open_input_file(self._path(name)) as file:
            return bytes(file.read())

    def read_all(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """Yield contents, many requests side by side."""
        return self.each(self._read_or_none, names)

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield results, many requests side by side; a bounded number of them is held at once."""
        waiting = iter(items)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while some := list(islice(waiting, 4 * AT_ONCE)):
                yield from pool.map(work, some)

    def source(self, name: str) -> Any:
        """Return a file that fetches what is read of it."""
        return self._files.open_input_file(self._path(name))

    def write(self, name: str, content: bytes) -> None:
        """Put an object. It appears when the stream is closed, which happens only when all of it was sent."""
        stream = self._files.open_output_stream(self._path(name))
        stream.write(content)
        stream.close()

    def create(self, name: str, content: bytes, check: Check | None = None) -> bool:
        """Put an object under a name that is unique; the caller sees to that."""
        self.write(name, content)
        if check is not None:
            try:
                check(self.source(name))
            except BaseException:
                self.delete(name)
                raise
        return True

    def append(self, name: str, line: str) -> None:
        """Put an object for the line, under a name that its content decides."""
        content = line.encode()
        self.write(f"{_of_lines(name)}/{hashlib.sha256(content).hexdigest()[:32]}.json", content)

    def lines(self, name: str) -> list[str]:
        """Return the lines, in no meaningful order."""
        whole = (self._read_or_none(name) or b"").decode(errors="replace").splitlines()  # a folder that was copied here
        each = self.read_all(self.names(_of_lines(name)))
        return whole + [content.decode(errors="replace") for content in each if content is not None]

    def names(self, folder: str, depth: int = 1) -> list[str]:
        """Return the objects at a depth."""
        return [entry.name for entry in self.entries(folder, depth)]

    def entries(self, folder: str, depth: int = 1) -> list[StoredFile]:
        """Return the objects at a depth, with sizes and times: one request for a thousand of them."""
        slashes = folder.count("/") + depth if folder else depth - 1
        found = []
        for info in self._list(folder, recursive=depth > 1):
            name = info.path[len(self._prefix) + 1 :]
            if info.is_file and name.count("/") == slashes and not info.base_name.startswith("."):
                found.append(StoredFile(name, info.size, (info.mtime_ns or 0) / 1e9))
        return sorted(found, key=lambda entry: entry.name)

    def folders(self, folder: str) -> list[str]:
        """Return the next parts of the names in a folder."""
        return sorted(info.base_name for info in self._list(folder, recursive=False) if not info.is_file)

    def exists(self, name: str) -> bool:
        """Say whether there is such an object."""
        try:  # one request; asking what is there lists the bucket as well, where there is no such object
            self._files.open_input_file(self._path(name)).close()
        except FileNotFoundError:
            return False
        return True

    def delete(self, name: str) -> None:
        """Delete an object."""
        with suppress(FileNotFoundError):
            self._files.delete_file(self._path(name))

    def move(self, name: str, to: str) -> None:
        """Copy an object, then delete the old one."""
        self._files.move(self._path(name), self._path(to))

    def clear(self) -> None:
        """Delete everything under the prefix, as far as that is possible."""
        with suppress(OSError):
            self._files.delete_dir(self._prefix)

    @contextmanager
    def lock(self, name: str) -> Iterator[bool]:
        """Keep nobody out: there are no locks here. What is done under one must be harmless twice."""
        yield True

    def clock(self) -> float | None:
        """Put an object and see what time it got."""
        name = f"clock-{uuid.uuid4().hex}"
        try:
            self.write(name, b"{}")
            seen = self._files.get_file_info(self._path(name)).mtime_ns
            self.delete(name)
        except OSError:
            return None
        return None if seen is None else float(seen) / 1e9

    def _path(self, name: str) -> str:
        return f"{self._prefix}/{checked(name)}"

    def _read_or_none(self, name: str) -> bytes | None:
        try:
            return self.read(name)
        except FileNotFoundError:
            return None

    def _list(self, folder: str, *, recursive: bool) -> list[Any]:
        from pyarrow.fs import FileSelector

        base = self._path(folder) if folder else self._prefix
        return list(self._files.get_file_info(FileSelector(base, allow_not_found=True, recursive=recursive)))


def connect(address: str) -> ObjectStorage:
    """Return the storage that an address names.

    Args:
        address: ``s3://BUCKET/PREFIX`` or ``gs://BUCKET/PREFIX``, with pyarrow's options after a question mark.

    Raises:
        InputError: It is not understood, or holds a secret. The message does not repeat it then.
        OSError: The store cannot be reached.
    """
    scheme = _check(address)
    head, _, given = address.partition("?")
    files, prefix = _connected(head, given, scheme, os.getpid())
    return ObjectStorage(files, prefix, address)


@lru_cache(maxsize=8)
def _connected(head: str, given: str, scheme: str, pid: int) -> tuple[Any, str]:
    """Connect once in a process: it takes requests. A forked process connects anew."""
    from pyarrow import ArrowInvalid
    from pyarrow.fs import FileSystem

    told = dict(parse_qsl(given))
    attempts = [DEFAULTS[scheme] | told, told]  # an older pyarrow does not know every default
    for number, options in enumerate(attempts):
        query = urlencode(options, safe=":/")
        try:
            files, prefix = FileSystem.from_uri(f"{head}?{query}" if query else head)
            return files, str(prefix)
        except ArrowInvalid as error:
            if number == len(attempts) - 1:
                raise InputError(f"{head}: is no address of an object store ({error})") from error
    raise AssertionError


def _check(address: str) -> str:
    """Return an address's scheme; refuse what it must not hold."""
    split = urlsplit(address)
    scheme = "gs" if split.scheme == "gcs" else split.scheme
    user, at, _ = split.netloc.rpartition("@")
    options = parse_qsl(split.query, keep_blank_values=True)
    if (at and (scheme, user) != ("gs", "anonymous")) or any("@" in value for _, value in options):
        raise InputError(
            f"an address of an object store ({scheme}://...) must not hold a name or a password:"
            " credentials come from the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or"
            " GOOGLE_APPLICATION_CREDENTIALS)"
        )
    if not split.netloc.rpartition("@")[2]:
        raise InputError(f"{scheme}://: expected {scheme}://BUCKET/PREFIX, found no bucket")
    for key, _ in options:
        if key not in OPTIONS[scheme]:
            raise InputError(
                f"{scheme}://{split.netloc}{split.path}: unknown option {key!r}{did_you_mean(key, OPTIONS[scheme])}"
            )
    return scheme


def _of_lines(name: str) -> str:
    return name.removesuffix(".jsonl")
