"""Asking again, for a bounded time, a server that does not answer or fails; and never making the same thing twice.

A request whose answer was lost may have been carried out. Most of ours can be sent again without harm: MLflow keeps one
of several equal metrics, parameters and tags. To create or to delete something twice is harm, so whoever asks for that
says how to find out whether it was done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

PATIENCE_SECONDS = 20.0
"""How long one request is repeated. A server that restarts needs about ten seconds."""

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 4.0

PASSING = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "RESOURCE_EXHAUSTED", "REQUEST_LIMIT_EXCEEDED")
"""Error codes of MLflow under which it reports a broken connection, an answer 5xx or 429, and a database that is busy."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Patience:
    """How to ask.

    Attributes:
        seconds: After so many, a request is not sent again.
        clock: Monotonic, in seconds.
        sleep: Waits so many seconds.
    """

    seconds: float = PATIENCE_SECONDS
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def ask(self, request: Callable[[], Answer], done: Callable[[], Answer | None] | None = None) -> Answer:
        """Send a request, again if need be, and return its answer.

        Args:
            request: Sends it once.
            done: Called before it is sent again: what a former request has brought about, or None if nothing. Not
                needed for what may be done twice.

        Raises:
            MlflowException: It was refused, or failed for too long.
        """
        from mlflow.exceptions import MlflowException

        begun, pause, again = self.clock(), FIRST_PAUSE_SECONDS, False
        while True:
            try:
                if again and done is not None and (found := done()) is not None:
                    return found
                again = True
                return request()
            except MlflowException as error:
                if error.error_code not in PASSING or self.clock() + pause - begun > self.seconds:
                    raise
            self.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
