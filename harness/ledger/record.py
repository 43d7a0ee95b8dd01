"""A record: one committed trial. What it says of itself can be computed again from what it holds.

Its content is the trial's specification, its trace, and its provenance. Identities are hashes of the specification; the
verdict is a function of the trace and a definition, and no part of the content: it is derived by whoever reads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ganbench.harness.canonical import canonical_json, text_digest
from ganbench.harness.errors import LedgerError
from ganbench.harness.stability import AddedVerdict, Definition, Verdict, judge, load_definition, method_error
from ganbench.harness.stability.references import references_of
from ganbench.harness.traces.columns import Columns
from ganbench.harness.traces.trace import Trace

SCHEMA = 2

FIRST_DEFINITION = 1
"""What judged trials whose provenance does not say."""


@dataclass(frozen=True)
class Record:
    """One committed trial.

    Attributes:
        spec: The trial's canonical specification: ``cell``, ``suite_seed`` and ``seed``.
        columns: Its trace, in the form in which it is stored; None for a method error.
        provenance: Where and how it ran: versions, device, host, times, attempts, source hashes, the definition by which
            its sweep judged, and what added detectors saw.
        error: What a method error said; else empty.
    """

    spec: dict[str, Any]
    columns: Columns | None
    provenance: dict[str, Any]
    error: str = ""

    @classmethod
    def of(cls, spec: dict[str, Any], trace: Trace | None, provenance: dict[str, Any], error: str = "") -> Record:
        """Return the record of a training that has ended.

        Args:
            spec: The trial's canonical specification.
            trace: What it logged; None for a method error.
            provenance: Where and how it ran.
            error: What a method error said.
        """
        # A message may hold half a character, which no file of text can.
        said = error.encode("utf-8", "replace").decode()
        return cls(spec, None if trace is None else Columns.of(trace), provenance, said)

    @cached_property
    def spec_sha256(self) -> str:
        """SHA-256 of the specification's canonical JSON."""
        return text_digest(self.spec_text, 64)

    @cached_property
    def trial_id(self) -> str:
        """Identity of the trial: the beginning of the specification's hash."""
        return self.spec_sha256[:20]

    @cached_property
    def cell_id(self) -> str:
        """Identity of its cell: a hash of the cell's specification."""
        return text_digest(self.cell_text)

    @property
    def seed(self) -> int:
        """The seed's index."""
        return int(self.spec["seed"])

    @property
    def normalizers(self) -> tuple[str, ...]:
        """The names of its normalizer, or of the parts of a combination."""
        spec = self.spec["cell"].get("normalizer")
        parts = spec.get("parts", [spec]) if isinstance(spec, dict) else []
        return tuple(str(part.get("name")) for part in parts if isinstance(part, dict))

    @property
    def trace(self) -> Trace | None:
        """What the trial logged; None for a method error."""
        return None if self.columns is None else self.columns.trace

    @cached_property
    def cell_text(self) -> str:
        """The canonical JSON of the cell's specification."""
        return canonical_json(self.spec["cell"])

    @property
    def spec_text(self) -> str:
        """The canonical JSON of the trial's specification."""
        return f'{{"cell":{self.cell_text},"seed":{self.spec["seed"]},"suite_seed":{self.spec["suite_seed"]}}}'

    @cached_property
    def provenance_text(self) -> str:
        """The canonical JSON of the provenance."""
        return canonical_json(self.provenance)

    # --- the verdict ----------------------------------------------------------------------------------------------

    @property
    def definition(self) -> int:
        """Version of the definition by which its sweep judged."""
        return int(self.provenance.get("definition", FIRST_DEFINITION))

    @cached_property
    def verdict(self) -> Verdict:
        """The verdict by the definition of its sweep."""
        return self._derived(load_definition(self.definition))

    @property
    def added_verdicts(self) -> tuple[AddedVerdict, ...]:
        """What the detectors found that the suite added.

        Raises:
            LedgerError: It cannot be read.
        """
        try:
            return tuple(well_typed(AddedVerdict.from_json(found)) for found in self.provenance.get("detectors", ()))
        except (KeyError, TypeError, ValueError) as error:
            raise LedgerError(f"record {self.trial_id}: what its detectors found cannot be read ({error})") from error

    def judged_by(self, definition: Definition, added: Sequence[AddedVerdict] = ()) -> Verdict:
        """Return the verdict by a definition, derived from the trace.

        The warnings of added detectors are given with those of the definition, whichever it is: they do not depend on it,
        and need no plugin here.

        Args:
            definition: The definition.
            added: What detectors found that were added later; in place of what the same ones found when the trial ran.
        """
        own = definition.version == self.definition and definition == load_definition(self.definition)
        verdict = self.verdict if own else self._derived(definition)
        found = {item.by.label: item for item in (*self.added_verdicts, *added)}
        return verdict.with_added(tuple(found.values())) if found else verdict

    def under(self, definition: Definition, added: Sequence[AddedVerdict] = ()) -> Record:
        """Return the record for readers who judge by a definition: its ``verdict`` is the one by that."""
        judged = replace(self)
        judged.__dict__.update(self.__dict__, verdict=self.judged_by(definition, added))
        return judged

    def _derived(self, definition: Definition) -> Verdict:
        """Judge the trace.

        Raises:
            LedgerError: It is such that nobody can: its series do not fit each other.
        """
        if self.trace is None:
            return method_error(self.error, definition)
        try:
            return judge(self.trace, definition, references=references_of(self.spec["cell"], self.provenance))
        except (ValueError, IndexError, TypeError, ArithmeticError) as error:
            raise LedgerError(f"the record of trial {self.trial_id} cannot be judged ({error})") from error

    # --- checksums ------------------------------------------------------------------------------------------------

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the result, which a repetition must reproduce: specification and trace, or error."""
        return result_digest(self.spec_sha256, self.error, self.columns)

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of all content: the result, and its provenance. It tells two commits of one trial apart."""
        return content_digest(self.sha256, self.provenance_text)


