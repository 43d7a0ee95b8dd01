"""The lines that say which trials left a ledger, when and why. They stay, and every reader shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ganbench.harness.canonical import canonical_json
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger.duplicates import json_lines
from ganbench.harness.ledger.names import FORGOTTEN_LINES
from ganbench.harness.storage import Storage


@dataclass(frozen=True)
class Forgotten:
    """One trial that left a ledger.

    Attributes:
        trial: Its identity.
        cell: Its cell's.
        normalizer: The normalizer's name.
        seed: The seed's index.
        host: Where it ran.
        sha256: Of the result that left.
        checksum: Of the whole record that left: a later one of the same trial is another.
        why: What its reader said.
        when: ISO 8601, UTC.
    """

    trial: str
    cell: str
    normalizer: str
    seed: int
    host: str
    sha256: str
    checksum: str
    why: str
    when: str


def read_forgotten(storage: Storage) -> tuple[Forgotten, ...]:
    """Return the trials that left a ledger, in the order in which they did.

    Raises:
        LedgerError: It cannot be read.
    """
    try:
        return tuple(_parsed(storage, json_lines(storage, FORGOTTEN_LINES)))
    except OSError as error:
        raise LedgerError(f"{storage.where}: cannot be read ({error})") from error


def add_forgotten(storage: Storage, lines: Iterable[Forgotten]) -> None:
    """Add lines of another ledger, so that its readers know as well.

    Raises:
        OSError: It cannot be written.
    """
    known = set(read_forgotten(storage))
    for line in lines:
        if line not in known:
            storage.append(FORGOTTEN_LINES, canonical_json(asdict(line)))


def _parsed(storage: Storage, lines: Sequence[dict[str, Any]]) -> Iterator[Forgotten]:
    for line in lines:
        try:
            found = Forgotten(**line)
            for key, value in line.items():
                if type(value) is not (int if key == "seed" else str):
                    raise TypeError(f"{key} is {value!r}")
            yield found
        except TypeError as error:
            raise LedgerError(f"{storage.at(FORGOTTEN_LINES)}: cannot be read ({error})") from error
