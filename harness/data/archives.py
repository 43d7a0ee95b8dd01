"""Unpacking published archives, whole or not at all."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from pathlib import Path

from ganbench.harness.data.checksum import Checksum
from ganbench.harness.data.lock import locked
from ganbench.harness.errors import InputError


def unpack(archive: Path, inner: str, checksum: Checksum) -> Path:
    """Unpack the one folder that a tar archive holds, beside the archive, unless it is there.

    Args:
        archive: The file; compressed or not.
        inner: The folder's name in the archive.
        checksum: Of the archive.

    Returns:
        The folder.

    Raises:
        InputError: The archive is damaged, or does not hold that folder.
    """
    target = archive.parent / inner
    if target.is_dir():
        return target
    with locked(target):
        if target.is_dir():
            return target
        checksum.check(archive)
        aside = archive.parent / f".{inner}.tmp"
        shutil.rmtree(aside, ignore_errors=True)
        try:
            with tarfile.open(archive) as tar:
                tar.extractall(aside, filter="data")  # refuses members that would leave the folder
            (aside / inner).rename(target)
        except FileNotFoundError as error:
            raise InputError(f"{archive}: holds no folder {inner!r}") from error
        except (tarfile.TarError, zlib.error, OSError, EOFError) as error:
            raise InputError(f"{archive}: cannot be unpacked ({error})") from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return target
