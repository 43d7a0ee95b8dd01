"""What signals to a driver do: what ``ganbench stop`` does, with a deadline."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ganbench.harness.errors import ClusterError
from ganbench.harness.worker.interruption import told_of_signals

STOP_SECONDS = 90.0
"""How long trainings may take to leave their checkpoints after a signal."""


@contextmanager
def stopping(
    ask: Callable[[], None],
    tell: Callable[[str], None],
    seconds: float = STOP_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether a signal came; it is to be called now and then.

    The first signal asks all trainings to leave checkpoints and end. A second one ends at once.

    Args:
        ask: Asks them.
        tell: Says to people what is going on.
        seconds: How long that may take.
        clock: Monotonic, in seconds.

    Yields:
        The function; it raises ClusterError after the deadline.
    """
    came: list[tuple[str, float]] = []
    asked: list[bool] = []

    def note(number: int, frame: FrameType | None) -> None:
        if came:
            raise KeyboardInterrupt
        came.append((signal.Signals(number).name, clock()))

    def look() -> bool:
        if not came:
            return False
        name, since = came[0]
        if not asked:
            asked.append(True)
            tell(
                f"{name}: trainings leave checkpoints and end, within {seconds:.0f} seconds; a second signal ends at once"
            )
            ask()
        if clock() - since > seconds:
            raise ClusterError(f"{name}: some trainings did not end within {seconds:.0f} seconds, and were left")
        return True

    with told_of_signals(note):
        yield look
