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
from pathlib import Path
from typing import Any

from harness.cell import canonical_json
from harness.errors import LedgerError
from harness.ledger.record import Record
from harness.ledger.writing import flush_folder, write_atomically, write_durably

_ID = re.compile(r"^[0-9a-f]{20}$")


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
            write_atomically(self.root / "suite.json", json.dumps(plan, indent=1, sort_keys=True) + "\n")
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
            write_atomically(self.root / "definition.json", canonical_json({"definition": definition}) + "\n")
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
            write_durably(hidden, record.to_text())
            try:
                os.link(hidden, path)
            except FileExistsError:
                self._note_duplicate(record, path)
                return False
            finally:
                hidden.unlink()
            flush_folder(path.parent)
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
