"""Upgrading a ledger of version 1: the same trials, with their traces as typed columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import compaction
from ganbench.harness.ledger.files import LedgerFiles
from ganbench.harness.ledger.names import PARTS
from ganbench.harness.ledger.reading import parsed
from ganbench.harness.ledger.record import Record
from ganbench.harness.ledger.repairing import proves_itself


@dataclass(frozen=True)
class Upgraded:
    """What an upgrade did.

    Attributes:
        records: Records that were rewritten.
        before: Bytes of the parts that they were in.
        after: Bytes of the parts that they are in.
    """

    records: int
    before: int
    after: int


def upgrade(ledger: LedgerFiles) -> Upgraded:
    """Rewrite all parts of version 1, after their single records were compacted.

    Each part is read, proved, written anew and read back before the old one goes. Nothing is lost but images beyond those
    that a record keeps (``traces.trace.KEPT_IMAGES`` of each trial), and the verdicts, which are derived.

    Raises:
        LedgerError: A record does not prove itself, or the ledger cannot be written; what was not reached stays as it was.
    """
    compaction.compact(ledger)
    done = Upgraded(0, 0, 0)
    try:
        _nothing_left(ledger)
        with ledger.storage.lock(f"{PARTS}/.lock") as alone:
            if not alone:
                raise LedgerError(f"{ledger.storage.where}: another process is compacting")
            for part in ledger.parts.names():
                if ledger.parts.is_version_1(part):
                    done = _rewritten(ledger, part, done)
    except OSError as error:
        raise LedgerError(f"{ledger.storage.where}: cannot be upgraded ({error})") from error
    return done


def _nothing_left(ledger: LedgerFiles) -> None:
    """Refuse single records that compaction left where they are, because they do not prove themselves."""
    for trial, names in ledger.singles.all().items():
        for name, content in zip(names, ledger.singles.texts(names), strict=True):
            where = ledger.storage.at(name)
            if content is not None and not proves_itself(parsed(where, trial, content)):
                raise LedgerError(f"{where}: the record does not prove itself; `ganbench ledger verify` says why")


def _rewritten(ledger: LedgerFiles, part: str, done: Upgraded) -> Upgraded:
    records = [record for _, record in ledger.parts.records(part)]
    bad: Sequence[Record] = [record for record in records if not proves_itself(record)]
    if bad:
        raise LedgerError(
            f"{ledger.storage.at(part)}: {len(bad)} records do not prove themselves, among them that of trial"
            f" {bad[0].trial_id}; `ganbench ledger verify` says why, and `ganbench ledger repair` sets them aside"
        )
    before = len(ledger.storage.read(part))
    name = ledger.parts.write(records)
    ledger.storage.delete(part)
    return Upgraded(done.records + len(records), done.before + before, done.after + len(ledger.storage.read(name)))
