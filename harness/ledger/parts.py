"""Compacted records: Parquet parts beside the single files, because ten thousand small files are slow to read.

Each part is written once and never changed. A row holds a record (``row``): its trace as typed columns, everything else as
text, and the few columns that a summary needs. A record that is in a part counts, whatever else is in the ledger; of
several parts with one trial (two compactions at once), the one whose name sorts first.

Parts of version 1 hold each record as text; they are read as well (``version_1``).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import version_1
from ganbench.harness.ledger.names import PARTS, is_identity
from ganbench.harness.ledger.record import Record
from ganbench.harness.ledger.row import ARRAYS, SUMMARY, TEXTS, record_of, row_of
from ganbench.harness.storage import Storage, StoredFile
from ganbench.harness.traces.decimals import shortest_decimals

if TYPE_CHECKING:
    import numpy as np
    import pyarrow
    from numpy.typing import NDArray

ROWS = 256
"""Records in a row group: what is read to get one of them."""

LEVEL = 9
"""Of zstd: a tenth smaller than its own choice, for a millisecond a record. Some parts are kept in repositories."""

BATCH = 8
"""Records held at once of each part while all of them are read side by side."""

ENCODINGS = {
    "whole": "DELTA_BINARY_PACKED",
    "single": "BYTE_STREAM_SPLIT",
    "decimal": "BYTE_STREAM_SPLIT",
    "double": "BYTE_STREAM_SPLIT",
}
"""How arrays are written before they are compressed: steps by their differences, numbers byte by byte."""


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

    def write(self, records: Sequence[Record], *, rows: int = ROWS, level: int = LEVEL) -> str:
        """Write a part and read it back; then it gets its name.

        Args:
            records: Sorted by trial, at least one.
            rows: Records in a row group.
            level: Of zstd.

        Returns:
            Its name.

        Raises:
            OSError: It cannot be written, or is not read back as it was written.
        """
        import pyarrow
        from pyarrow import parquet

        table = _table(records)
        sink = pyarrow.BufferOutputStream()
        parquet.write_table(
            table,
            sink,
            compression="zstd",
            compression_level=level,
            row_group_size=rows,
            write_page_checksum=True,
            use_dictionary=["cell", "outcome", "host", "device", "spec", "layout"],
            column_encoding={f"{name}.list.element": encoding for name, encoding in ENCODINGS.items()},
        )
        content = sink.getvalue().to_pybytes()

        def check(source: Any) -> None:
            back = parquet.read_table(source, page_checksum_verification=True)
            found = [(trial, _sound(one).checksum) for trial, one in _proved("a part", back)]
            same = found == [(record.trial_id, record.checksum) for record in records]
            if not same or not back.select(SUMMARY).equals(table.select(SUMMARY)):
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
            number, inside = divmod(row, _rows(file))
            group = file.read_row_group(number, columns=_stored(file))
        (found,) = _proved(self._storage.at(name), group.slice(inside, 1))
        return _sound(found[1])

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
            for some in file.iter_batches(batch, columns=_stored(file)):
                for trial, found in _proved(where, some):
                    yield trial, _sound(found)

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
            each = _rows(file)
            for number, some in groupby(rows, lambda row: row // each):
                group = file.read_row_group(number, columns=_stored(file)).take([row % each for row in some])
                for trial, found in _proved(self._storage.at(name), group):
                    yield trial, _sound(found)

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
            each = _rows(file)
        for first in range(0, len(trials), each):
            try:
                with readable(self._storage, name, content) as file:
                    group = file.read_row_group(first // each, columns=_stored(file))
            except LedgerError as error:
                yield from ((trial, error) for trial in trials[first : first + each])
                continue
            yield from _proved(self._storage.at(name), group)

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
            raise _damaged(self._storage.at(name), "it names trials that can be none")
        index = np.array(trials, dtype="S20")
        if not (index[1:] > index[:-1]).all():
            raise _damaged(self._storage.at(name), "its trials are not sorted")
        return index


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


def _rows(file: Any) -> int:
    """Return how many records a row group of a part has; the last one may have fewer."""
    return int(file.metadata.row_group(0).num_rows) if file.metadata.num_row_groups else ROWS


def _stored(file: Any) -> list[str]:
    """Return the columns that records are made from."""
    if version_1.COLUMN in file.schema_arrow.names:
        return ["trial", version_1.COLUMN]
    return ["trial", "cell", "seed", "suite_seed", "error", "layout", *TEXTS, *ARRAYS]


def _proved(where: str, rows: Any) -> Iterator[tuple[str, Record | LedgerError]]:
    """Yield the trials of some rows with their records, or with what is wrong with them.

    Args:
        where: The part.
        rows: A table or batch with the columns of :func:`_stored`.
    """
    made = _from_texts(rows) if version_1.COLUMN in rows.schema.names else _from_columns(rows)
    for trial, make in made:
        try:
            yield trial, make()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield trial, LedgerError(f"{where}: the record of trial {trial} is damaged ({error})")


def _sound(found: Record | LedgerError) -> Record:
    if isinstance(found, LedgerError):
        raise found
    return found


def _from_texts(rows: Any) -> Iterator[tuple[str, Callable[[], Record]]]:
    for trial, text in zip(*(rows.column(name).to_pylist() for name in ("trial", version_1.COLUMN)), strict=True):
        yield trial, partial(version_1.record_of, trial, text)


def _from_columns(rows: Any) -> Iterator[tuple[str, Callable[[], Record]]]:
    import numpy as np

    plain = {
        name: rows.column(name).to_pylist()
        for name in ("trial", "cell", "seed", "suite_seed", "error", "layout", *TEXTS)
    }
    arrays = {name: _flat(rows.column(name)) for name in ENCODINGS}
    images = rows.column("images").to_pylist()
    numbers, starts = arrays["decimal"]
    decimals = shortest_decimals(numbers[starts[0] : starts[-1]])
    for index, trial in enumerate(plain["trial"]):
        row = {name: values[index] for name, values in plain.items()}
        for name, (flat, offsets) in arrays.items():
            row[name] = flat[offsets[index] : offsets[index + 1]]
        row["images"] = np.frombuffer(images[index] or b"", dtype=ARRAYS["images"])
        own = decimals[starts[index] - starts[0] : starts[index + 1] - starts[0]]
        yield trial, partial(record_of, row, own)


def _flat(column: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the numbers of a column of lists, and where each row's begin; a row that is absent has none."""
    import numpy as np
    import pyarrow

    array = column.combine_chunks() if isinstance(column, pyarrow.ChunkedArray) else column
    if isinstance(array, pyarrow.ChunkedArray):  # of several chunks, or of none
        array = pyarrow.concat_arrays(array.chunks)
    offsets = np.asarray(array.offsets).astype(np.int64)
    return array.values.to_numpy(zero_copy_only=False), offsets


def _is_part(name: str) -> bool:
    stem = name.rpartition("/")[2]
    return stem.startswith("part-") and stem.endswith(".parquet") and stem[5:10].isdigit()


def _table(records: Sequence[Record]) -> pyarrow.Table:
    import pyarrow as pa

    rows = [row_of(record) for record in records]
    for row in rows:
        row["images"] = None if row["images"] is None else row["images"].tobytes()
    schema = _schema()
    return pa.Table.from_arrays(
        [pa.array([row[field.name] for row in rows], type=field.type) for field in schema], schema=schema
    )


def _schema() -> pyarrow.Schema:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    kinds = (text, text, pa.int64(), text, pa.list_(text), number, number, text, text, pa.int64())
    arrays = {"whole": pa.int64(), "single": pa.float32(), "decimal": pa.float32(), "double": number}
    return pa.schema(
        [
            *zip(SUMMARY, kinds, strict=True),
            ("suite_seed", pa.int64()),
            ("error", text),
            ("layout", text),
            *((name, pa.list_(kind)) for name, kind in arrays.items()),
            ("images", pa.binary()),
            *((name, text) for name in TEXTS),
        ]
    )