def checked_provenance(value: Any) -> dict[str, Any]:
    """Return a provenance in which what every reader uses has its type.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(value, dict):
        raise ValueError("its provenance is no mapping")
    for key in ("definition", "attempt"):
        if type(value.get(key, 1)) is not int or not 0 <= value.get(key, 1) < 2**63:
            raise ValueError(f"its provenance says {key} {value[key]!r}, expected a whole number")
    for key in ("started", "seconds"):
        if type(value.get(key, 0)) not in (int, float) or not math.isfinite(value.get(key, 0)):
            raise ValueError(f"its provenance says {key} {value[key]!r}, expected a number")
    return value


def well_typed(found: AddedVerdict) -> AddedVerdict:
    """Return what an added detector found, as it was read.

    Raises:
        TypeError: It holds something of a wrong type.
    """
    by, finding = found.by, found.finding
    texts = [by.label, by.name, by.version, by.source, by.summary]
    if finding is not None:
        texts += [finding.mode, finding.reason]
        if type(finding.step) is not int:
            raise TypeError(f"a step is {finding.step!r}, expected a whole number")
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"found {text!r}, expected a text")
    return found


def result_digest(spec: str, error: str, columns: Columns | None) -> str:
    """Return the SHA-256 of a result.

    Args:
        spec: SHA-256 of the trial's specification.
        error: What a method error said.
        columns: The trace; None for a method error.
    """
    return text_digest(f"{SCHEMA}\n{spec}\n{'-' if columns is None else columns.sha256}\n{error}", 64)


def content_digest(result: str, provenance: str) -> str:
    """Return the SHA-256 of all that a record holds.

    Args:
        result: Its result's SHA-256.
        provenance: Canonical JSON.
    """
    return text_digest(f"{result}\n{provenance}", 64)
