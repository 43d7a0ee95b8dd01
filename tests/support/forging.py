"""Forged records: whatever they say, in all forms that a ledger reads, under checksums that fit."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import version_1
from pyarrow import parquet

from ganbench.harness.canonical import canonical_json, digest, text_digest
from ganbench.harness.ledger import Record
from ganbench.harness.ledger.part_file import _schema
from ganbench.harness.ledger.record import content_digest, result_digest
from ganbench.harness.ledger.row import ARRAYS
from ganbench.harness.stability import Verdict
from ganbench.harness.traces.columns import Columns
from ganbench.harness.traces.trace import Trace


@dataclass(frozen=True)
class Said:
    """What a record says, each thing for itself."""

    trial: str
    cell: str
    spec: dict[str, Any]
    trace: Trace | None
    error: str
    provenance: dict[str, Any]
    verdict: Verdict

    @classmethod
    def by(cls, record: Record) -> Said:
        return cls(
            record.trial_id,
            record.cell_id,
            record.spec,
            record.trace,
            record.error,
            record.provenance,
            record.verdict,
        )

    def consistent(self) -> Said:
        """The same with the identities of what it says it is."""
        return replace(self, trial=digest(self.spec), cell=digest(self.spec["cell"]))

    def names(self) -> set[str]:
        """Identities by any of which it can be named."""
        return {self.trial, digest(self.spec)}

    def row(self) -> dict[str, Any]:
        """It as a row of a part, sealed."""
        columns = None if self.trace is None else Columns.of(self.trace)
        arrays = {name: None if columns is None else getattr(columns, name) for name in ARRAYS}
        return sealed(
            {
                "trial": self.trial,
                "cell": self.cell,
                "seed": self.spec["seed"],
                "outcome": self.verdict.outcome,
                "modes": list(self.verdict.modes),
                "seconds": float(self.provenance.get("seconds", 0)),
                "started": float(self.provenance.get("started", 0)),
                "host": self.provenance.get("host", ""),
                "device": self.provenance.get("device", ""),
                "attempt": self.provenance.get("attempt", 1),
                "suite_seed": self.spec["suite_seed"],
                "spec": canonical_json(self.spec["cell"]),
                "error": self.error,
                "layout": None if columns is None else columns.layout,
                **arrays,
                "provenance": canonical_json(self.provenance),
            }
        )

    def text_1(self) -> str:
        """It as a text of version 1, sealed."""
        result = version_1.result_of(self.trial, self.cell, self.spec, self.verdict, self.trace)
        return version_1.sealed(result, self.provenance)


def sealed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with the checksums of whatever is in it."""
    columns = None if row["layout"] is None else Columns(row["layout"], *(row[name] for name in ARRAYS))
    spec = f'{{"cell":{row["spec"]},"seed":{row["seed"]},"suite_seed":{row["suite_seed"]}}}'
    result = result_digest(text_digest(spec, 64), row["error"], columns)
    return {**row, "sha256": result, "checksum": content_digest(result, row["provenance"])}


def write_part(ledger: Path, rows: Sequence[Mapping[str, Any]], number: int = 1) -> Path:
    """Write rows into a part, as they are."""
    schema, rows = _schema(), sorted(rows, key=lambda row: row["trial"])
    path = ledger / "parts" / f"part-{number:05d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {field.name: [row[field.name] for row in rows] for field in schema}
    columns["images"] = [None if value is None else value.tobytes() for value in columns["images"]]
    arrays = [pyarrow.array(columns[field.name], type=field.type) for field in schema]
    parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=schema), path, write_page_checksum=True)
    return path


def write_text(ledger: Path, row: Mapping[str, Any]) -> Path:
    """Write a row into a file of its own."""
    arrays = {
        name: None if row[name] is None else base64.b64encode(np.ascontiguousarray(row[name], dtype).tobytes()).decode()
        for name, dtype in ARRAYS.items()
    }
    path = ledger / "trials" / row["trial"][:2] / f"{row['trial']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(canonical_json({"schema": 2} | dict(row) | arrays))
    return path
