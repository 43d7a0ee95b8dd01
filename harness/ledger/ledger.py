"""The ledger: committed trials, the only source of truth.

A ledger stands in a folder, on a shared file system, or in an object store:

    suite.json             what the last `ganbench run` planned here
    trials/ab/abcd….json   one record per trial, committed at once or not at all; the first commit wins (``singles``)
    parts/part-….parquet   many records each, compacted; a record that is in a part counts (``parts``)
    checkpoints/abcd…/     what trials under way go on from; gone when they are committed
    running/abcd….json     trials under way, for `ganbench status`; nothing depends on them
    damaged/               records that do not prove themselves, set aside; their trials run again
    forgotten/             records that `ganbench ledger forget` took out, and in forgotten.jsonl which, when and why
    duplicates.jsonl       second commits of a trial, and whether they were equal (a folder of lines in an object store)
    definition.json        the definition of instability that `ganbench relabel` chose
    detectors/….json       what detectors that `ganbench relabel` added found in the stored traces (``added_verdicts``)
    stop                   as long as it is there, sweeps on this ledger stop

A record is a trial's specification, its trace and its provenance (``record``). Its verdict is derived from the trace by
whoever reads, and its identities from the specification, so a record cannot say what its content does not.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench.harness.canonical import canonical_json
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import audit, compaction, duplicates, forgetting, repairing
from ganbench.harness.ledger.files import LedgerFiles
from ganbench.harness.ledger.forgotten import Forgotten
from ganbench.harness.ledger.names import CHECKPOINTS, DEFINITION, FORGOTTEN, PLAN, UNFIT, identity, is_identity
from ganbench.harness.ledger.reading import reading
from ganbench.harness.ledger.record import Record
from ganbench.harness.ledger.row import to_text
from ganbench.harness.ledger.running import under_way
from ganbench.harness.storage import StoredFile

if TYPE_CHECKING:
    import pandas as pd


class Ledger(LedgerFiles):
    """Committed trials in a folder or an object store.

    Args:
        root: The folder, or an address as ``s3://BUCKET/PREFIX``; nothing need be there yet.

    Raises:
        InputError: The address is not understood.
        LedgerError: The object store cannot be reached.
    """

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Keep what the sweep is about to run, so that readers know labels and what is missing.

        Raises:
            LedgerError: It cannot be written, or not as a ledger is, or belongs to another suite.
        """
        try:
            self.probe()
            known = self.plan() if self.storage.exists(PLAN) else None
            if known is not None and known["suite"] != plan["suite"]:
                raise LedgerError(
                    f"{self.storage.where}: holds results of suite {known['suite']!r}, not of {plan['suite']!r};"
                    " choose another folder with --results"
                )
            own = {key: value for key, value in plan.items() if key not in (FORGOTTEN, UNFIT)}
            self.storage.write(PLAN, (json.dumps(own, indent=1, sort_keys=True) + "\n").encode())
        except OSError as error:
            raise LedgerError(f"{self.storage.where}: cannot be written ({error})") from error

    def probe(self) -> None:
        """See that files can be written, and that of two of one name the first is kept: a commit asks for that.

        Raises:
            LedgerError: It is not.
            OSError: Nothing can be written.
        """
        name = f"probe-{uuid.uuid4().hex}"
        try:
            self.storage.write(name, b"")
            self.storage.delete(name)
            if not self.storage.exclusive:
                return
            try:
                kept = [self.storage.create(name, b"") for _ in range(2)] == [True, False]
            except OSError as error:
                raise LedgerError(f"{self.storage.where}: has no hard links, which a ledger needs ({error})") from error
            if not kept:
                raise LedgerError(f"{self.storage.where}: a second file of one name took the place of the first")
        finally:
            with suppress(OSError):
                self.storage.delete(name)

    def relabel(self, definition: int) -> None:
        """Have readers judge all trials by another definition. The records stay as they are; only the choice is kept.

        Raises:
            LedgerError: It cannot be written.
        """
        try:
            self.storage.write(DEFINITION, (canonical_json({"definition": definition}) + "\n").encode())
        except OSError as error:
            raise LedgerError(f"{self.storage.where}: cannot be written ({error})") from error

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
        trial = identity(record.trial_id)
        try:
            name, first = (None, False) if self.parts.holds(trial) else self.singles.put(trial, to_text(record))
            # A compaction frees a name only when the part is there, so that is looked for after the writing as well. What
            # it took up meanwhile may be this very record.
            if first and (not self.parts.holds(trial) or self._is(record)):
                return True
            duplicates.note(self.storage, record, self.read(trial))
            if name is not None:
                self.storage.delete(name)
        except OSError as error:
            raise LedgerError(f"{self.storage.at(self.singles.plain(trial))}: cannot be written ({error})") from error
        return False

    def _is(self, record: Record) -> bool:
        """Say whether the commit that counts for a trial is this very one."""
        kept = self.parts.read(record.trial_id)
        return kept is not None and kept.checksum == record.checksum

    # --- tables ---------------------------------------------------------------------------------------------------

    def trials(self) -> pd.DataFrame:
        """Return a row for every trial of the plan's cells; see :func:`tables.trials_table`."""
        from ganbench.harness.ledger.tables import trials_table

        return trials_table(self.plan(), self.records())

    def traces(self) -> pd.DataFrame:
        """Return a row for every trial, series and step; see :func:`tables.traces_table`."""
        from ganbench.harness.ledger.tables import traces_table

        return traces_table(self.plan(), self.records())

    # --- looking after it -----------------------------------------------------------------------------------------

    def compact(self, least: int = 1) -> int:
        """Move single records into Parquet parts; see :func:`compaction.compact`."""
        return compaction.compact(self, least)

    def verify(self) -> audit.Verified:
        """Read everything and hold it against what can be computed again; see :func:`audit.verify`."""
        return audit.verify(self)

    def forget(self, chosen: forgetting.Chosen, why: str) -> list[Forgotten]:
        """Take trials out of the ledger; see :func:`forgetting.forget`."""
        return forgetting.forget(self, chosen, why)

    def set_damaged_aside(self) -> list[str]:
        """Move what cannot be trusted out of the way; see :func:`repairing.set_damaged_aside`."""
        return repairing.set_damaged_aside(self)

    def drop_checkpoints(self, most: float = math.inf) -> None:
        """Remove checkpoints of committed trials: a process that was cut off can have written them after the commit.

        Args:
            most: Bytes of others that may stay; beyond, the oldest go first, but of no trial under way.
        """
        with reading(self.storage.where):
            for trial in self.storage.folders(CHECKPOINTS):
                if is_identity(trial) and self.holds(trial):
                    self.checkpoints(trial).clear()
            if most == math.inf:
                return
            kept: dict[str, list[StoredFile]] = {}
            total = 0
            for entry in self.storage.entries(CHECKPOINTS, depth=2):
                if is_identity(trial := entry.name.split("/")[1]):
                    kept.setdefault(trial, []).append(entry)
                    total += entry.size
            needed = {item.trial_id for item in under_way(self.storage)}
            for trial in sorted(kept, key=lambda trial: (trial in needed, max(file.changed for file in kept[trial]))):
                if total <= most or trial in needed:
                    return
                self.checkpoints(trial).clear()
                total -= sum(file.size for file in kept[trial])


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
