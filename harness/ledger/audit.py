"""Whether a ledger is as it was committed: verifying it, setting damage aside, and second commits of a trial.

A second commit is an audit of determinism: the same trial, run again somewhere, must have the same result.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ganbench.harness.canonical import canonical_json
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger.names import DAMAGED, DUPLICATES
from ganbench.harness.ledger.reading import parsed
from ganbench.harness.ledger.record import Record

if TYPE_CHECKING:
    from ganbench.harness.ledger.ledger import Ledger


@dataclass(frozen=True)
class Verified:
    """What reading a whole ledger found.

    Attributes:
        whole: Trials whose records are as they were committed.
        problems: One line for every file or record that is not.
        duplicates: Second commits of a trial.
        unequal: Of these, how many had another result than the first.
    """

    whole: int
    problems: tuple[str, ...]
    duplicates: int
    unequal: int


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


def verify(ledger: Ledger) -> Verified:
    """Read everything and compare it with its checksums; nothing is changed.

    Raises:
        LedgerError: The ledger cannot be read at all.
    """
    try:
        found = ledger.singles.all()
        problems = [f"{ledger.storage.at(name)}: is no record by its name" for name in ledger.singles.strangers()]
        noted = {canonical_json(line): line for line in duplicates(ledger)}
        hashes: dict[str, str] = {}  # of whole records, for comparison
        texts: dict[str, str] = {}
        for part in ledger.parts.names():
            problems += _verify_part(ledger, part, found.keys(), hashes, texts)
        for trial, names in found.items():
            for name, content in zip(names, ledger.singles.texts(names), strict=True):
                if content is None or (not content and trial in hashes):
                    continue  # compacted at this moment, or what older versions left in a record's place
                try:
                    record = parsed(ledger.storage.at(name), trial, content)
                except LedgerError as error:
                    problems.append(str(error))
                    continue
                if (
                    hashes.setdefault(trial, record.sha256)
                    and texts.setdefault(trial, record.to_text()) != content.decode()
                ):
                    line = _line(record, equal=hashes[trial] == record.sha256)
                    noted[canonical_json(line)] = line
    except OSError as error:
        raise LedgerError(f"{ledger.storage.where}: cannot be read ({error})") from error
    return Verified(len(hashes), tuple(problems), len(noted), sum(not line["equal"] for line in noted.values()))


def _verify_part(
    ledger: Ledger, part: str, compared: Any, hashes: dict[str, str], texts: dict[str, str]
) -> Iterator[str]:
    """Yield what is wrong with a part; remember what is whole, and the texts of trials that are elsewhere too."""
    wrong: dict[str, list[str]] = {}
    try:
        for trial, result in ledger.parts.examined(part):
            if isinstance(result, LedgerError):
                wrong.setdefault(str(result), []).append(trial)
            elif trial not in hashes:
                hashes[trial] = result.sha256
                if trial in compared:
                    texts[trial] = result.to_text()
    except LedgerError as error:
        yield str(error)
    for message, trials in wrong.items():
        yield (
            message if len(trials) == 1 else f"{message}: {len(trials)} records, of trials {', '.join(trials[:3])}, ..."
        )


def set_damaged_aside(ledger: Ledger) -> list[str]:
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


def repair(ledger: Ledger) -> Repaired:
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


def _sorted_out(ledger: Ledger, part: str) -> tuple[list[Record], list[str] | None]:
    """Return the whole records of a part, and the trials of the others; None where the part is whole."""
    records, bad, content = list[Record](), list[str](), ledger.storage.read(part)
    try:
        for trial, result in ledger.parts.examined(part, content):
            if isinstance(result, LedgerError):
                bad.append(trial)
            else:
                records.append(result)
    except LedgerError:
        return [], []
    return records, bad or None


def whole(ledger: Ledger, trial: str, name: str, content: bytes) -> Record | None:
    """Return the record that a file's content is, or None where it is damaged."""
    try:
        return parsed(ledger.storage.at(name), trial, content)
    except LedgerError:
        return None


def note(ledger: Ledger, record: Record) -> None:
    """Note a second commit of a trial, and whether it is equal to the first.

    Raises:
        LedgerError: The first one is damaged.
        OSError: It cannot be written.
    """
    line = _line(record, equal=ledger.read(record.trial_id).sha256 == record.sha256)
    ledger.storage.append(DUPLICATES, canonical_json(line))


def duplicates(ledger: Ledger) -> Sequence[dict[str, Any]]:
    """Return the second commits that were noted, each once: a process that was cut off can have noted one again."""
    noted: dict[str, dict[str, Any]] = {}
    for text in ledger.storage.lines(DUPLICATES):
        try:
            line = json.loads(text)
        except ValueError:  # a process died while it wrote the line
            continue
        if isinstance(line, dict) and "equal" in line:
            noted[canonical_json(line)] = line
    return list(noted.values())


def _line(record: Record, *, equal: bool) -> dict[str, Any]:
    return {"trial": record.trial_id, "equal": equal, "sha256": record.sha256, "provenance": record.provenance}


def _aside(ledger: Ledger, name: str) -> str:
    stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
    target = f"{DAMAGED}/{stem}.{uuid.uuid4().hex[:8]}{dot}{suffix}"
    ledger.storage.move(name, target)
    return ledger.storage.at(target)
