"""Forgetting: trials leave a ledger, with a line that stays and says which, when and why; the next run makes them anew.

For what should never have been recorded: a broken machine, a plugin that was another one than it said. What leaves is moved
to ``forgotten/`` and read by nobody any more.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from ganbench.harness.canonical import canonical_json
from ganbench.harness.errors import InputError, LedgerError
from ganbench.harness.ledger.files import LedgerFiles
from ganbench.harness.ledger.forgotten import Forgotten, read_forgotten
from ganbench.harness.ledger.names import FORGOTTEN, FORGOTTEN_LINES, PARTS
from ganbench.harness.ledger.record import Record


@dataclass(frozen=True)
class Chosen:
    """Which trials are to be forgotten: those for which all that is given holds.

    Attributes:
        trials: Identities; empty for any.
        host: The machine on which they ran; empty for any.
        normalizer: The name of the normalizer, or a part of a combination; empty for any.
        since: Begun at this time or later, in seconds since 1970; None for any.
    """

    trials: frozenset[str] = frozenset()
    host: str = ""
    normalizer: str = ""
    since: float | None = None

    def __post_init__(self) -> None:
        if not self.trials and not self.host and not self.normalizer and self.since is None:
            raise InputError("say which trials to forget: --trial, --host, --normalizer or --since")

    def __call__(self, record: Record) -> bool:
        """Say whether a record is one of them."""
        provenance = record.provenance
        return (
            (not self.trials or record.trial_id in self.trials)
            and (not self.host or provenance.get("host") == self.host)
            and (not self.normalizer or self.normalizer in record.normalizers)
            and (self.since is None or float(provenance.get("started", 0)) >= self.since)
        )


def forget(ledger: LedgerFiles, chosen: Chosen, why: str, clock: Callable[[], float] = time.time) -> list[Forgotten]:
    """Take trials out of a ledger, from parts too.

    The line is written first. A process that is cut off leaves a record that is forgotten and still there, which
    ``ganbench ledger verify`` reports; the same call again takes it out.

    Args:
        ledger: The ledger; no sweep should be running on it.
        chosen: Which trials.
        why: One sentence for whoever reads the results.
        clock: Seconds since 1970.

    Returns:
        Those that left, by trial.

    Raises:
        InputError: No reason is given, or an identity is not in the ledger.
        LedgerError: The ledger cannot be read or written, or another process is compacting it.
    """
    why = " ".join(why.split())
    if not why:
        raise InputError("--why: say why, in a sentence; it is shown with the results")
    try:
        with ledger.storage.lock(f"{PARTS}/.lock") as alone:
            if not alone:
                raise LedgerError(f"{ledger.storage.where}: another process is compacting")
            found = [record for record in ledger.records() if chosen(record)]
            absent = sorted(chosen.trials - {record.trial_id for record in found})
            if absent:
                raise InputError(f"--trial {absent[0]}: is not among those of {ledger.where} that are to be forgotten")
            when = datetime.fromtimestamp(clock(), UTC).isoformat(timespec="seconds")
            gone = [_line(record, why, when) for record in found]
            known = {(line.trial, line.checksum) for line in read_forgotten(ledger.storage)}  # where a call was cut off
            for line in gone:
                if (line.trial, line.checksum) not in known:
                    ledger.storage.append(FORGOTTEN_LINES, canonical_json(asdict(line)))
            _take_out(ledger, {record.trial_id for record in found})
    except OSError as error:
        raise LedgerError(f"{ledger.storage.where}: cannot be written ({error})") from error
    return gone


def _take_out(ledger: LedgerFiles, trials: set[str]) -> None:
    """Move the records of trials out of the way; parts are written anew without them."""
    for part in ledger.parts.names():
        records = [record for _, record in ledger.parts.records(part)]
        left = [record for record in records if record.trial_id not in trials]
        if len(left) < len(records):
            if left:
                ledger.parts.write(left)
            ledger.storage.move(part, f"{FORGOTTEN}/{uuid.uuid4().hex[:8]}-{part.rpartition('/')[2]}")
    for trial, names in ledger.singles.all().items():
        if trial in trials:
            for name in names:
                ledger.storage.move(name, f"{FORGOTTEN}/{uuid.uuid4().hex[:8]}-{name.rpartition('/')[2]}")


def _line(record: Record, why: str, when: str) -> Forgotten:
    return Forgotten(
        record.trial_id,
        record.cell_id,
        " + ".join(record.normalizers),
        record.seed,
        str(record.provenance.get("host", "")),
        record.sha256,
        record.checksum,
        why,
        when,
    )
