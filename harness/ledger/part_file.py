"""A part as a Parquet file: how records become its columns, and are proved when they are read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import version_1
from ganbench.harness.ledger.record import Record
from ganbench.harness.ledger.row import ARRAYS, SUMMARY, TEXTS, record_of, row_of
from ganbench.harness.storage import Storage
from ganbench.harness.traces.decimals import shortest_decimals

if TYPE_CHECKING:
    import numpy as np
    import pyarrow
    from numpy.typing import NDArray

ROWS = 256
"""Records in a row group: what is read to get one of them."""

ENCODINGS = {
    "whole": "DELTA_BINARY_PACKED",
    "single": "BYTE_STREAM_SPLIT",
    "decimal": "BYTE_STREAM_SPLIT",
    "double": "BYTE_STREAM_SPLIT",
}
"""How arrays are written before they are compressed: steps by their differences, numbers byte by byte."""


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
            raise damaged_part(self._storage.at(self._name), error) from error
        return self._file

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        import pyarrow

        if hasattr(self, "_file"):
            self._file.close()
        if isinstance(error, OSError | pyarrow.ArrowException):
            raise damaged_part(self._storage.at(self._name), error) from error


def damaged_part(where: str, why: object) -> LedgerError:
    """Return the error that a part is not as it was written."""
    return LedgerError(
        f"{where}: the part is damaged ({why}); `ganbench ledger verify` names what is lost,"
        " `ganbench ledger repair` saves the rest"
    )


def rows_in(file: Any) -> int:
    """Return how many records a row group of a part has; the last one may have fewer."""
    return int(file.metadata.row_group(0).num_rows) if file.metadata.num_row_groups else ROWS


def stored(file: Any) -> list[str]:
    """Return the columns that records are made from."""
    if version_1.COLUMN in file.schema_arrow.names:
        return ["trial", version_1.COLUMN]
    return ["trial", "cell", "seed", "suite_seed", "error", "layout", *TEXTS, *ARRAYS]


def proved(where: str, rows: Any) -> Iterator[tuple[str, Record | LedgerError]]:
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


def sound(found: Record | LedgerError) -> Record:
    """Return a record that was proved.

    Raises:
        LedgerError: It is one that was not.
    """
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


def table_of(records: Sequence[Record]) -> pyarrow.Table:
    """Return records as a part's columns."""
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
