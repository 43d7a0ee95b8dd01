"""An object store, through pyarrow: S3 and whatever speaks its language, and Google Cloud Storage.

What is relied upon, and what these stores promise: an object appears whole or not at all; a listing that begins after a
write has ended shows it, and after a deletion does not (strong consistency). What they do not offer through pyarrow is a
write that fails because the name is taken; whoever needs that writes under a unique name and elects (``ledger.singles``).

Secrets come from the environment alone (``AWS_*``, ``GOOGLE_*``); an address that holds one is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from ganbench.harness.errors import InputError, did_you_mean
from ganbench.harness.storage.base import R, Storage, StoredFile, T, at_depth, checked

OPTIONS = {
    "s3": (
        "region",
        "scheme",
        "endpoint_override",
        "allow_bucket_creation",
        "allow_delayed_open",
        "force_virtual_addressing",
        "tls_ca_file_path",
        "connect_timeout",
        "request_timeout",
    ),
    "gs": ("scheme", "endpoint_override", "retry_limit_seconds", "project_id"),
}
"""What may stand behind the question mark, by the address's scheme."""

DEFAULTS = {
    "s3": {"allow_delayed_open": "true"},  # one request for a small object instead of three
    "gs": {"retry_limit_seconds": "30"},  # pyarrow's own is a quarter of an hour
}

WAITS = ("connect_timeout", "request_timeout")
"""Seconds for each of pyarrow's attempts, which are three. What pyarrow itself waits is short: 1 and 3."""

FLAGS = ("allow_", "force_")
"""How the names of options begin that are true or false."""

AT_ONCE = 16
"""Requests side by side: each waits for its answer some tens of milliseconds."""


class ObjectStorage(Storage):
    """A prefix in a bucket; nothing need be there, but the bucket must.

    Args:
        filesystem: Of pyarrow.
        prefix: Bucket and path.
        where: The address.
    """

    exclusive = False
    look_seconds = 20.0

    def __init__(self, filesystem: Any, prefix: str, where: str) -> None:
        super().__init__(where, prefix.strip("/"))
        self._files = filesystem

    def at(self, name: str) -> str:
        """Return an object's address."""
        head, mark, options = self.where.partition("?")
        return f"{head.rstrip('/')}/{checked(name)}{mark}{options}"

    def read(self, name: str) -> bytes:
        """Return an object's content."""
        with self._files.open_input_file(self.path(name)) as file:
            return bytes(file.read())

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield results, many requests side by side; a bounded number of them is held at once."""
        waiting = iter(items)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while some := list(islice(waiting, 4 * AT_ONCE)):
                yield from pool.map(work, some)

    def source(self, name: str) -> Any:
        """Return a file that fetches what is read of it."""
        return self._files.open_input_file(self.path(name))

    def write(self, name: str, content: bytes) -> None:
        """Put an object. It appears when the stream is closed, which happens only when all of it was sent."""
        stream = self._files.open_output_stream(self.path(name))
        stream.write(content)
        stream.close()

    def create(self, name: str, content: bytes) -> bool:
        """Put an object under a name that is unique; the caller sees to that."""
        self.write(name, content)
        return True

    def entries(self, folder: str, depth: int = 1) -> list[StoredFile]:
        """Return the objects at a depth, with sizes and times: one request for a thousand of them."""
        from pyarrow.fs import FileSelector

        below = FileSelector(self.path(folder) if folder else self.prefix, allow_not_found=True, recursive=depth > 1)
        files = (
            StoredFile(info.path[len(self.prefix) + 1 :], info.size, (info.mtime_ns or 0) / 1e9)
            for info in self._files.get_file_info(below)
            if info.is_file
        )
        return at_depth(files, folder, depth)

    def delete(self, name: str) -> None:
        """Delete an object."""
        with suppress(FileNotFoundError):
            self._files.delete_file(self.path(name))


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
    from pyarrow.fs import FileSystem, S3FileSystem

    told = dict(parse_qsl(given))
    waits = {key: float(told.pop(key)) for key in WAITS if key in told}
    attempts = [DEFAULTS[scheme] | told, told]  # an older pyarrow does not know every default
    for number, options in enumerate(attempts):
        query = urlencode(options, safe=":/")
        try:
            files, prefix = FileSystem.from_uri(f"{head}?{query}" if query else head)
            if scheme == "s3":  # from an address pyarrow takes no times, and tries thirty times instead of three
                flags = {key: options[key].lower() in ("1", "true") for key in options if key.startswith(FLAGS)}
                files = S3FileSystem(**(options | flags | waits | {"region": files.region}))
            return files, str(prefix)
        except (ArrowInvalid, TypeError) as error:
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
    for key, value in options:
        if key in WAITS and not _is_wait(value):
            raise InputError(f"{scheme}://{split.netloc}{split.path}: {key}: expected seconds, as 10, found {value!r}")
        if key not in OPTIONS[scheme]:
            raise InputError(
                f"{scheme}://{split.netloc}{split.path}: unknown option {key!r}{did_you_mean(key, OPTIONS[scheme])}"
            )
    return scheme


def _is_wait(value: str) -> bool:
    try:
        return 0 < float(value) <= 3600
    except ValueError:
        return False
