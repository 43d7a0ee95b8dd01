"""Compacted records: Parquet parts beside the single files, because ten thousand small files are slow to read.

Each part is written once, by one writer, and never changed. A row holds a record's text as it was committed, with its
checksum in it, and beside it the few columns that a summary needs.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import LedgerError
from harness.ledger.record import Record
from harness.writing import flush_file, flush_folder

if TYPE_CHECKING:
    import pyarrow

ROWS = 64
"""Records in a row group: what is read to get one of them."""

BATCH = 8
"""Records held at once of each part while all of them are read side by side."""

SUMMARY = ("trial", "cell", "seed", "outcome", "modes", "seconds", "started", "host", "device", "attempt")
"""Columns that a summary reads, without the records themselves."""


@dataclass
class Parts:
    """The parts of a ledger.

    Attributes:
        folder: Where they stand; it need not exist.
    """

    folder: Path
    _index: dict[str, tuple[Path, int]] = field(default_factory=dict)
    _indexed: set[Path] = field(default_factory=set)

    def files(self) -> list[Path]:
        """Return the parts, the oldest first."""
        return sorted(self.folder.glob("part-*.parquet"))

    def write(self, records: Sequence[Record]) -> Path:
        """Write a part, read it back, and give it its name.

        Args:
            records: Sorted by trial, at least one.

        Raises:
            OSError: It cannot be written, or is not read back as it was written.
        """
        import pyarrow
        from pyarrow import parquet

        self.folder.mkdir(parents=True, exist_ok=True)
        number = 1 + max((int(path.stem.rpartition("-")[2]) for path in self.files()), default=0)
        path = self.folder / f"part-{number:05d}.parquet"
        hidden = self.folder / f".{path.name}.{uuid.uuid4().hex[:8]}"
        table = pyarrow.Table.from_pylist([_row(record) for record in records], schema=_schema())
        try:
            parquet.write_table(table, hidden, compression="zstd", row_group_size=ROWS, write_page_checksum=True)
            flush_file(hidden)
            if not parquet.read_table(hidden, page_checksum_verification=True).equals(table):
                raise OSError(f"{hidden}: was not read back as it was written")
            hidden.rename(path)
        finally:
            hidden.unlink(missing_ok=True)
        flush_folder(self.folder)
        return path

    def opens(self, path: Path) -> bool:
        """Say whether a part can be opened and lists its trials."""
        try:
            with _readable(path) as file:
                file.read(columns=["trial"])
        except LedgerError:
            return False
        return True

    def trials(self) -> set[str]:
        """Return the identities of all trials in parts."""
        self._look()
        return set(self._index)

    def text(self, trial_id: str) -> str | None:
        """Return a record's text, or None where no part has it.

        Raises:
            LedgerError: The part is damaged.
        """
        self._look()
        if trial_id not in self._index:
            return None
        path, row = self._index[trial_id]
        with _readable(path) as file:
            texts = file.read_row_group(row // ROWS, columns=["record"]).column(0)
            return str(texts[row % ROWS].as_py())

    def records(self, path: Path) -> Iterator[tuple[str, Record]]:
        """Yield the records of a part with their trials, sorted by trial.

        Raises:
            LedgerError: The part, or a record in it, is damaged.
        """
        with _readable(path) as file:
            for batch in file.iter_batches(BATCH, columns=["trial", "record"]):
                for trial, text in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    try:
                        yield trial, Record.from_text(text)
                    except (ValueError, KeyError, TypeError) as error:
                        raise LedgerError(f"{path}: the record of trial {trial} is damaged ({error})") from error

    def summary(self) -> list[dict[str, Any]]:
        """Return the columns that a summary needs, a row for every record."""
        rows: list[dict[str, Any]] = []
        for path in self.files():
            with _readable(path) as file:
                rows += file.read(columns=list(SUMMARY)).to_pylist()
        return rows

    def _look(self) -> None:
        """Learn of parts that are new."""
        for path in self.files():
            if path not in self._indexed:
                with _readable(path) as file:
                    for row, trial in enumerate(file.read(columns=["trial"]).column(0).to_pylist()):
                        self._index.setdefault(trial, (path, row))
                self._indexed.add(path)


def summary_of(record: Record) -> dict[str, Any]:
    """Return a record's row of :data:`SUMMARY`."""
    provenance = record.provenance
    return {
        "trial": record.trial_id,
        "cell": record.cell_id,
        "seed": record.seed,
        "outcome": record.verdict.outcome,
        "modes": list(record.verdict.modes),
        "seconds": float(provenance.get("seconds", 0)),
        "started": float(provenance.get("started", 0)),
        "host": str(provenance.get("host", "")),
        "device": str(provenance.get("device", "")),
        "attempt": int(provenance.get("attempt", 1)),
    }


class _readable:  # noqa: N801  used like a function
    """Open a part; what is wrong with it names it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Any:
        from pyarrow import parquet

        try:
            self._file = parquet.ParquetFile(self._path, page_checksum_verification=True)
        except Exception as error:
            raise self._damaged(error) from error
        return self._file

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        import pyarrow

        if hasattr(self, "_file"):
            self._file.close()
        if isinstance(error, OSError | pyarrow.ArrowException):
            raise self._damaged(error) from error

    def _damaged(self, error: BaseException) -> LedgerError:
        return LedgerError(f"{self._path}: the part is damaged ({error}); `ganbench ledger verify` names what is lost")


def _row(record: Record) -> dict[str, Any]:
    return {**summary_of(record), "sha256": record.sha256, "record": record.to_text()}


def _schema() -> pyarrow.Schema:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    kinds = (text, text, pa.int64(), text, pa.list_(text), number, number, text, text, pa.int64())
    columns = [*zip(SUMMARY, kinds, strict=True), ("sha256", text), ("record", pa.large_string())]
    return pa.schema(columns)
