"""Compacted records: Parquet parts beside the single files, because ten thousand small files are slow to read.

Each part is written once and never changed. A row holds a record's text as it was committed, with its checksum in it, and
beside it the few columns that a summary needs. A record that is in a part counts, whatever else is in the ledger; of
several parts with one trial (two compactions at once), the one whose name sorts first.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger.names import PARTS, is_identity
from ganbench.harness.ledger.record import Record
from ganbench.harness.storage import Entry, Storage

if TYPE_CHECKING:
    import numpy as np
    import pyarrow

ROWS = 64
"""Records in a row group: what is read to get one of them."""

LEVEL = 9
"""Of zstd: a tenth smaller than its own choice, for a millisecond a record. Some parts are kept in repositories."""

BATCH = 8
"""Records held at once of each part while all of them are read side by side."""

SUMMARY = ("trial", "cell", "seed", "outcome", "modes", "seconds", "started", "host", "device", "attempt")
"""Columns that a summary reads, without the records themselves."""


class Parts:
    """The parts of a ledger.

    Args:
        storage: The ledger's.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._index: dict[str, np.ndarray] = {}
        self._seen: dict[str, Entry] = {}

    def names(self) -> list[str]:
        """Return the parts, the one that counts first."""
        return [name for name in self._storage.names(PARTS) if _is_part(name)]

    def write(self, records: Sequence[Record]) -> str:
        """Write a part and read it back; then it gets its name.

        Args:
            records: Sorted by trial, at least one.

        Returns:
            Its name.

        Raises:
            OSError: It cannot be written, or is not read back as it was written.
        """
        import pyarrow
        from pyarrow import parquet

        table = pyarrow.Table.from_pylist([_row(record) for record in records], schema=_schema())
        sink = pyarrow.BufferOutputStream()
        parquet.write_table(
            table, sink, compression="zstd", compression_level=LEVEL, row_group_size=ROWS, write_page_checksum=True
        )
        content = sink.getvalue().to_pybytes()

        def check(source: Any) -> None:
            if not parquet.read_table(source, page_checksum_verification=True).equals(table):
                raise OSError("a part was not read back as it was written")

        number = 1 + max((int(name.split("-")[1][:5]) for name in self.names()), default=0)
        while True:  # in a folder another compaction can take a number; elsewhere nobody can have the same name
            unique = "" if self._storage.exclusive else f".{uuid.uuid4().hex[:16]}"
            name = f"{PARTS}/part-{number:05d}{unique}.parquet"
            if self._storage.create(name, content, check):
                return name
            number += 1

    def opens(self, name: str) -> bool:
        """Say whether a part can be opened and lists its trials.

        Raises:
            OSError: It cannot be fetched; that says nothing about the part.
        """
        try:
            if name not in self._index:
                self._identities(name)
        except LedgerError:
            try:
                self._identities(name, self._storage.read(name))
            except LedgerError:
                return False
        return True

    def trials(self, *, sound: bool = False) -> set[str]:
        """Return the identities of all trials in parts.

        Args:
            sound: Pass over parts that do not open, instead of raising an error.

        Raises:
            LedgerError: A part is damaged.
        """
        self._look(sound=sound)
        return {trial for index in self._index.values() for trial in index.astype(str).tolist()}

    def sizes(self) -> dict[str, int]:
        """Return how many records each part has.

        Raises:
            LedgerError: A part is damaged.
        """
        self._look()
        return {name: len(index) for name, index in self._index.items()}

    def holds(self, trial_id: str) -> bool:
        """Say whether a part has a trial."""
        self._look()
        return self._place(trial_id) is not None

    def text(self, trial_id: str) -> str | None:
        """Return a record's text, or None where no part has it.

        Raises:
            LedgerError: The part is damaged.
        """
        self._look()
        place = self._place(trial_id)
        if place is None:
            return None
        name, row = place
        with readable(self._storage, name) as file:
            texts = file.read_row_group(row // ROWS, columns=["record"]).column(0)
            return str(texts[row % ROWS].as_py())

    def records(self, name: str, batch: int = BATCH) -> Iterator[tuple[str, Record]]:
        """Yield the records of a part with their trials, sorted by trial.

        Args:
            name: The part.
            batch: How many are held at once.

        Raises:
            LedgerError: The part, or a record in it, is damaged.
        """
        with readable(self._storage, name) as file:
            for some in file.iter_batches(batch, columns=["trial", "record"]):
                for trial, text in zip(*(column.to_pylist() for column in some.columns), strict=True):
                    yield trial, _record(self._storage.at(name), trial, text)

    def chosen(self, name: str, wanted: Collection[str]) -> Iterator[tuple[str, Record]]:
        """Yield the records of some trials, as far as a part has them, sorted by trial, in one pass over the part.

        Args:
            name: The part.
            wanted: The trials.

        Raises:
            LedgerError: The part, or one of the records, is damaged.
        """
        trials = self._identities(name).astype(str).tolist()
        rows = [row for row, trial in enumerate(trials) if trial in wanted]
        with readable(self._storage, name) as file:
            for group, some in groupby(rows, lambda row: row // ROWS):
                texts = file.read_row_group(group, columns=["record"]).column(0)
                for row in some:
                    yield trials[row], _record(self._storage.at(name), trials[row], texts[row % ROWS].as_py())

    def examined(self, name: str, content: bytes | None = None) -> Iterator[tuple[str, Record | LedgerError]]:
        """Yield every trial of a part with its record, or with what is wrong with it.

        Args:
            name: The part.
            content: All of it, where a fault of the storage must not be taken for one of the part.

        Raises:
            LedgerError: The part cannot be opened, or does not say whose records it holds.
        """
        trials = self._identities(name, content).astype(str).tolist()
        for first in range(0, len(trials), ROWS):
            group = trials[first : first + ROWS]
            try:
                with readable(self._storage, name, content) as file:
                    texts = file.read_row_group(first // ROWS, columns=["record"]).column(0).to_pylist()
            except LedgerError as error:
                yield from ((trial, error) for trial in group)
                continue
            for trial, text in zip(group, texts, strict=True):
                try:
                    yield trial, _record(self._storage.at(name), trial, text)
                except LedgerError as error:
                    yield trial, error

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return the columns that a summary needs, a row for every record, by trial."""
        rows: dict[str, dict[str, Any]] = {}
        for columns in self._storage.each(self._columns, reversed(self.names())):
            for row in zip(*columns.values(), strict=True):
                rows[row[0]] = dict(zip(SUMMARY, row, strict=True))
        return rows

    def _columns(self, name: str) -> dict[str, list[Any]]:
        with readable(self._storage, name) as file:
            found: dict[str, list[Any]] = file.read(columns=list(SUMMARY)).select(SUMMARY).to_pydict()
            return found

    def _look(self, *, sound: bool = False) -> None:
        """Learn of parts that are new, and forget those that are gone, or are others of the same name."""
        found = [entry for entry in self._storage.entries(PARTS) if _is_part(entry.name)]
        if found == list(self._seen.values()):
            return
        self._index = {entry.name: self._index[entry.name] for entry in found if self._seen.get(entry.name) == entry}
        new = [entry.name for entry in found if entry.name not in self._index]
        try:
            read = dict(zip(new, self._storage.each(self._identities, new), strict=True))
        except LedgerError:
            if not sound:
                raise
            new = [name for name, opens in zip(new, self._storage.each(self.opens, new), strict=True) if opens]
            read = dict(zip(new, self._storage.each(self._identities, new), strict=True))
        known = self._index | read
        self._seen = {entry.name: entry for entry in found if entry.name in known}
        self._index = {name: known[name] for name in self._seen}

    def _place(self, trial_id: str) -> tuple[str, int] | None:
        for name, index in self._index.items():
            row = int(index.searchsorted(trial_id.encode()))
            if row < len(index) and index[row] == trial_id.encode():
                return name, row
        return None

    def _identities(self, name: str, content: bytes | None = None) -> np.ndarray:
        """Return the trials of a part, sorted as its rows are: 20 bytes each, because there can be many of them."""
        import numpy as np

        with readable(self._storage, name, content) as file:
            trials = file.read(columns=["trial"]).column(0).to_pylist()
        if not all(map(is_identity, trials)):
            raise _damaged(self._storage.at(name), "it names trials that can be none")
        index = np.array(trials, dtype="S20")
        if not (index[1:] > index[:-1]).all():
            raise _damaged(self._storage.at(name), "its trials are not sorted")
        return index


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


class readable:  # noqa: N801  used like a function
    """Open a part; what is wrong with it names it."""

    def __init__(self, storage: Storage, name: str, content: bytes | None = None) -> None:
        self._storage, self._name, self._content = storage, name, content

    def __enter__(self) -> Any:
        from pyarrow import BufferReader, parquet

        try:
            source = self._storage.source(self._name) if self._content is None else BufferReader(self._content)
            self._file = parquet.ParquetFile(source, page_checksum_verification=True)
        except Exception as error:
            raise _damaged(self._storage.at(self._name), error) from error
        return self._file

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        import pyarrow

        if hasattr(self, "_file"):
            self._file.close()
        if isinstance(error, OSError | pyarrow.ArrowException):
            raise _damaged(self._storage.at(self._name), error) from error


def _damaged(where: str, why: object) -> LedgerError:
    return LedgerError(
        f"{where}: the part is damaged ({why}); `ganbench ledger verify` names what is lost,"
        " `ganbench ledger repair` saves the rest"
    )


def _record(where: str, trial: str, text: str) -> Record:
    try:
        record = Record.from_text(text)
        if record.trial_id != trial:
            raise ValueError(f"it is that of trial {record.trial_id!r}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LedgerError(f"{where}: the record of trial {trial} is damaged ({error})") from error
    return record


def _is_part(name: str) -> bool:
    stem = name.rpartition("/")[2]
    return stem.startswith("part-") and stem.endswith(".parquet") and stem[5:10].isdigit()


def _row(record: Record) -> dict[str, Any]:
    return {**summary_of(record), "sha256": record.sha256, "record": record.to_text()}


def _schema() -> pyarrow.Schema:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    kinds = (text, text, pa.int64(), text, pa.list_(text), number, number, text, text, pa.int64())
    columns = [*zip(SUMMARY, kinds, strict=True), ("sha256", text), ("record", pa.large_string())]
    return pa.schema(columns)
