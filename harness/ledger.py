"""The ledger: committed trials, the only source of truth.

A ledger is a folder:

    suite.json             what the last `ganbench run` planned here
    trials/ab/abcd….json   one record per trial, committed by one atomic link; the first commit wins
    checkpoints/abcd…/     what trials under way go on from; gone when they are committed
    damaged/               records whose checksum failed, set aside; their trials run again
    duplicates.jsonl       second commits of a trial, and whether they were equal

A record has a ``result``, a pure function of the trial's specification on a given machine, and a ``provenance``: where
and how it ran. Its ``sha256`` covers the result, so two ledgers can be compared without looking at times and hosts.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.cell import canonical_json, digest
from harness.errors import LedgerError
from harness.stability import Definition, Verdict, judge
from harness.trace import Trace

SCHEMA = 1
_ID = re.compile(r"^[0-9a-f]{20}$")


@dataclass(frozen=True)
class Record:
    """One committed trial.

    Attributes:
        trial_id: Identity of the trial.
        cell_id: Identity of its cell.
        spec: The trial's canonical specification.
        verdict: What became of it.
        trace_json: The trace as JSON values, or None for a method error.
        provenance: Where and how it ran: versions, device, host, times, attempts, source hashes.
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

    def judged_by(self, definition: Definition) -> Verdict:
        """Return the verdict by a definition, from the stored trace where the record's is by another one.

        What has no trace, because its method could not run, cannot be judged anew.
        """
        if self.verdict.definition == definition.version or self.trace is None:
            return self.verdict
        return judge(self.trace, definition)

    def under(self, definition: Definition) -> Record:
        """Return the record with the verdict by a definition; itself where that is its own."""
        verdict = self.judged_by(definition)
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
        value = json.loads(text)
        result = value["result"]
        if result["schema"] != SCHEMA:
            raise ValueError(f"schema {result['schema']}, expected {SCHEMA}")
        if digest(result, digits=64) != value["sha256"]:
            raise ValueError("the checksum does not match")
        return cls(
            trial_id=result["trial"],
            cell_id=result["cell"],
            spec=result["spec"],
            verdict=Verdict.from_json(_decodable(result["verdict"])),
            trace_json=result["trace"],
            provenance=value["provenance"],
        )


