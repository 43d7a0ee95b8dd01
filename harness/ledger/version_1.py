"""Records of version 1: read as they were committed, and held against what they say of themselves.

Such a record is one JSON text with its verdict in it. The trace becomes typed columns, and of more samples than a record
keeps today only the first are taken, so that a record is the same whether it is read here or was upgraded. The verdict
must be the one that its trace gives.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ganbench.harness.canonical import digest
from ganbench.harness.errors import InputError, LedgerError
from ganbench.harness.ledger.record import Record, checked_provenance
from ganbench.harness.traces.trace import KEPT_IMAGES, Samples, Trace

COLUMN = "record"
"""Of parts of version 1: the records' texts."""

_BEFORE, _AFTER = '},"result":', ',"sha256":"'
_LONG = re.compile(r"[:,\[]-?\d{19}")
"""A whole number that another parser than Python's may take for a float."""


def record_of(trial_id: str, text: str) -> Record:
    """Return the record that a text of version 1 holds.

    Args:
        trial_id: Whose it should be.
        text: As version 1 wrote it.

    Raises:
        ValueError: It does not prove itself: a checksum, an identity or the verdict is not that of its content.
        KeyError, TypeError: It is something else.
    """
    value = _as_written(text)
    proved = value is not None
    value = value if proved else json.loads(text)
    result = value["result"]
    if result["schema"] != 1:
        raise ValueError(f"schema {result['schema']}, expected 1")
    if not proved and digest(result, digits=64) != value["sha256"]:
        raise ValueError("the checksum does not match")
    verdict = result["verdict"]
    trace = None if result["trace"] is None else fewer_samples(Trace.from_json(result["trace"]))
    provenance = checked_provenance({**value["provenance"], "definition": verdict["definition"]})
    record = Record.of(result["spec"], trace, provenance, verdict["message"] if trace is None else "")
    if not result["trial"] == record.trial_id == trial_id:
        raise ValueError(f"its specification is that of trial {record.trial_id}, it says {result['trial']}")
    if result["cell"] != record.cell_id:
        raise ValueError(f"its specification is that of cell {record.cell_id}, it says {result['cell']}")
    _check_verdict(record, verdict)
    return record


def fewer_samples(trace: Trace) -> Trace:
    """Return a trace with as many images as a record keeps; points stay as they are."""
    samples = trace.samples
    if samples is None or samples.values.ndim != 4 or len(samples.values) <= KEPT_IMAGES:
        return trace
    return replace(trace, samples=Samples(samples.values[:KEPT_IMAGES]))


def _check_verdict(record: Record, said: Mapping[str, Any]) -> None:
    try:
        derived = record.verdict
    except (InputError, LedgerError) as error:
        raise ValueError(str(error)) from error
    its = said["outcome"], [(item["mode"], item["step"]) for item in said["findings"]]
    if its != (derived.outcome, [(finding.mode, finding.step) for finding in derived.findings]):
        modes = [str(item["mode"]) for item in said["findings"]]
        raise ValueError(
            f"its verdict is {_words(str(said['outcome']), modes)}, and its trace gives"
            f" {_words(derived.outcome, derived.modes)}"
        )


def _words(outcome: str, modes: Sequence[str]) -> str:
    return f"{outcome} ({', '.join(modes)})" if modes else outcome


def _as_written(text: str) -> Any:
    """Return the JSON value of a text that is as version 1 wrote it, and that its checksum fits.

    The checksum is over the canonical text of the result, and that is in the record's own text: it need not be written
    anew, which takes most of the time of reading a record. None for every text of which this does not hold: it is damaged,
    or its layout is another one, which the slow way distinguishes.
    """
    import orjson

    start, end = text.find(_BEFORE) + len(_BEFORE), len(text) - len(_AFTER) - 66
    if start < len(_BEFORE) or text[end : end + len(_AFTER)] != _AFTER or not text.endswith('"}'):
        return None
    if hashlib.sha256(text[start:end].encode(errors="replace")).hexdigest() != text[-66:-2]:
        return None
    trace = text.find(',"trace":', start)  # in which no whole number is long
    if _LONG.search(text, start, trace if trace > 0 else end):
        return None
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return None
