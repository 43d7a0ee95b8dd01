"""Downloading one published file: continued where it broke off, checked, and done once for all processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from ganbench.harness.data.checksum import Checksum
from ganbench.harness.data.lock import locked
from ganbench.harness.errors import InputError

CHUNK = 1 << 20
TIMEOUT = 60.0
"""Seconds without a byte after which a connection counts as lost."""
ATTEMPTS = 5
PASSING = {408, 425, 429, 500, 502, 503, 504}
"""HTTP statuses after which the same request may succeed."""
NOT_SATISFIABLE = 416

Progress = Callable[[int, int | None], None]
"""Told how many bytes there are, and how many there will be where that is known."""


def download(
    url: str,
    path: Path,
    checksum: Checksum,
    size: int | None = None,
    *,
    progress: Progress | None = None,
    pause: float = 1.0,
    attempts: int = ATTEMPTS,
) -> Path:
    """Download a file, unless it is there.

    What has arrived stands in ``<path>.part`` and is continued by the next call. The file appears under its own name
    only after its checksum was found right. Of several processes that want it, one downloads and the others wait.

    Args:
        url: Where it is, by http or https.
        path: Where it shall be.
        checksum: What its content must hash to. A file that is there with another content is replaced.
        size: Its length in bytes, where known: a part that is as long already is not asked for again.
        progress: Told after every chunk.
        pause: Seconds to wait after a request that brought nothing; it grows with each.
        attempts: Requests in a row that bring nothing new before it gives up.

    Returns:
        ``path``.

    Raises:
        InputError: The server cannot be reached or refuses (what has arrived is kept), or the content is not what was
            expected (it is removed).
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise InputError(f"{url}: expected an address that begins with http:// or https://")
    with locked(path):
        if checksum.matches(path):
            return path
        part = path.with_name(f"{path.name}.part")
        _receive(url, part, size, progress or (lambda done, total: None), pause, attempts)
        if not checksum.matches(part):
            found = checksum.of(part)
            part.unlink()
            raise InputError(
                f"{url}: what was downloaded is not what was expected: {checksum.algorithm} {checksum.expected},"
                f" found {found}; it was removed"
            )
        part.replace(path)
    return path


def _receive(url: str, part: Path, size: int | None, progress: Progress, pause: float, attempts: int) -> None:
    """Ask until everything has arrived, continuing after broken connections as long as each brings something."""
    most, failures = _length(part), 0
    while True:
        if size is not None and _length(part) >= size:
            if _length(part) == size:
                return
            part.unlink()
        try:
            if _request(url, part, size, progress):
                return
            reason = "the connection ended early"
        except HTTPError as error:
            reason = f"the server answers {error.code} {error.reason}"
            if error.code == NOT_SATISFIABLE and part.exists():
                if error.headers.get("Content-Range") == f"bytes */{_length(part)}":
                    return
                part.unlink()  # longer than the file: not a part of it
            elif error.code not in PASSING:
                raise InputError(f"{url}: {reason}") from error
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
        # Compared with the most there ever was: a server that ignores ranges starts over each time.
        failures = 0 if _length(part) > most else failures + 1
        most = max(most, _length(part))
        if failures == attempts:
            raise InputError(f"{url}: {reason}; {_length(part):,} bytes are kept, and the same command continues")
        time.sleep(pause * failures)


def _request(url: str, part: Path, size: int | None, progress: Progress) -> bool:
    """Ask once for what is absent; return whether the part is complete afterwards."""
    have = _length(part)
    headers = {"User-Agent": "ganbench", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with urlopen(Request(url, headers=headers), timeout=TIMEOUT) as response:  # noqa: S310  the scheme was checked
        continued = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        start = have if continued else 0
        length = response.headers.get("Content-Length")
        total = size if length is None else start + int(length)
        with part.open("ab" if continued else "wb") as file:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                progress(file.tell(), total)
    return total is None or _length(part) == total


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
