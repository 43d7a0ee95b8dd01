"""A record as a row: the few columns that a summary needs, and everything that the record is made from.

The same row is stored in two ways: as JSON in a file of its own, where arrays are base64, and as a row of a Parquet part,
where they are typed columns. Whoever reads one back gets a record that was proved: identities, checksums and the canonical
form were computed again and compared.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ganbench.harness.canonical import canonical_json, text_digest
from ganbench.harness.ledger import version_1
from ganbench.harness.ledger.record import SCHEMA, Record, checked_provenance, content_digest
from ganbench.harness.traces.columns import DTYPES, IMAGE, Columns

SUMMARY = ("trial", "cell", "seed", "outcome", "modes", "seconds", "started", "host", "device", "attempt")
"""Columns that a summary reads, without the records themselves. Outcome and modes are a copy of the derived verdict's."""

ARRAYS = {
    "whole": DTYPES["i8"],
    "single": DTYPES["f4"],
    "decimal": DTYPES["d4"],
    "double": DTYPES["f8"],
    "images": IMAGE,
}
"""Arrays of a trace by the names of their columns, with their types."""

TEXTS = ("spec", "provenance", "sha256", "checksum")
"""Columns that every row has: canonical JSON of the cell's specification and of the provenance, and both checksums."""


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
        "host": _text(provenance.get("host", "")),
        "device": _text(provenance.get("device", "")),
        "attempt": int(provenance.get("attempt", 1)),
    }


def _text(value: Any) -> str:
    return str(value).encode("utf-8", "replace").decode()


def row_of(record: Record) -> dict[str, Any]:
    """Return a record as a row: :data:`SUMMARY`, :data:`TEXTS`, ``suite_seed``, ``error``, ``layout``, :data:`ARRAYS`."""
    columns = record.columns
    return {
        **summary_of(record),
        "suite_seed": int(record.spec["suite_seed"]),
        "spec": record.cell_text,
        "error": record.error,
        "layout": None if columns is None else columns.layout,
        **{name: None if columns is None else getattr(columns, name) for name in ARRAYS},
        "provenance": record.provenance_text,
        "sha256": record.sha256,
        "checksum": record.checksum,
    }


def record_of(row: Mapping[str, Any], decimals: NDArray[np.float64] | None = None) -> Record:
    """Return the record that a row holds.

    Args:
        row: As :func:`row_of` returns it, read from a file.
        decimals: Of the trace, where they were computed already.

    Raises:
        ValueError: It does not prove itself: an identity or a checksum is not that of the content, or the content is no
            record's.
    """
    spec_text = row["spec"]
    cell, cell_id = _cell(spec_text)
    spec = {"cell": cell, "suite_seed": _index(row["suite_seed"]), "seed": _index(row["seed"])}
    columns = None
    if row["layout"] is not None:
        columns = Columns(row["layout"], *(row[name] for name in ARRAYS))
        if decimals is not None:
            columns.__dict__["decimals"] = decimals
    provenance = checked_provenance(_json(row["provenance"]))
    record = Record(spec, columns, provenance, row["error"])
    record.__dict__.update(cell_text=spec_text, cell_id=cell_id, provenance_text=row["provenance"])
    if record.trial_id != row["trial"]:
        raise ValueError(f"its specification is that of trial {record.trial_id}")
    if cell_id != row["cell"]:
        raise ValueError(f"its specification is that of cell {cell_id}, it says {row['cell']}")
    if record.sha256 != row["sha256"]:
        raise ValueError("the checksum of its result does not match")
    if content_digest(record.sha256, row["provenance"]) != row["checksum"]:
        raise ValueError("the checksum of its provenance does not match")
    record.trace  # noqa: B018  a layout that does not fit is damage, wherever it is noticed
    return record


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # half a character, which Python's own reader takes
        return json.loads(text)


def _index(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"a seed is {value!r}, expected a whole number")
    return value


@lru_cache(maxsize=4096)
def _cell(text: str) -> tuple[dict[str, Any], str]:
    """Return a cell's specification and identity; the trials of a cell share it, and nobody writes to it.

    Raises:
        ValueError: It is not in its canonical form.
    """
    cell = json.loads(text)
    if not isinstance(cell, dict) or canonical_json(cell) != text:
        raise ValueError("the specification of its cell is not in its canonical form")
    return cell, text_digest(text)


# --- as text ----------------------------------------------------------------------------------------------------------


def to_text(record: Record) -> str:
    """Return a record as it is stored in a file of its own."""
    row = row_of(record)
    arrays = {
        name: None if row[name] is None else base64.b64encode(np.ascontiguousarray(row[name], dtype).tobytes()).decode()
        for name, dtype in ARRAYS.items()
    }
    return canonical_json({"schema": SCHEMA} | row | arrays)


def from_text(trial_id: str, text: str) -> Record:
    """Return the record that a text holds, of this version or of version 1.

    Args:
        trial_id: Whose it should be.
        text: As :func:`to_text` returns it.

    Raises:
        ValueError: It does not prove itself.
        KeyError, TypeError, AttributeError: It is something else.
    """
    value = json.loads(text)
    if "result" in value:
        return version_1.record_of(trial_id, text)
    if value["schema"] != SCHEMA:
        raise ValueError(f"schema {value['schema']}, expected {SCHEMA}")
    if value["trial"] != trial_id:
        raise ValueError(f"it is that of trial {value['trial']!r}")
    row = dict(value)
    for name, dtype in ARRAYS.items():
        row[name] = None if row[name] is None else _array(row[name], dtype)
    return record_of(row)


def copies_in(text: str | bytes) -> dict[str, Any]:
    """Return the columns of a summary that a record's text holds beside the record; none of version 1."""
    value = json.loads(text)
    return {name: value.get(name) for name in SUMMARY} if "result" not in value else {}


def _array(text: str, dtype: str) -> NDArray[Any]:
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), dtype=dtype)
    except binascii.Error as error:
        raise ValueError(f"an array cannot be read ({error})") from error
