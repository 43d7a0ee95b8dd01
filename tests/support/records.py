"""Records without trainings, and the plan that they belong to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ganbench.harness.canonical import digest
from ganbench.harness.ledger import Record
from ganbench.harness.ledger.part_file import ROWS
from ganbench.harness.traces.trace import Trace

STEPS = 20
CELL: dict[str, Any] = {
    "dataset": {"name": "ring8"},
    "architecture": {"name": "mlp"},
    "normalizer": {"name": "none"},
    "lr_g": 0.001,
    "steps": STEPS,
}
PLAN: dict[str, Any] = {
    "suite": "s",
    "version": 1,
    "seed": 1,
    "seeds": 5,
    "definition": 2,
    "baseline": None,
    "cells": [
        {
            "id": digest(CELL),
            "dataset": "ring8",
            "architecture": "mlp",
            "normalizer": "none",
            "setting": "",
            "measures": [{"key": "modes", "better": "higher"}],
            "spec": CELL,
        }
    ],
}


def record(number: int, loss: float = 0.1, cell: dict[str, Any] = CELL) -> Record:
    """Return a whole record; every third one failed. Each seed has a trace of its own.

    Args:
        number: The seed.
        loss: The same trial has another result with another one.
        cell: The cell's specification.
    """
    losses = np.array([loss, float(number), np.nan if number % 3 == 0 else loss])
    steps = np.array([1.0, STEPS / 2, STEPS])
    trace = Trace(STEPS, STEPS, steps, {"d_loss": losses}, np.empty(0), {}, np.empty(0), {})
    provenance = {
        "host": f"node{number % 2}",
        "seconds": 1.5 + number,
        "started": 10.0,
        "device": "cpu",
        "attempt": 1,
        "definition": 2,
        "note": "ü" * number,
    }
    return Record.of({"cell": cell, "suite_seed": 1, "seed": number}, trace, provenance)


def trial(number: int) -> str:
    """Return the identity of a record's trial."""
    return record(number).trial_id


def in_order(numbers: range) -> list[Record]:
    """Return records as a ledger orders them."""
    return sorted(map(record, numbers), key=lambda item: item.trial_id)


def flip_record(part: Path, group: int = 0, name: str = "provenance") -> bytes:
    """Return a part's content with one bit changed in what only the records of a row group are made from.

    Args:
        part: The part.
        group: Of which row group.
        name: A column that is read for records alone.
    """
    import pyarrow.parquet as parquet

    about = parquet.ParquetFile(part).metadata.row_group(group)
    columns = map(about.column, range(about.num_columns))
    column = next(column for column in columns if column.path_in_schema == name)
    begin = column.data_page_offset if column.dictionary_page_offset is None else column.dictionary_page_offset
    content = bytearray(part.read_bytes())
    content[begin + column.total_compressed_size - 8] ^= 0x40  # a page's head, before its content, has no checksum
    return bytes(content)


def of_several_groups() -> list[Record]:
    """Return so many records that a part of them has three row groups, of which the last is not full."""
    return in_order(range(2 * ROWS + 20))
