"""Checksums of published files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ganbench.harness.errors import InputError


@dataclass(frozen=True)
class Checksum:
    """What a file's content must hash to.

    Attributes:
        algorithm: A name that ``hashlib`` knows, for instance ``"md5"``.
        expected: The digest in lower-case hexadecimal digits, or its first ones where no more were published.
    """

    algorithm: str
    expected: str

    def of(self, path: Path) -> str:
        """Return a file's digest, read in bounded memory."""
        with path.open("rb") as file:
            # MD5 is what the data sets' authors published; it guards against damage here, not against forgery.
            return hashlib.file_digest(file, lambda: hashlib.new(self.algorithm, usedforsecurity=False)).hexdigest()

    def matches(self, path: Path) -> bool:
        """Say whether a file is there and has that content."""
        return path.is_file() and self.of(path).startswith(self.expected)

    def check(self, path: Path) -> None:
        """Compare a file with its checksum.

        Raises:
            InputError: It is absent, or has another content.
        """
        if not path.is_file():
            raise InputError(f"{path}: is absent")
        found = self.of(path)
        if not found.startswith(self.expected):
            raise InputError(
                f"{path}: is damaged or another file: expected {self.algorithm} {self.expected}, found {found};"
                " remove it and get it again"
            )
