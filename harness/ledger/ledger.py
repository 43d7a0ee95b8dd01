"""The ledger: committed trials, the only source of truth.

A ledger is a folder:

    suite.json             what the last `ganbench run` planned here
    trials/ab/abcd….json   one record per trial, committed by one atomic link; the first commit wins. An empty file says
                           that the record is in a part: its name stays taken
    parts/part-….parquet   many records each, compacted by one writer
    checkpoints/abcd…/     what trials under way go on from; gone when they are committed
    running/abcd….json     trials under way, for `ganbench status`; nothing depends on them
    damaged/               records whose checksum failed, set aside; their trials run again
    duplicates.jsonl       second commits of a trial, and whether they were equal

A record has a ``result``, a pure function of the trial's specification on a given machine, and a ``provenance``: where
and how it ran. Its ``sha256`` covers the result, so two ledgers can be compared without looking at times and hosts.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cell import canonical_json
from harness.errors import LedgerError
from harness.ledger.parts import Parts, summary_of
from harness.ledger.record import Record
from harness.writing import flush_folder, write_atomically, write_durably

_ID = re.compile(r"^[0-9a-f]{20}$")


@dataclass(frozen=True)
class Verified:
    """What reading a whole ledger found.

    Attributes:
        whole: Records that are as they were committed.
        problems: One line for every file that is not.
        duplicates: Second commits of a trial.
        unequal: Of these, how many had another result than the first.
    """

    whole: int
    problems: tuple[str, ...]
    duplicates: int
    unequal: int


class Ledger:
    """A folder of committed trials.

    Args:
        root: The folder; it need not exist.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.parts = Parts(self.root / "parts")

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

    def holds(self, trial_id: str) -> bool:
        """Say whether a trial is committed."""
        return self.path(trial_id).exists()

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
                self._note_duplicate(record)
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
        path = self.path(trial_id)
        try:
            text = path.read_text(encoding="utf-8") or self.parts.text(trial_id) or ""
            return Record.from_text(text)
        except FileNotFoundError as error:
            raise LedgerError(f"{path}: no such record") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LedgerError(
                f"{path}: the record is damaged ({error}); `ganbench run` sets it aside and repeats its trial"
            ) from error

    def records(self) -> Iterator[Record]:
        """Yield all committed trials, by identity.

        Raises:
            LedgerError: A record is damaged; the message names it.
        """
        single = ((trial, self.read(trial)) for trial in self._single())
        compacted = (self.parts.records(path) for path in self.parts.files())
        last = ""
        for trial, record in heapq.merge(single, *compacted, key=lambda item: item[0]):
            if trial != last:  # a compaction that was cut off leaves a record in both places
                yield record
            last = trial

    def summary(self) -> list[dict[str, Any]]:
        """Return outcome, time and place of every committed trial (``parts.SUMMARY``), without their traces.

        Raises:
            LedgerError: A record is damaged; the message names it.
        """
        single = {trial: summary_of(self.read(trial)) for trial in self._single()}
        compacted = {row["trial"]: row for row in self.parts.summary()}
        return list((compacted | single).values())

    def compact(self, least: int = 1) -> int:
        """Move records from single files into one Parquet part. Any number of processes may commit meanwhile.

        The part is written and read back before the first file is emptied, and an emptied file keeps its name: a late
        commit of the same trial finds it taken. Damaged records are left where they are.

        Args:
            least: With fewer single records, nothing is done.

        Returns:
            How many records were moved.

        Raises:
            LedgerError: The folder cannot be written, or another process is compacting.
        """
        from filelock import FileLock, Timeout

        if len(self._single()) < least:
            return 0
        try:
            self.parts.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.parts.folder / ".lock", timeout=0):
                records = [record for trial in self._single() if (record := self._whole(trial)) is not None]
                known = self.parts.trials()  # of a compaction that was cut off
                new = [record for record in records if record.trial_id not in known]
                if new:
                    self.parts.write(new)
                for record in records:
                    self._empty(record.trial_id)
        except Timeout as error:
            raise LedgerError(f"{self.root}: another process is compacting") from error
        except OSError as error:
            raise LedgerError(f"{self.root}: cannot be compacted ({error})") from error
        return len(records)

    def verify(self) -> Verified:
        """Read everything and compare it with its checksums; nothing is changed."""
        whole, problems, seen = 0, [], set()
        for path in self.parts.files():
            try:
                for trial, _ in self.parts.records(path):
                    seen.add(trial)
            except LedgerError as error:
                problems.append(str(error))
        for path in self._files():
            if path.stat().st_size == 0 and path.stem in seen:
                whole += 1
                continue
            try:
                self.read(path.stem)
                whole += 1
            except LedgerError as error:
                problems.append(str(error))
        noted = self._duplicates()
        return Verified(whole, tuple(problems), len(noted), sum(not line["equal"] for line in noted))

    def set_damaged_aside(self) -> list[Path]:
        """Move records that cannot be trusted out of the way, so that their trials run again. Nothing is deleted.

        Single records are read in full. Parts are opened; what is in them is verified whenever it is read, and by
        ``ganbench ledger verify``.

        Returns:
            Where they are now.
        """
        moved = [self._aside(path) for path in self.parts.files() if not self.parts.opens(path)]
        compacted = self.parts.trials()
        for path in self._files():
            emptied = path.stat().st_size == 0
            if path.stem not in compacted if emptied else self._whole(path.stem) is None:
                moved.append(self._aside(path))
        return moved

    def drop_checkpoints(self) -> None:
        """Remove checkpoints of committed trials: a process that was cut off can have written them after the commit."""
        for folder in (self.root / "checkpoints").glob("*"):
            if _ID.match(folder.name) and self.path(folder.name).exists():
                shutil.rmtree(folder, ignore_errors=True)

    def _files(self) -> list[Path]:
        return sorted((self.root / "trials").glob("??/[!.]*.json"))

    def _single(self) -> list[str]:
        """Return the trials whose records are in files of their own, sorted."""
        return [path.stem for path in self._files() if path.stat().st_size]

    def _whole(self, trial_id: str) -> Record | None:
        try:
            return self.read(trial_id)
        except LedgerError:
            return None

    def _empty(self, trial_id: str) -> None:
        """Replace a record's file by an empty one, at once."""
        path = self.path(trial_id)
        hidden = path.with_name(f".{path.stem}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
        hidden.touch()
        hidden.replace(path)

    def _aside(self, path: Path) -> Path:
        target = self.root / "damaged" / f"{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}"
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
        return target

    def _duplicates(self) -> list[dict[str, Any]]:
        path = self.root / "duplicates.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        noted = []
        for line in lines:
            with contextlib.suppress(ValueError):  # a process died while it wrote the line
                noted.append(json.loads(line))
        return noted

    def _note_duplicate(self, record: Record) -> None:
        first = self.read(record.trial_id)
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
