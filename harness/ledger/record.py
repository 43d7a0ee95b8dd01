"""A record: one committed trial, as text with a checksum."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

from ganbench.harness.canonical import canonical_json, digest
from ganbench.harness.errors import LedgerError
from ganbench.harness.stability import Definition, Looked, Verdict, judge
from ganbench.harness.traces.trace import Trace

SCHEMA = 1

_BEFORE, _AFTER = '},"result":', ',"sha256":"'
_LONG = re.compile(r"[:,\[]-?\d{19}")
"""A whole number that another parser than Python's may take for a float."""


@dataclass(frozen=True)
class Record:
    """One committed trial.

    Attributes:
        trial_id: Identity of the trial.
        cell_id: Identity of its cell.
        spec: The trial's canonical specification.
        verdict: What became of it, by the definition alone: detectors that somebody added are no part of a result.
        trace_json: The trace as JSON values, or None for a method error.
        provenance: Where and how it ran: versions, device, host, times, attempts, source hashes; and what added detectors
            saw.
    """

    trial_id: str
    cell_id: str
    spec: dict[str, Any]
    verdict: Verdict
    trace_json: dict[str, Any] | None
    provenance: dict[str, Any]

    @property
    def seed(self) -> int:
        """The seed's index."""
        return int(self.spec["seed"])

    @cached_property
    def trace(self) -> Trace | None:
        """What the trial logged, or None for a method error."""
        return None if self.trace_json is None else Trace.from_json(self.trace_json)

    @property
    def looks(self) -> tuple[Looked, ...]:
        """What the detectors saw that the suite added.

        Raises:
            LedgerError: It cannot be read.
        """
        try:
            return tuple(Looked.from_json(look) for look in self.provenance.get("detectors", ()))
        except (KeyError, TypeError, ValueError) as error:
            raise LedgerError(f"record {self.trial_id}: what its detectors saw cannot be read ({error})") from error

    def judged_by(self, definition: Definition, looks: Sequence[Looked] = ()) -> Verdict:
        """Return the verdict by a definition, from the stored trace where the record's is by another one.

        What has no trace, because its method could not run, cannot be judged anew. The warnings of added detectors stand
        beside those of the definition, whichever it is: they do not depend on it, and need no plugin here.

        Args:
            definition: The definition.
            looks: What detectors saw that were added later; in place of what the same ones saw when the trial ran.
        """
        known = self.verdict.definition == definition.version or self.trace is None
        verdict = self.verdict if known else judge(cast(Trace, self.trace), definition)
        added = {look.by.label: look for look in (*self.looks, *looks)}
        return verdict.beside(tuple(added.values())) if added else verdict

    def under(self, definition: Definition, looks: Sequence[Looked] = ()) -> Record:
        """Return the record with the verdict by a definition, and added warnings; itself where that is its own."""
        verdict = self.judged_by(definition, looks)
        return self if verdict is self.verdict else replace(self, verdict=verdict)

    def result(self) -> dict[str, Any]:
        """Return what a repetition of the trial must reproduce bit for bit."""
        return {
            "schema": SCHEMA,
            "trial": self.trial_id,
            "cell": self.cell_id,
            "spec": self.spec,
            "verdict": self.verdict.to_json(),
            "trace": self.trace_json,
        }

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the result."""
        return digest(_encodable(self.result()), digits=64)

    def to_text(self) -> str:
        """Return the record as it stands in its file."""
        return canonical_json(
            {"result": _encodable(self.result()), "sha256": self.sha256, "provenance": self.provenance}
        )

    @classmethod
    def from_text(cls, text: str) -> Record:
        """Read a record and verify its checksum.

        Raises:
            ValueError: The text is not a whole record, or its checksum does not match.
        """
        value = _as_written(text)
        whole = value is not None
        value = value if value is not None else json.loads(text)
        result = value["result"]
        if result["schema"] != SCHEMA:
            raise ValueError(f"schema {result['schema']}, expected {SCHEMA}")
        if not whole and digest(result, digits=64) != value["sha256"]:
            raise ValueError("the checksum does not match")
        record = cls(
            trial_id=result["trial"],
            cell_id=result["cell"],
            spec=result["spec"],
            verdict=Verdict.from_json(_decodable(result["verdict"])),
            trace_json=result["trace"],
            provenance=value["provenance"],
        )
        record.__dict__["sha256"] = value["sha256"]  # what was just verified need not be computed again
        return record


def _as_written(text: str) -> Any:
    """Return the JSON value of a text that stands as :meth:`Record.to_text` writes it and that its checksum fits.

    The checksum is over the canonical text of the result, and that stands in the record's own text: it need not be written
    anew, which takes most of the time of reading a record. None for every text of which this does not hold: it is damaged,
    or it was laid out anew, which the slow way tells apart.
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


def _encodable(value: Any) -> Any:
    """Replace numbers that are not finite by strings, so that every record is JSON that every reader understands."""
    if isinstance(value, float) and value - value != 0:
        return str(value)
    if isinstance(value, Mapping):
        return {key: _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    return value


def _decodable(verdict: dict[str, Any]) -> dict[str, Any]:
    """Undo :func:`_encodable` where a verdict holds numbers."""
    numbers = {
        key: [
            {**finding, "value": float(finding["value"]), "threshold": float(finding["threshold"])}
            for finding in verdict[key]
        ]
        for key in ("findings", "warnings")
    }
    return {**verdict, **numbers}
