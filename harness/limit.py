"""A limit for code that may never return."""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

GRACE_SECONDS = 30.0
"""What does not return to Python for so long after its limit ends the process, with a dump of where it is."""


class TooLongError(BaseException):
    """Something did not return in time. No plugin's ``except Exception`` takes it for its own."""


@contextmanager
def limited(seconds: float, is_over: threading.Event) -> Iterator[None]:
    """Raise in the block when it takes too long; where no signal can be had, in another than the main thread, never.

    Args:
        seconds: How long it may take.
        is_over: Is set when it has taken longer: what is raised may become something else on its way.

    Raises:
        TooLongError: It took longer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(number: int, frame: FrameType | None) -> None:
        is_over.set()
        raise TooLongError

    before = signal.signal(signal.SIGALRM, over)
    # The real standard error: what a check prints is kept from the terminal, and may be no file.
    faulthandler.dump_traceback_later(seconds + GRACE_SECONDS, exit=True, file=sys.__stderr__ or 2)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)
