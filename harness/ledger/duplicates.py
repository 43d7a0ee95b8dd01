"""Second commits of a trial: an audit of determinism, because the same trial, run again, must have the same result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ganbench.harness.canonical import canonical_json
from ganbench.harness.ledger.names import DUPLICATES
from ganbench.harness.ledger.record import Record
from ganbench.harness.storage import Storage


def line_of(record: Record, *, equal: bool) -> dict[str, Any]:
    """Return what is noted of a second commit, and whether its result is that of the first."""
    return {"trial": record.trial_id, "equal": equal, "sha256": record.sha256, "provenance": record.provenance}


def note(storage: Storage, record: Record, first: Record) -> None:
    """Note a second commit of a trial, and whether it is equal to the first.

    Raises:
        OSError: It cannot be written.
    """
    storage.append(DUPLICATES, canonical_json(line_of(record, equal=first.sha256 == record.sha256)))


def duplicates(storage: Storage) -> Sequence[dict[str, Any]]:
    """Return the second commits that were noted, each once: a process that was cut off can have noted one again."""
    noted: dict[str, dict[str, Any]] = {}
    for line in json_lines(storage, DUPLICATES):
        if "equal" in line:
            noted[canonical_json(line)] = line
    return list(noted.values())


def json_lines(storage: Storage, name: str) -> Sequence[dict[str, Any]]:
    """Return the mappings in a file of JSON lines; a line that a process left half-written is passed over."""
    found = []
    for text in storage.lines(name):
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            found.append(line)
    return found
