"""From what the user typed to a storage."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ganbench.harness.errors import InputError, LedgerError
from ganbench.harness.storage.base import Storage
from ganbench.harness.storage.folder import FolderStorage

SCHEMES = ("s3", "gs", "gcs", "file")

_ADDRESS = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+)://")
_SPOILT = re.compile(r"^(s3|gs|gcs|file):/")


def is_address(root: str | Path) -> bool:
    """Say whether something is an object store's address rather than a folder."""
    found = _ADDRESS.match(str(root))
    return found is not None and found[1] != "file"


def open_storage(root: str | Path | Storage) -> Storage:
    """Return the storage at a folder or an address; nothing is written.

    Args:
        root: A folder, ``file://`` and a folder, or an object store's address; or a storage, which is returned.

    Raises:
        InputError: It is neither, or it is an address that holds a secret.
        LedgerError: The object store cannot be reached.
    """
    if not isinstance(root, str | Path):
        return root
    if isinstance(root, Path):
        if _SPOILT.match(str(root)):
            raise InputError(f"{root}: an address must be given as text; a path loses one of its slashes")
        return FolderStorage(root)
    found = _ADDRESS.match(root)
    if found is None:
        return FolderStorage(Path(root))
    if found[1] not in SCHEMES:
        raise InputError(f"{found[0]}...: expected a folder, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX")
    if found[1] == "file":
        return FolderStorage(Path(unquote(urlsplit(root).path)))
    from ganbench.harness.storage.objects import connect

    try:
        return connect(root)
    except OSError as error:
        raise LedgerError(f"{root}: cannot be reached ({error})") from error
