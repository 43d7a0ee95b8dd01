"""Trials under way: a small file each, renewed while its process lives, for whoever looks at a sweep from outside.

Nothing depends on them: what is committed is decided by the commit alone.

Clocks differ between machines. A file's time is the storage's own, on a file server or in an object store, and what it was
by the clock of the machine that wrote it stands in the file; so a reader can tell how far that machine's clock is off.
"""

from __future__ import annotations

import json
import math
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
        moved: When it went on last, or began, by the storage's clock; None where it does not say.
        limit: After how many seconds without progress it is ended; None where it does not say, or is not.
    """

    trial_id: str
    host: str
    attempt: int
    started: float
    heard: float
    behind: float = 0.0
    steps: int | None = None
    moved: float | None = None
    limit: float | None = None

    def silent(self, now: float) -> bool:
        """Say whether nothing was heard of it for a while."""
        return now - self.heard > SILENT_SECONDS

    def still(self) -> float:
        """Return for how many seconds it had not gone on when it was heard of last; 0 where it does not say."""
        return 0.0 if self.moved is None else max(0.0, self.heard - self.moved)


class Pulse:
    """What a trial says of itself while it is under way.

    A process lives on while one of its hooks never returns: only that its trials go on tells.

    Args:
        storage: The ledger's.
        trial_id: The trial.
        attempt: From 1.
        node: The node's identity, where it is known.
        limit: After how many seconds without progress it is ended, now.
    """

    def __init__(
        self, storage: Storage, trial_id: str, attempt: int, node: str | None, limit: Callable[[], float]
    ) -> None:
        self._storage, self.name, self._limit = storage, f"{RUNNING}/{identity(trial_id)}.json", limit
        self._about = {"host": platform.node(), "pid": os.getpid(), "attempt": attempt, "node": node}
        self._about["started"] = round(time.time(), 3)
        self._steps, self._moved = 0, time.monotonic()

    def step(self) -> None:
        """A step was made."""
        self._steps += 1
        self.progress()

    def progress(self) -> None:
        """Something went on."""
        self._moved = time.monotonic()

    def say(self, **more: object) -> None:
        """Write how it is."""
        limit = self._limit()
        still = round(time.monotonic() - self._moved, 3)
        now = {"clock": round(time.time(), 3), "steps": self._steps, "still": still}
        now |= {"limit": round(limit, 3)} if math.isfinite(limit) else {}
        with suppress(OSError):
            self._storage.write(self.name, json.dumps(self._about | now | more).encode())


@contextmanager
def announced(
    root: str | Path | Storage,
    trial_id: str,
    attempt: int,
    node: str | None = None,
    limit: Callable[[], float] = lambda: math.inf,
) -> Iterator[Pulse]:
    """Keep a file that says that a trial is under way, for as long as the block lasts; yield what is to be told of it.

    Where it cannot be written the trial runs all the same. It is left behind where the process dies.

    Args:
        root: Where the ledger stands.
        trial_id: The trial.
        attempt: From 1.
        node: The node's identity, where it is known.
        limit: After how many seconds without progress the attempt is ended, now.
    """
    storage = open_storage(root)
    pulse, over = Pulse(storage, trial_id, attempt, node, limit), threading.Event()

    def renew() -> None:
        while not over.wait(RENEW_SECONDS):
            pulse.say()

    pulse.say()
    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield pulse
    finally:
        over.set()
        thread.join()
        with suppress(OSError):
            storage.delete(pulse.name)


@dataclass(frozen=True)
class Left:
    """What a process that died left of a trial.

    Attributes:
        attempt: From 1.
        node: The node's identity; None where it is not known.
        host: Its name.
        stuck: Where it made no progress, if that is why the process ended; else empty.
        result: What the trial comes to if that was in a hook, and happens again; else empty.
    """

    attempt: int
    node: str | None
    host: str = ""
    stuck: str = ""
    result: str = ""


def left_behind(storage: Storage, trial_id: str) -> Left | None:
    """Return what the last process of a trial left behind; None where there is nothing, or it cannot be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        about = json.loads(storage.read(f"{RUNNING}/{identity(trial_id)}.json"))
        host, stuck, result = (str(about.get(key, "")) for key in ("host", "stuck", "result"))
        return Left(int(about["attempt"]), about.get("node"), host, stuck, result)
    return None


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
                limit = None if about.get("limit") is None else float(about["limit"])
                host, attempt = str(about["host"]), int(about["attempt"])
                found.append(Running(trial, host, attempt, started, entry.changed, behind, steps, moved, limit))
    except OSError as error:
        raise LedgerError(f"{storage.where}: cannot be read ({error})") from error
    return sorted(found, key=lambda item: (item.started, item.trial_id))


def under_way(root: str | Path | Storage) -> list[Running]:
    """Return the trials of which something was heard lately; raises as :func:`running`."""
    storage = open_storage(root)
    found = running(storage)
    now = storage_time(storage, found, time.time)
    return [item for item in found if not item.silent(now)]


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