class Ledger:
    """A folder of committed trials.

    Args:
        root: The folder; it need not exist.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    # --- the plan -------------------------------------------------------------------------------------------------

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Keep what the sweep is about to run, so that readers know labels and what is missing.

        Raises:
            LedgerError: The folder cannot be written, or belongs to another suite.
        """
        known = self.plan() if (self.root / "suite.json").exists() else None
        if known is not None and known["suite"] != plan["suite"]:
            raise LedgerError(
                f"{self.root}: holds results of suite {known['suite']!r}, not of {plan['suite']!r};"
                " choose another folder with --results"
            )
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            _write_atomically(self.root / "suite.json", json.dumps(plan, indent=1, sort_keys=True) + "\n")
        except OSError as error:
            raise LedgerError(f"{self.root}: cannot be written ({error})") from error

    def plan(self) -> dict[str, Any]:
        """Return the plan, with the definition of instability that :meth:`relabel` chose, if it did.

        Raises:
            LedgerError: There is none, or it cannot be read.
        """
        path = self.root / "suite.json"
        try:
            plan: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise LedgerError(f"{self.root}: is no results folder (it has no suite.json)") from error
        except (OSError, ValueError) as error:
            raise LedgerError(f"{path}: cannot be read ({error}); run the suite again to write it anew") from error
        return plan | self._chosen()

    def relabel(self, definition: int) -> None:
        """Have readers judge all trials by another definition. The records stay as they are; only the choice is kept.

        Raises:
            LedgerError: The folder cannot be written.
        """
        try:
            _write_atomically(self.root / "definition.json", canonical_json({"definition": definition}) + "\n")
        except OSError as error:
            raise LedgerError(f"{self.root}: cannot be written ({error})") from error

    def _chosen(self) -> dict[str, int]:
        path = self.root / "definition.json"
        try:
            return {"definition": int(json.loads(path.read_text(encoding="utf-8"))["definition"])}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LedgerError(f"{path}: cannot be read ({error}); `ganbench relabel` writes it anew") from error

    # --- trials ---------------------------------------------------------------------------------------------------

    def path(self, trial_id: str) -> Path:
        """Return where a trial's record stands."""
        if not _ID.match(trial_id):
            raise LedgerError(f"{trial_id!r} is not a trial's identity")
        return self.root / "trials" / trial_id[:2] / f"{trial_id}.json"

    def checkpoints(self, trial_id: str) -> Path:
        """Return the folder of a trial's checkpoints."""
        return self.root / "checkpoints" / self.path(trial_id).stem

    def committed(self) -> set[str]:
        """Return the identities of all committed trials."""
        return {path.stem for path in self._files()}

    def commit(self, record: Record) -> bool:
        """Commit a trial. The first commit of a trial wins; a later one is compared with it and noted.

        The record is written beside its final name, flushed to the disk, and linked, which either makes the whole file
        appear or fails because the name is taken. A process that dies in between leaves a hidden file that nobody reads.

        Returns:
            Whether this was the trial's first commit.

        Raises:
            LedgerError: The folder cannot be written.
        """
        path = self.path(record.trial_id)
        hidden = path.with_name(f".{path.stem}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_durably(hidden, record.to_text())
            try:
                os.link(hidden, path)
            except FileExistsError:
                self._note_duplicate(record, path)
                return False
            finally:
                hidden.unlink()
            _flush_folder(path.parent)
        except OSError as error:
            raise LedgerError(f"{path}: cannot be written ({error})") from error
        return True

    def read(self, trial_id: str) -> Record:
        """Return one trial's record.

        Raises:
            LedgerError: It is absent or damaged.
        """
        return _read(self.path(trial_id))

    def records(self) -> Iterator[Record]:
        """Yield all committed trials, by identity.

        Raises:
            LedgerError: A record is damaged; the message names it.
        """
        for path in self._files():
            yield _read(path)

    def set_damaged_aside(self) -> list[Path]:
        """Move records that cannot be trusted out of the way, so that their trials run again. Nothing is deleted.

        Returns:
            Where they are now.
        """
        moved = []
        for path in self._files():
            try:
                _read(path)
            except LedgerError:
                target = self.root / "damaged" / f"{path.stem}.{uuid.uuid4().hex[:8]}.json"
                target.parent.mkdir(exist_ok=True)
                path.rename(target)
                moved.append(target)
        return moved

    def drop_checkpoints(self) -> None:
        """Remove checkpoints of committed trials: a process that was cut off can have written them after the commit."""
        for folder in (self.root / "checkpoints").glob("*"):
            if _ID.match(folder.name) and self.path(folder.name).exists():
                shutil.rmtree(folder, ignore_errors=True)

    def _files(self) -> list[Path]:
        return sorted((self.root / "trials").glob("??/[!.]*.json"))

    def _note_duplicate(self, record: Record, path: Path) -> None:
        first = _read(path)
        line = {"trial": record.trial_id, "equal": first.sha256 == record.sha256, "provenance": record.provenance}
        with (self.root / "duplicates.jsonl").open("a", encoding="utf-8") as file:
            file.write(canonical_json(line) + "\n")


def read_ledger(root: str | Path) -> Ledger:
    """Open an existing ledger.

    Raises:
        LedgerError: The folder holds no ledger.
    """
    ledger = Ledger(root)
    ledger.plan()
    return ledger


def _read(path: Path) -> Record:
    try:
        return Record.from_text(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LedgerError(f"{path}: no such record") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LedgerError(
            f"{path}: the record is damaged ({error}); `ganbench run` sets it aside and repeats its trial"
        ) from error


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


def _write_durably(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _write_atomically(path: Path, text: str) -> None:
    hidden = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    _write_durably(hidden, text)
    hidden.replace(path)
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
