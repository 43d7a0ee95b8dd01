"""The ledger: committed trials, the only source of truth.

A ledger stands in a folder, on a shared file system, or in an object store:

    suite.json             what the last `ganbench run` planned here
    trials/ab/abcd….json   one record per trial, committed at once or not at all; the first commit wins (``singles``)
    parts/part-….parquet   many records each, compacted; a record that is in a part counts (``parts``)
    checkpoints/abcd…/     what trials under way go on from; gone when they are committed
    running/abcd….json     trials under way, for `ganbench status`; nothing depends on them
    damaged/               records whose checksum failed, set aside; their trials run again
    duplicates.jsonl       second commits of a trial, and whether they were equal (a folder of lines in an object store)
    definition.json        the definition of instability that `ganbench relabel` chose
    detectors/….json       what detectors that `ganbench relabel` added saw in the stored traces (``looks``)
    stop                   as long as it is there, sweeps on this ledger come to rest

A record has a ``result``, a pure function of the trial's specification on a given machine, and a ``provenance``: where
and how it ran. Its ``sha256`` covers the result, so two ledgers can be compared without looking at times and hosts.

Who reads lists the single records first and the parts after them: a record goes from the ones to the others, and is in
both for a moment, never in neither.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ganbench.harness.canonical import canonical_json
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import audit, compaction
from ganbench.harness.ledger.audit import Verified
from ganbench.harness.ledger.names import CHECKPOINTS, DEFINITION, PLAN, file_name, identity, is_identity
from ganbench.harness.ledger.parts import Parts, summary_of
from ganbench.harness.ledger.reading import damaged, parsed, reading
from ganbench.harness.ledger.record import Record
from ganbench.harness.ledger.singles import Candidates, Singles
from ganbench.harness.storage import Storage, open_storage
from ganbench.harness.storage.folder import FolderStorage


class Ledger:
    """Committed trials in a folder or an object store.

    Args:
        root: The folder, or an address as ``s3://BUCKET/PREFIX``; nothing need be there yet.

    Raises:
        InputError: The address is not understood.
        LedgerError: The object store cannot be reached.
    """

    def __init__(self, root: str | Path | Storage) -> None:
        self.storage = open_storage(root)
        self.singles = Singles(self.storage)
        self.parts = Parts(self.storage)

    @property
    def where(self) -> str:
        """Where it stands, as other processes and other machines are told it: an absolute path, or an address."""
        return str(self.folder.absolute()) if self.folder is not None else self.storage.where

    @property
    def folder(self) -> Path | None:
        """The folder; None for a ledger in an object store."""
        return self.storage.root if isinstance(self.storage, FolderStorage) else None

    @property
    def root(self) -> Path:
        """The folder.

        Raises:
            LedgerError: It is an object store.
        """
        if self.folder is None:
            raise LedgerError(f"{self.where}: is no folder")
        return self.folder

    def beside(self, name: str) -> Path:
        """Return where something that belongs to a ledger, but is no part of it, has its place on this machine.

        That is in its folder, or, for a ledger in an object store, in the working directory, with the suite's name.
        """
        if self.folder is not None:
            return self.folder / name
        return Path.cwd() / f"{file_name(str(self.plan()['suite']))}-{name}"

    # --- the plan -------------------------------------------------------------------------------------------------

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Keep what the sweep is about to run, so that readers know labels and what is missing.

        Raises:
            LedgerError: It cannot be written, or belongs to another suite.
        """
        try:
            known = self.plan() if self.storage.exists(PLAN) else None
            if known is not None and known["suite"] != plan["suite"]:
                raise LedgerError(
                    f"{self.storage.where}: holds results of suite {known['suite']!r}, not of {plan['suite']!r};"
                    " choose another folder with --results"
                )
            self.storage.write(PLAN, (json.dumps(plan, indent=1, sort_keys=True) + "\n").encode())
        except OSError as error:
            raise LedgerError(f"{self.storage.where}: cannot be written ({error})") from error

    def plan(self) -> dict[str, Any]:
        """Return the plan, with the definition of instability that :meth:`relabel` chose, if it did.

        Raises:
            LedgerError: There is none, or it cannot be read.
        """
        where = self.storage.at(PLAN)
        try:
            plan = json.loads(self.storage.read(PLAN))
            if not isinstance(plan, dict) or not {"suite", "cells"} <= plan.keys():
                raise ValueError("it is not a plan")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise LedgerError(f"{self.storage.where}: is no results folder (it has no suite.json)") from error
        except OSError as error:
            raise LedgerError(f"{where}: cannot be read ({error})") from error
        except ValueError as error:
            raise LedgerError(
                f"{where}: cannot be read ({error}); move it away and run the suite again to write it anew"
            ) from error
        return plan | self._chosen()

    def relabel(self, definition: int) -> None:
        """Have readers judge all trials by another definition. The records stay as they are; only the choice is kept.

        Raises:
            LedgerError: It cannot be written.
        """
        try:
            self.storage.write(DEFINITION, (canonical_json({"definition": definition}) + "\n").encode())
        except OSError as error:
            raise LedgerError(f"{self.storage.where}: cannot be written ({error})") from error

    def _chosen(self) -> dict[str, int]:
        try:
            return {"definition": int(json.loads(self.storage.read(DEFINITION))["definition"])}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            where = self.storage.at(DEFINITION)
            raise LedgerError(f"{where}: cannot be read ({error}); `ganbench relabel` writes it anew") from error

    # --- trials ---------------------------------------------------------------------------------------------------

    def path(self, trial_id: str) -> Path:
        """Return where a trial's record stands in a folder, as long as it is in no part."""
        return self.root / self.singles.plain(trial_id)

    def checkpoints(self, trial_id: str) -> Storage:
        """Return the place of a trial's checkpoints."""
        return self.storage.subfolder(f"{CHECKPOINTS}/{identity(trial_id)}")

    def committed(self) -> set[str]:
        """Return the identities of all committed trials. A part that does not open holds none: a sweep sets it aside.

        Raises:
            LedgerError: The ledger cannot be read.
        """
        with reading(self.storage.where):
            single = set(self.singles.all())
            return single | self.parts.trials(sound=True)

    def holds(self, trial_id: str) -> bool:
        """Say whether a trial is committed."""
        with reading(self.storage.where):
            return bool(self.singles.of(trial_id)) or self.parts.holds(trial_id)

    def commit(self, record: Record) -> bool:
        """Commit a trial. The first commit of a trial wins; a later one is compared with it and noted.

        Returns:
            Whether this was the trial's first commit.

        Raises:
            LedgerError: It cannot be written.
        """
        trial, text = identity(record.trial_id), record.to_text()
        try:
            name, first = (None, False) if self.parts.holds(trial) else self.singles.put(trial, text)
            # A compaction frees a name only when the part is there, so that is looked for after the writing as well. What
            # it took up meanwhile may be this very record.
            if first and (not self.parts.holds(trial) or self.parts.text(trial) == text):
                return True
            audit.note(self, record)
            if name is not None:
                self.storage.delete(name)
        except OSError as error:
            raise LedgerError(f"{self.storage.at(self.singles.plain(trial))}: cannot be written ({error})") from error
        return False

    def read(self, trial_id: str) -> Record:
        """Return one trial's record.

        Raises:
            LedgerError: It is absent or damaged.
        """
        where = self.storage.at(self.singles.plain(trial_id))
        try:
            text = self.parts.text(trial_id)
            if text is None:
                text = self.singles.text(trial_id)
            if text is None:
                text = self.parts.text(trial_id)  # it was moved there in between
        except (OSError, UnicodeDecodeError) as error:
            raise damaged(where, error) from error
        if text is None:
            raise LedgerError(f"{where}: no such record")
        return parsed(where, trial_id, text)

    def records(self) -> Iterator[Record]:
        """Yield all committed trials, by identity.

        Raises:
            LedgerError: A record is damaged; the message names it.
        """
        found, parts = self.contents()
        compacted = (self.parts.records(name) for name in parts)
        last = ""
        # Of equal trials, the one of the first part comes first.
        for trial, record in heapq.merge(*compacted, self._alone(sorted(found), found), key=lambda item: item[0]):
            if trial != last:
                yield record
            last = trial

    def contents(self) -> tuple[Candidates, list[str]]:
        """Return the single records that are in no part, and the parts, the one that counts first.

        Together they are all records, for readers that read several parts at once and want no order.

        Raises:
            LedgerError: The ledger cannot be read, or a part is damaged.
        """
        with reading(self.storage.where):
            found = self.singles.all()
            parts = self.parts.names()
            inside = self.parts.trials()
        return {trial: names for trial, names in found.items() if trial not in inside}, parts

    def alone(self, found: Candidates) -> Iterator[Record]:
        """Yield single records, by trial.

        Args:
            found: Of :meth:`contents`.

        Raises:
            LedgerError: A record is damaged; the message names it.
        """
        return (record for _, record in self._alone(sorted(found), found))

    def summary(self) -> list[dict[str, Any]]:
        """Return outcome, time and place of every committed trial (``parts.SUMMARY``), without their traces.

        Raises:
            LedgerError: A record is damaged; the message names it.
        """
        with reading(self.storage.where):
            found = self.singles.all()
            rows = self.parts.summary()
        alone = sorted(found.keys() - rows.keys())
        return [*rows.values(), *(summary_of(record) for _, record in self._alone(alone, found))]

    def _alone(self, trials: list[str], found: Mapping[str, Any]) -> Iterator[tuple[str, Record]]:
        """Yield the records that are in no part, by trial."""
        contents = self.singles.texts([found[trial][0] for trial in trials])
        for trial, content in zip(trials, contents, strict=True):
            where = self.storage.at(found[trial][0])
            yield trial, self.read(trial) if content is None else parsed(where, trial, content)

    # --- looking after it -----------------------------------------------------------------------------------------

    def compact(self, least: int = 1) -> int:
        """Move single records into Parquet parts; see :func:`compaction.compact`."""
        return compaction.compact(self, least)

    def verify(self) -> Verified:
        """Read everything and compare it with its checksums; see :func:`audit.verify`."""
        return audit.verify(self)

    def set_damaged_aside(self) -> list[str]:
        """Move what cannot be trusted out of the way; see :func:`audit.set_damaged_aside`."""
        return audit.set_damaged_aside(self)

    def drop_checkpoints(self) -> None:
        """Remove checkpoints of committed trials: a process that was cut off can have written them after the commit."""
        with reading(self.storage.where):
            for trial in self.storage.folders(CHECKPOINTS):
                if is_identity(trial) and self.holds(trial):
                    self.checkpoints(trial).clear()


def read_ledger(root: str | Path) -> Ledger:
    """Open an existing ledger.

    Args:
        root: A folder, or an object store's address.

    Raises:
        LedgerError: There is no ledger.
    """
    ledger = Ledger(root)
    ledger.plan()
    return ledger
