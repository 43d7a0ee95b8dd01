"""Being asked to stop: by the machine, which is about to go, or by ``ganbench stop``."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

STOP = "stop"
"""A file in the ledger's folder: as long as it is there, sweeps on this ledger come to rest."""

LOOK_SECONDS = 1.0
"""How often the file is looked for: it may be on a shared file system."""


def ask_to_stop(root: Path) -> None:
    """Ask every sweep on a ledger, wherever it runs, to leave checkpoints and end."""
    (root / STOP).touch()


def go_on(root: Path) -> None:
    """Take back what :func:`ask_to_stop` asked."""
    (root / STOP).unlink(missing_ok=True)


def is_asked_to_stop(root: Path) -> bool:
    """Say whether sweeps on a ledger are to stop."""
    return (root / STOP).exists()


@contextmanager
def interruption(root: Path, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether to stop: SIGTERM came, or somebody asked for it.

    A machine that is taken away sends SIGTERM some seconds before; that is enough for a checkpoint.

    Args:
        root: The ledger's folder.
        clock: Monotonic, in seconds.
    """
    came: list[bool] = []
    looked = clock() - LOOK_SECONDS

    def asked() -> bool:
        nonlocal looked
        if not came and clock() - looked >= LOOK_SECONDS:
            looked = clock()
            if is_asked_to_stop(root):
                came.append(True)
        return bool(came)

    def note(number: int, frame: FrameType | None) -> None:
        came.append(True)

    if threading.current_thread() is not threading.main_thread():  # the only one that can be told of signals
        yield asked
        return
    before = signal.signal(signal.SIGTERM, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)
