"""Compacted records: Parquet parts beside the single files, because ten thousand small files are slow to read.

Each part is written once and never changed. A row holds a record (``row``): its trace as typed columns, everything else as
text, and the few columns that a summary needs. A record that is in a part counts, whatever else is in the ledger; of
several parts with one trial (two compactions at once), the one whose name sorts first.

Parts of version 1 hold each record as text; they are read as well (``version_1``).
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import version_1
from ganbench.harness.ledger.names import PARTS, is_identity
from ganbench.harness.ledger.part_file import (
    ENCODINGS,
    ROWS,
    damaged_part,
    proved,
    readable,
    rows_in,
    sound,
    stored,
    table_of,
)
from ganbench.harness.ledger.record import Record
from ganbench.harness.ledger.row import SUMMARY
from ganbench.harness.storage import Storage, StoredFile

if TYPE_CHECKING:
    import numpy as np

LEVEL = 9
"""Of zstd: a tenth smaller than its own choice, for a millisecond a record. Some parts are kept in repositories."""

BATCH = 8
"""Records held at once of each part while all of them are read side by side."""


class Parts:
    """The parts of a ledger.

    Args:
        storage: The ledger's.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._index: dict[str, np.ndarray] = {}
        self._seen: dict[str, StoredFile] = {}

    def names(self) -> list[str]:
        """Return the parts, the one that counts first."""
        return [name for name in self._storage.names(PARTS) if _is_part(name)]

    def write(self, records: Sequence[Record], *, rows: int = ROWS, level: int = LEVEL, page: int | None = None) -> str:
        """Write a part and read it back; then it gets its name.

        Args:
            records: Sorted by trial, at least one.
            rows: Records in a row group.
            level: Of zstd.
            page: Bytes of a column that are compressed together; the larger, the smaller the part. Arrow's when absent.

        Returns:
            Its name.

        Raises:
            OSError: It cannot be written, or is not read back as it was written.
        """
        import pyarrow
        from pyarrow import parquet

        table = table_of(records)
        sink = pyarrow.BufferOutputStream()
        parquet.write_table(
            table,
            sink,
            compression="zstd",
            compression_level=level,
            row_group_size=rows,
            data_page_size=page,
            write_page_checksum=True,
            use_dictionary=["cell", "outcome", "host", "device", "spec", "layout"],
            column_encoding={f"{name}.list.element": encoding for name, encoding in ENCODINGS.items()},
        )
        content = sink.getvalue().to_pybytes()

        def check(source: Any) -> None:
            back = parquet.read_table(source, page_checksum_verification=True)
            found = [(trial, sound(one).checksum) for trial, one in proved("a part", back)]
            same = found == [(record.trial_id, record.checksum) for record in records]
            if not same or not back.select(SUMMARY).equals(table.select(SUMMARY)):
                raise OSError("a part was not read back as it was written")

        number = 1 + max((int(name.split("-")[1][:5]) for name in self.names()), default=0)
        while True:  # in a folder another compaction can take a number; elsewhere nobody can have the same name
            unique = "" if self._storage.exclusive else f".{uuid.uuid4().hex[:16]}"
            name = f"{PARTS}/part-{number:05d}{unique}.parquet"
            if self._storage.create_checked(name, content, check):
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

    def read(self, trial_id: str) -> Record | None:
        """Return a trial's record, or None where no part has it.

        Raises:
            LedgerError: The part, or the record, is damaged.
        """
        self._look()
        place = self._place(trial_id)
        if place is None:
            return None
        name, row = place
        with readable(self._storage, name) as file:
            number, inside = divmod(row, rows_in(file))
            group = file.read_row_group(number, columns=stored(file))
        (found,) = proved(self._storage.at(name), group.slice(inside, 1))
        return sound(found[1])

    def records(self, name: str, batch: int = BATCH) -> Iterator[tuple[str, Record]]:
        """Yield the records of a part with their trials, sorted by trial.

        Args:
            name: The part.
            batch: How many are held at once.

        Raises:
            LedgerError: The part, or a record in it, is damaged.
        """
        where = self._storage.at(name)
        with readable(self._storage, name) as file:
            for some in file.iter_batches(batch, columns=stored(file)):
                for trial, found in proved(where, some):
                    yield trial, sound(found)

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
            each = rows_in(file)
            for number, some in groupby(rows, lambda row: row // each):
                group = file.read_row_group(number, columns=stored(file)).take([row % each for row in some])
                for trial, found in proved(self._storage.at(name), group):
                    yield trial, sound(found)

    def examined(self, name: str, content: bytes | None = None) -> Iterator[tuple[str, Record | LedgerError]]:
        """Yield every trial of a part with its record, or with what is wrong with it.

        Args:
            name: The part.
            content: All of it, where a fault of the storage must not be taken for one of the part.

        Raises:
            LedgerError: The part cannot be opened, or does not say whose records it holds.
        """
        trials = self._identities(name, content).astype(str).tolist()
        with readable(self._storage, name, content) as file:
            each = rows_in(file)
        for first in range(0, len(trials), each):
            try:
                with readable(self._storage, name, content) as file:
                    group = file.read_row_group(first // each, columns=stored(file))
            except LedgerError as error:
                yield from ((trial, error) for trial in trials[first : first + each])
                continue
            yield from proved(self._storage.at(name), group)

    def copies(self, name: str, content: bytes | None = None) -> dict[str, tuple[Any, ...]]:
        """Return what a part's summary says of each of its trials, in the order of :data:`SUMMARY`.

        Args:
            name: The part.
            content: As for :meth:`examined`.

        Raises:
            LedgerError: The part is damaged.
        """
        return {row[0]: row for row in zip(*self._columns(name, content).values(), strict=True)}

    def is_version_1(self, name: str) -> bool:
        """Say whether a part holds its records as text.

        Raises:
            LedgerError: The part is damaged.
        """
        with readable(self._storage, name) as file:
            return version_1.COLUMN in file.schema_arrow.names

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return the columns that a summary needs, a row for every record, by trial."""
        rows: dict[str, dict[str, Any]] = {}
        for columns in self._storage.each(self._columns, reversed(self.names())):
            for row in zip(*columns.values(), strict=True):
                rows[row[0]] = dict(zip(SUMMARY, row, strict=True))
        return rows

    def _columns(self, name: str, content: bytes | None = None) -> dict[str, list[Any]]:
        with readable(self._storage, name, content) as file:
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
            raise damaged_part(self._storage.at(name), "it names trials that can be none")
        index = np.array(trials, dtype="S20")
        if not (index[1:] > index[:-1]).all():
            raise damaged_part(self._storage.at(name), "its trials are not sorted")
        return index


def _is_part(name: str) -> bool:
    stem = name.rpartition("/")[2]
    return stem.startswith("part-") and stem.endswith(".parquet") and stem[5:10].isdigit()
