"""Being asked to stop: by the machine, which is about to go, or by ``ganbench stop``."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from ganbench.harness.errors import LedgerError
from ganbench.harness.storage import Storage, open_storage

STOP = "stop"
"""A file in the ledger: as long as it is there, sweeps on this ledger come to rest."""

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""By which a machine, a terminal or a person asks a process to end."""

Root = str | Path | Storage


def ask_to_stop(root: Root) -> None:
    """Ask every sweep on a ledger, wherever it runs, to leave checkpoints and end.

    Args:
        root: Where the ledger stands.

    Raises:
        LedgerError: It cannot be written.
    """
    storage = open_storage(root)
    try:
        storage.write(STOP, b"")
    except OSError as error:
        raise LedgerError(f"{storage.where}: cannot be written ({error})") from error


def go_on(root: Root) -> None:
    """Take back what :func:`ask_to_stop` asked.

    Raises:
        LedgerError: It cannot be written.
    """
    storage = open_storage(root)
    try:
        storage.delete(STOP)
    except OSError as error:
        raise LedgerError(f"{storage.where}: cannot be written ({error})") from error


def is_asked_to_stop(root: Root) -> bool:
    """Say whether sweeps on a ledger are to stop; where the storage does not answer, nobody has asked."""
    with suppress(OSError, LedgerError):
        return open_storage(root).exists(STOP)
    return False


def now_and_then(
    ask: Callable[[], bool], seconds: float, clock: Callable[[], float] = time.monotonic
) -> Callable[[], bool]:
    """Return a function that asks now and then, and says what the last answer was.

    Args:
        ask: What it asks.
        seconds: Between two times.
        clock: Monotonic, in seconds.
    """
    asked, answer = -seconds, False

    def again() -> bool:
        nonlocal asked, answer
        if clock() - asked >= seconds:
            asked, answer = clock(), ask()
        return answer

    return again


@contextmanager
def told_of_signals(note: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have :data:`SIGNALS` call a function within the block; nothing is changed in another than the main thread.

    Args:
        note: A handler as of :func:`signal.signal`.
    """
    if threading.current_thread() is not threading.main_thread():  # the only one that can be told of signals
        yield
        return
    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interruption(root: Root, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether to stop: a signal came, or somebody asked for it.

    A machine that is taken away sends SIGTERM some seconds before; that is enough for a checkpoint. Ctrl-C and a terminal
    that is closed reach all its processes, and mean the same. A second Ctrl-C ends this process at once.

    Args:
        root: Where the ledger stands.
        clock: Monotonic, in seconds.
    """
    storage = open_storage(root)
    came: list[bool] = []
    look = now_and_then(lambda: is_asked_to_stop(storage), storage.look_seconds, clock)

    def asked() -> bool:
        if not came and look():
            came.append(True)
        return bool(came)

    def note(number: int, frame: FrameType | None) -> None:
        if came and number == signal.SIGINT:
            raise KeyboardInterrupt
        came.append(True)

    with told_of_signals(note):
        yield asked
