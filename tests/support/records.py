"""Records without trainings."""

from __future__ import annotations

from pathlib import Path

from ganbench.harness.ledger import Record
from ganbench.harness.stability import STABLE, UNSTABLE, Finding, Verdict


def record(number: int, loss: float = 0.1) -> Record:
    """Return a whole record; every third one failed."""
    spec = {"cell": {"lr_g": loss}, "suite_seed": 1, "seed": number}
    failed = number % 3 == 0
    findings = (Finding("diverged", 20, float("nan"), float("inf"), "why"),) if failed else ()
    verdict = Verdict(UNSTABLE if failed else STABLE, 2, findings)
    provenance = {"host": f"node{number % 2}", "seconds": 1.5 + number, "started": 10.0, "device": "cpu", "attempt": 1}
    return Record(f"{number:020x}", "f" * 20, spec, verdict, {"text": "ü" * number}, provenance)


def flip_record(part: Path, group: int = 0) -> bytes:
    """Return a part's content with one bit changed in the text of a row group's records."""
    import pyarrow.parquet as parquet

    about = parquet.ParquetFile(part).metadata.row_group(group)
    column = next(column for column in map(about.column, range(about.num_columns)) if column.path_in_schema == "record")
    begin = column.data_page_offset if column.dictionary_page_offset is None else column.dictionary_page_offset
    content = bytearray(part.read_bytes())
    content[begin + column.total_compressed_size - 8] ^= 0x40  # a page's head, before its content, has no checksum
    return bytes(content)
