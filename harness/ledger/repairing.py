"""Setting aside what cannot be trusted, so that its trials run again, and saving the rest. Nothing is deleted."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from ganbench.harness.errors import InputError, LedgerError
from ganbench.harness.ledger.audit import examined, miscopied
from ganbench.harness.ledger.files import LedgerFiles
from ganbench.harness.ledger.names import DAMAGED
from ganbench.harness.ledger.reading import parsed
from ganbench.harness.ledger.record import Record
from ganbench.harness.ledger.row import SUMMARY, copies_in
from ganbench.harness.stability import known_definitions


@dataclass(frozen=True)
class Repaired:
    """What a repair did.

    Attributes:
        saved: Whole records of damaged parts, now in a part of their own.
        lost: Trials whose records were damaged; they run again.
        aside: Where the damaged files are now.
    """

    saved: int
    lost: tuple[str, ...]
    aside: tuple[str, ...]


def set_damaged_aside(ledger: LedgerFiles) -> list[str]:
    """Move what cannot be trusted out of the way, so that its trials run again. Nothing is deleted.

    Single records are read in full. Parts are opened; what is in them is verified whenever it is read, and by
    ``ganbench ledger verify``.

    Returns:
        Where it is now.

    Raises:
        LedgerError: It cannot be moved.
    """
    try:
        found = ledger.singles.all()
        moved = [_aside(ledger, part) for part in ledger.parts.names() if not ledger.parts.opens(part)]
        compacted = ledger.parts.trials()
        alone = [(trial, name) for trial, names in found.items() if trial not in compacted for name in names]
        contents = ledger.singles.texts([name for _, name in alone])
        for (trial, name), content in zip(alone, contents, strict=True):
            if content is not None and whole(ledger, trial, name, content) is None:
                moved.append(_aside(ledger, name))
    except OSError as error:
        raise LedgerError(f"{ledger.storage.where}: cannot be read or written ({error})") from error
    return moved


def repair(ledger: LedgerFiles) -> Repaired:
    """Save the whole records of damaged parts into new parts, and set aside what is damaged.

    Raises:
        LedgerError: It cannot be written.
    """
    saved, lost, aside = 0, list[str](), list[str]()
    try:
        for part in ledger.parts.names():
            records, bad = _sorted_out(ledger, part)
            if bad is None:
                continue
            if records:
                ledger.parts.write(records)
                saved += len(records)
            lost += bad
            aside.append(_aside(ledger, part))
    except OSError as error:
        raise LedgerError(f"{ledger.storage.where}: cannot be repaired ({error})") from error
    return Repaired(saved, tuple(lost), (*aside, *set_damaged_aside(ledger)))


def _sorted_out(ledger: LedgerFiles, part: str) -> tuple[list[Record], list[str] | None]:
    """Return the whole records of a part, and the trials of the others; None where the part is whole, its summary too."""
    records, bad, content = list[Record](), list[str](), ledger.storage.read(part)
    wrong = False
    try:
        copies = ledger.parts.copies(part, content)
        for trial, result in ledger.parts.examined(part, content):
            if isinstance(result, LedgerError) or not proves_itself(result):
                bad.append(trial)
            else:
                records.append(result)
                wrong = wrong or any(miscopied(result, dict(zip(SUMMARY, copies[trial], strict=True))))
    except LedgerError:
        return [], []
    return records, bad if bad or wrong else None


def proves_itself(record: Record) -> bool:
    """Say whether nothing in a record contradicts the rest of it.

    Raises:
        InputError: Its definition of instability is of a later version of ganbench, which alone can say.
    """
    if record.definition > known_definitions()[-1]:
        raise InputError(
            f"trial {record.trial_id} was judged by definition {record.definition}, which this version of ganbench does not"
            " know; use the one that made the ledger, or a later one"
        )
    return not examined(record).problems


def whole(ledger: LedgerFiles, trial: str, name: str, content: bytes) -> Record | None:
    """Return the record that a file's content is, or None where it is damaged or does not prove itself."""
    try:
        record = parsed(ledger.storage.at(name), trial, content)
    except LedgerError:
        return None
    return record if proves_itself(record) and not any(miscopied(record, copies_in(content))) else None


def _aside(ledger: LedgerFiles, name: str) -> str:
    stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
    target = f"{DAMAGED}/{stem}.{uuid.uuid4().hex[:8]}{dot}{suffix}"
    ledger.storage.move(name, target)
    return ledger.storage.at(target)
