"""Trials under way: a small file each, renewed while its process lives, for whoever looks at a sweep from outside.

Nothing depends on them: what is committed is decided by the commit alone.

Clocks differ between machines. A file's time is the storage's own, on a file server or in an object store, and what it was
by the clock of the machine that wrote it stands in the file; so a reader can tell how far that machine's clock is off.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger.names import RUNNING, identity, is_identity
from ganbench.harness.storage import Storage, open_storage

RENEW_SECONDS = 10.0
SILENT_SECONDS = 60.0
"""A trial whose file is older has probably lost its process: it will run again."""

AHEAD_SECONDS = 5.0
"""A sign of life from so far in the future says that the reader's clock is not the storage's."""


@dataclass(frozen=True)
class Running:
    """A trial under way.

    Attributes:
        trial_id: Which one.
        host: Where.
        attempt: From 1.
        started: Since when, in seconds since 1970 by the storage's clock.
        heard: When its process last said that it lives, by the storage's clock.
        behind: By how many seconds its machine's clock is behind the storage's; negative where it is ahead.
        steps: Training steps that this attempt has made; None where it does not say.
        moved: When it made the last one, or began, by the storage's clock; None where it does not say.
    """

    trial_id: str
    host: str
    attempt: int
    started: float
    heard: float
    behind: float = 0.0
    steps: int | None = None
    moved: float | None = None

    def silent(self, now: float) -> bool:
        """Say whether nothing was heard of it for a while."""
        return now - self.heard > SILENT_SECONDS

    def still(self) -> float:
        """Return for how many seconds it had made no step when it was heard of last; 0 where it does not say."""
        return 0.0 if self.moved is None else max(0.0, self.heard - self.moved)


@contextmanager
def announced(root: str | Path | Storage, trial_id: str, attempt: int) -> Iterator[Callable[[], None]]:
    """Keep a file that says that a trial is under way, for as long as the block lasts.

    Where it cannot be written the trial runs all the same. Yields what is to be called after every step: a process lives on
    while one of its hooks never returns, and only that its steps end tells.

    Args:
        root: Where the ledger stands.
        trial_id: The trial.
        attempt: From 1.
    """
    storage, name = open_storage(root), f"{RUNNING}/{identity(trial_id)}.json"
    about = {"host": platform.node(), "pid": os.getpid(), "attempt": attempt, "started": round(time.time(), 3)}
    over = threading.Event()
    steps, moved = 0, time.monotonic()

    def step() -> None:
        nonlocal steps, moved
        steps, moved = steps + 1, time.monotonic()

    def say() -> None:
        now, still = round(time.time(), 3), round(time.monotonic() - moved, 3)
        with suppress(OSError):
            storage.write(name, json.dumps(about | {"clock": now, "steps": steps, "still": still}).encode())

    def renew() -> None:
        while not over.wait(RENEW_SECONDS):
            say()

    say()
    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield step
    finally:
        over.set()
        thread.join()
        with suppress(OSError):
            storage.delete(name)


def running(root: str | Path | Storage) -> list[Running]:
    """Return the trials under way, the longest first.

    Raises:
        LedgerError: The storage does not answer.
    """
    storage, found = open_storage(root), []
    try:
        entries = storage.entries(RUNNING)
        contents = storage.read_all([entry.name for entry in entries])
        for entry, content in zip(entries, contents, strict=True):
            trial = entry.name.rpartition("/")[2].removesuffix(".json")
            if content is None or not is_identity(trial):  # it ends at this moment, or is somebody else's
                continue
            with suppress(ValueError, KeyError, TypeError):
                about = json.loads(content)
                # Without a clock of its own: from an older version, where the file's time alone was renewed.
                behind = entry.changed - float(about["clock"]) if "clock" in about else 0.0
                started = float(about["started"]) + behind
                steps = int(about["steps"]) if "steps" in about else None
                moved = entry.changed - float(about["still"]) if "still" in about else None
                host, attempt = str(about["host"]), int(about["attempt"])
                found.append(Running(trial, host, attempt, started, entry.changed, behind, steps, moved))
    except OSError as error:
        raise LedgerError(f"{storage.where}: cannot be read ({error})") from error
    return sorted(found, key=lambda item: (item.started, item.trial_id))


def storage_time(storage: Storage, found: list[Running], clock: Callable[[], float]) -> float:
    """Return what time it is for the storage.

    This machine's clock will do, unless it makes something look silent, or heard from the future: then the storage is
    asked, by writing a file and looking at its time. Where that cannot be done this machine's clock has to do.

    Args:
        storage: The ledger's.
        found: What is under way.
        clock: This machine's, in seconds since 1970.
    """
    now = clock()
    if any(item.silent(now) or item.heard > now + AHEAD_SECONDS for item in found):
        asked = storage.clock()
        return now if asked is None else asked
    return now
