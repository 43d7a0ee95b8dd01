"""Trials under way: a small file each, renewed while its process lives, for whoever looks at a sweep from outside.

Nothing depends on them: what is committed is decided by the commit alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

RENEW_SECONDS = 10.0
SILENT_SECONDS = 60.0
"""A trial whose file is older has probably lost its process: it will run again."""


@dataclass(frozen=True)
class Running:
    """A trial under way.

    Attributes:
        trial_id: Which one.
        host: Where.
        attempt: From 1.
        started: Since when, in seconds since 1970.
        heard: When its process last said that it lives.
    """

    trial_id: str
    host: str
    attempt: int
    started: float
    heard: float

    def silent(self, now: float) -> bool:
        """Say whether nothing was heard of it for a while."""
        return now - self.heard > SILENT_SECONDS


@contextmanager
def announced(root: Path, trial_id: str, attempt: int) -> Iterator[None]:
    """Keep a file that says that a trial is under way, for as long as the block lasts.

    Where it cannot be written the trial runs all the same.
    """
    path = root / "running" / f"{trial_id}.json"
    about = {"host": platform.node(), "pid": os.getpid(), "attempt": attempt, "started": round(time.time(), 3)}
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEW_SECONDS):
            with contextlib.suppress(OSError):
                path.touch()

    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(about), encoding="utf-8")
    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        with contextlib.suppress(OSError):
            path.unlink()


def running(root: Path) -> list[Running]:
    """Return the trials under way, the longest first."""
    found = []
    for path in (root / "running").glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError):  # it ends, or is being written, at this moment
            heard, about = path.stat().st_mtime, json.loads(path.read_text(encoding="utf-8"))
            found.append(Running(path.stem, str(about["host"]), int(about["attempt"]), float(about["started"]), heard))
    return sorted(found, key=lambda item: (item.started, item.trial_id))
