"""Images in Parquet files of the Hugging Face layout, on this machine or wherever Arrow can read."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from ganbench.harness.data.image_forms import decode
from ganbench.harness.data.prepared import Fingerprint
from ganbench.harness.data.rows import Row
from ganbench.harness.errors import InputError

BATCH = 256
"""Rows that are in memory at once."""


class ParquetImages:
    """The Parquet files at one location, in the order of their paths.

    Args:
        location: A path, or a URI such as ``s3://bucket/folder`` that Arrow's file systems know. It is a file; or a
            folder, all of whose ``*.parquet`` are meant, also in its subfolders; or ends with a pattern for names in a
            folder, such as ``data/train-*.parquet``.

    Raises:
        InputError: The location is of no kind that Arrow knows, or cannot be reached.
    """

    def __init__(self, location: str | Path) -> None:
        import pyarrow
        from pyarrow import fs

        self.location = str(location)
        folder, _, last = self.location.rpartition("/")
        within, pattern = (folder, last) if "*" in last else (self.location, "*.parquet")
        try:
            self._system, path = fs.FileSystem.from_uri(within) if "://" in within else (fs.LocalFileSystem(), within)
            at = self._system.get_file_info(path)
            inside = fs.FileSelector(path, recursive="*" not in last, allow_not_found=True)
            found = [at] if at.is_file else self._system.get_file_info(inside)
        except (OSError, pyarrow.ArrowException) as error:
            raise InputError(f"{self.location}: cannot be reached ({error})") from error
        self.files: list[Any] = sorted(
            (info for info in found if info.is_file and (at.is_file or fnmatchcase(info.base_name, pattern))),
            key=lambda info: info.path,
        )

    def fingerprint(self) -> Fingerprint:
        """Return names, sizes and times of the files."""
        return [(info.base_name, info.size, info.mtime_ns or 0) for info in self.files]

    def count(self) -> int:
        """Return the number of rows, which the files' footers say."""
        return sum(self._open(info.path).metadata.num_rows for info in self.files)

    def rows(self, column: str) -> Iterator[Row]:
        """Read all images, a few hundred at a time.

        Args:
            column: The column of images: a struct of ``bytes`` and ``path``.

        Raises:
            InputError: A file is damaged or has another layout; the message names it, and the row.
        """
        for info in self.files:
            file = self._open(info.path)
            self._check_layout(info.path, file.schema_arrow, column)
            for row, contents in enumerate(self._contents(info.path, file, column)):
                if contents is None:
                    raise InputError(f"{info.path}, row {row}: holds no image: {column}.bytes is null")
                yield Row(f"{info.path}, row {row}", partial(decode, contents))

    def _open(self, path: str) -> Any:
        import pyarrow
        from pyarrow import parquet

        try:
            return parquet.ParquetFile(self._system.open_input_file(path))
        except (OSError, pyarrow.ArrowException) as error:
            raise InputError(f"{path}: cannot be read as a Parquet file ({error})") from error

    def _contents(self, path: str, file: Any, column: str) -> Iterator[bytes | None]:
        import pyarrow

        read = 0
        try:
            for group in range(file.num_row_groups):  # one by one, so that a damaged one is told by its first row
                for batch in file.iter_batches(BATCH, row_groups=[group], columns=[f"{column}.bytes"]):
                    yield from batch.column(0).field("bytes").to_pylist()
                    read += len(batch)
        except (OSError, pyarrow.ArrowException) as error:
            raise InputError(f"{path}, row {read} or a later one: cannot be read ({error})") from error

    def _check_layout(self, path: str, schema: Any, column: str) -> None:
        import pyarrow

        if column not in schema.names:
            raise InputError(f"{path}: has no column {column!r}; it has {', '.join(schema.names)}")
        kind = schema.field(column).type
        binary = (pyarrow.types.is_binary, pyarrow.types.is_large_binary)
        held = pyarrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 and kind.field("bytes").type
        if not held or not any(check(held) for check in binary):
            raise InputError(
                f"{path}: column {column!r} is of type {kind}, expected struct<bytes: binary, path: string>"
            )
