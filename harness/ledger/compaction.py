"""Compaction: single records move into Parquet parts, while any number of processes read and commit.

A part is written and read back before the first single record goes, so a record is in both places for a moment and never
in neither. A late commit of a compacted trial finds it in the part, looks for it there after it has written, and withdraws.

Two compactions at once do no harm. Each writes parts under names that nobody else has, with the same records in them;
readers take a trial from the first part that has it, and each compaction deletes only files whose content is in a part,
or was noted as a duplicate. In a folder a lock keeps the second one from doing the work again; an object store has no
locks, and needs none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger.duplicates import note
from ganbench.harness.ledger.names import PARTS
from ganbench.harness.ledger.record import Record
from ganbench.harness.ledger.repairing import whole

if TYPE_CHECKING:
    from ganbench.harness.ledger.files import LedgerFiles

MOST = 5000
"""Records in one part: about 50 megabytes of arrays, which the compacting process holds in memory."""


def compact(ledger: LedgerFiles, least: int = 1) -> int:
    """Move single records into parts. Damaged ones are left where they are.

    Args:
        ledger: The ledger.
        least: With fewer single records, nothing is done.

    Returns:
        How many records were moved.

    Raises:
        LedgerError: It cannot be written, or another process is compacting.
    """
    moved = 0
    try:
        if len(ledger.singles.all()) < least:
            return 0
        with ledger.storage.lock(f"{PARTS}/.lock") as alone:
            if not alone:
                raise LedgerError(f"{ledger.storage.where}: another process is compacting")
            found = ledger.singles.all()
            known = ledger.parts.trials()
            new = sorted(found.keys() - known)
            for first in range(0, len(new), MOST):
                moved += _move(ledger, [(trial, found[trial]) for trial in new[first : first + MOST]])
            for trial in sorted(found.keys() & known):
                _settle(ledger, trial, found[trial])
    except OSError as error:
        raise LedgerError(f"{ledger.storage.where}: cannot be compacted ({error})") from error
    return moved


def _move(ledger: LedgerFiles, trials: Sequence[tuple[str, Sequence[str]]]) -> int:
    """Move records that no part has into one part."""
    contents = ledger.singles.texts([names[0] for _, names in trials])
    records: list[tuple[Record, Sequence[str]]] = []
    for (trial, names), content in zip(trials, contents, strict=True):
        record = None if content is None else whole(ledger, trial, names[0], content)
        if record is not None:
            records.append((record, names))
    if records:
        ledger.parts.write([record for record, _ in records])
    for record, (first, *others) in records:
        ledger.storage.delete(first)
        if others:
            _settle(ledger, record.trial_id, others)
    return len(records)


def _settle(ledger: LedgerFiles, trial: str, names: Sequence[str]) -> None:
    """Delete files of a trial that a part has; what is another commit than the part's is noted first."""
    kept: Record | None = None
    for name, content in zip(names, ledger.singles.texts(names), strict=True):
        if content is None:
            continue
        if content:  # an empty one is what older versions left in a record's place
            record = whole(ledger, trial, name, content)
            if record is None:
                continue  # for `set_damaged_aside`
            kept = kept or ledger.parts.read(trial)
            assert kept is not None, "a part has it"
            if record.checksum != kept.checksum:
                note(ledger.storage, record, kept)
        ledger.storage.delete(name)
