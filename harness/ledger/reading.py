"""What every reader of a ledger does: check a record's text, and say in one message what could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger.record import Record
from ganbench.harness.ledger.row import from_text


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Say of a ledger that it cannot be read where its storage says so in its own words.

    Raises:
        LedgerError: With the ledger's place in it.
    """
    try:
        yield
    except OSError as error:
        raise LedgerError(f"{where}: cannot be read ({error})") from error


def parsed(where: str, trial_id: str, content: str | bytes) -> Record:
    """Return the record that a file's content is.

    Raises:
        LedgerError: It is not whole, or another trial's.
    """
    try:
        record = from_text(trial_id, content if isinstance(content, str) else content.decode())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(where, error) from error
    return record


def damaged(where: str, why: object) -> LedgerError:
    """Return the error that a record is not as it was committed."""
    return LedgerError(f"{where}: the record is damaged ({why}); `ganbench run` sets it aside and repeats its trial")
