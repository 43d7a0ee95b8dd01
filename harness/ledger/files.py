"""What a ledger holds, and how it is read: plan, records, places of checkpoints.

Who reads lists the single records first and the parts after them: a record goes from the ones to the others, and is in
both for a moment, never in neither.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger.forgotten import read_forgotten
from ganbench.harness.ledger.names import CHECKPOINTS, DEFINITION, FORGOTTEN, PLAN, UNFIT, file_name, identity
from ganbench.harness.ledger.parts import Parts
from ganbench.harness.ledger.plan import checked_plan
from ganbench.harness.ledger.reading import damaged, parsed, reading
from ganbench.harness.ledger.record import Record
from ganbench.harness.ledger.row import summary_of
from ganbench.harness.ledger.singles import Candidates, Singles
from ganbench.harness.ledger.unfit import unfit_nodes
from ganbench.harness.storage import Storage, open_storage
from ganbench.harness.storage.folder import FolderStorage


class LedgerFiles:
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

    def plan(self) -> dict[str, Any]:
        """Return the plan, with what was chosen and done since: a definition, ``forgotten`` trials, ``unfit`` nodes.

        Raises:
            LedgerError: There is none, or it cannot be read.
        """
        where = self.storage.at(PLAN)
        try:
            plan = json.loads(self.storage.read(PLAN))
            checked_plan(plan)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise LedgerError(f"{self.storage.where}: is no results folder (it has no suite.json)") from error
        except OSError as error:
            raise LedgerError(f"{where}: cannot be read ({error})") from error
        except ValueError as error:
            raise LedgerError(
                f"{where}: cannot be read ({error}); move it away and run the suite again to write it anew"
            ) from error
        forgotten = [asdict(line) for line in read_forgotten(self.storage)]
        unfit = sorted((line.node, line.reason) for line in unfit_nodes(self.storage) if line.reason)
        return plan | self._chosen() | ({FORGOTTEN: forgotten} if forgotten else {}) | ({UNFIT: unfit} if unfit else {})

    def _chosen(self) -> dict[str, int]:
        try:
            chosen = json.loads(self.storage.read(DEFINITION))["definition"]
            if type(chosen) is not int:
                raise TypeError(f"the definition is {chosen!r}, expected a whole number")
            return {"definition": chosen}
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

    def read(self, trial_id: str) -> Record:
        """Return one trial's record.

        Raises:
            LedgerError: It is absent or damaged.
        """
        where = self.storage.at(self.singles.plain(trial_id))
        record = self.parts.read(trial_id)
        if record is not None:
            return record
        try:
            text = self.singles.text(trial_id)
        except (OSError, UnicodeDecodeError) as error:
            raise damaged(where, error) from error
        if text is not None:
            return parsed(where, trial_id, text)
        record = self.parts.read(trial_id)  # it was moved there in between
        if record is None:
            raise LedgerError(f"{where}: no such record")
        return record

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

    def examined(self) -> Iterator[tuple[str, Record | LedgerError]]:
        """Yield every trial with its record, or with what is wrong with it; those in parts first.

        Raises:
            LedgerError: The ledger cannot be read, or a part does not open.
        """
        found, parts = self.contents()
        seen: set[str] = set()
        for part in parts:
            for trial, record in self.parts.examined(part):
                if trial not in seen:
                    seen.add(trial)
                    yield trial, record
        for trial in sorted(found):
            try:
                yield trial, self.read(trial)
            except LedgerError as error:
                yield trial, error

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
