"""Ends what makes no progress: a hook that never returns, a device that never answers.

Two limits. The first raises in the main thread, at the next bytecode or in the call that waits: that ends a loop, a sleep,
a lock. What does not come back to Python gets no such chance; some time later the process ends, and leaves a note of it.
Only seconds count in which this process could run: one that was stopped with its machine has not been slow.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

from ganbench.harness.process import GRACE_SECONDS, TooLongError

HANG_SECONDS = 300.0
"""No progress for so long ends an attempt, unless longer waits were normal before."""

MULTIPLE, FADING = 10, 0.99
"""Of the longest wait between two signs of progress in this process, where that is more; it counts less with each."""

COMPILING = 4
"""Of the limit, for the first step of a program that is compiled."""

OUTSIDE = ("ganbench.harness.training.loop", "ganbench.harness.worker.")
"""What calls a trial's steps; nothing on a stack from there on is about them."""

LOOK_SECONDS = 1.0
EXIT_CODE = 70
"""Of a process that ends for it; of no other one."""


@dataclass(frozen=True)
class Stuck:
    """Where no progress was made.

    Attributes:
        seconds: For how long.
        place: File, line and function.
        function: Function and file: the same every time.
        in_hook: Whether that is in a normalizer's hook, or in what one calls.
        in_data: Whether it is where a data set is read.
    """

    seconds: float
    place: str
    function: str = ""
    in_hook: bool = False
    in_data: bool = False

    def words(self) -> str:
        """Return it for people."""
        return f"no progress for {self.seconds:.0f} seconds, in {self.place}"

    def result(self) -> str:
        """Return what a trial comes to whose hook does not return, whenever it is tried."""
        return f"does not return: {self.function}"


class Watch:
    """Watches the blocks that are entered with it; what is between them may take as long as it likes.

    Args:
        seconds: The least limit; 0 for none.
        leave: Gets what is to be known of it before the process ends; None where the process must not end.
        patience: By what the limit is multiplied before the first sign of progress.

    Attributes:
        stuck: Where an attempt was told to end; None before.
    """

    def __init__(self, seconds: float, leave: Callable[[Stuck], None] | None = None, patience: float = 1.0) -> None:
        self._least, self._leave, self._patience = seconds, leave, patience
        self._over = threading.Event()
        self._inside = 0
        self._ran, self._longest = 0.0, 0.0
        self._seen, self._used = 0.0, 0.0
        self._any = False
        self.stuck: Stuck | None = None

    @property
    def limit(self) -> float:
        """After so many seconds without progress an attempt ends; infinite where none does."""
        if not self._least:
            return float("inf")
        return max(self._least * (1 if self._any else self._patience), MULTIPLE * self._longest)

    def progress(self) -> None:
        """Something went on."""
        if self.stuck is None:  # what was told to end and went on all the same says nothing of what is normal
            self._longest = max(FADING * self._longest, self._ran - self._seen)
        self._any = True
        self._begin()

    def __enter__(self) -> Watch:
        self._inside += 1
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside -= 1
        if error is None:
            self.progress()

    @contextmanager
    def on_duty(self) -> Iterator[Watch]:
        """Watch within the block; in another thread than the main one, which no signal reaches, nothing is watched."""
        if not self._least or threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = signal.signal(signal.SIGALRM, self._alarm)
        signal.setitimer(signal.ITIMER_REAL, self.limit)
        thread = threading.Thread(target=self._count, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def _begin(self) -> None:
        self._seen, self._used = self._ran, time.thread_time()

    def _alarm(self, number: int, frame: FrameType | None) -> None:
        # Code that keeps Python's lock to itself keeps the other thread from counting, but it uses time of a core.
        waited = max(self._ran - self._seen, time.thread_time() - self._used)
        if not self._inside or waited < self.limit:
            signal.setitimer(
                signal.ITIMER_REAL, max(LOOK_SECONDS, self.limit - waited if self._inside else self._least)
            )
            return
        self.stuck = stuck(frame, waited)
        signal.setitimer(signal.ITIMER_REAL, self.limit)  # somebody may take what is raised for its own
        raise TooLongError(self.stuck.words())

    def _count(self) -> None:
        """Count the seconds in which this process runs, and end it where nothing else helps."""
        last, armed = time.monotonic(), False
        while not self._over.wait(LOOK_SECONDS):
            now = time.monotonic()
            self._ran += min(now - last, 2 * LOOK_SECONDS)
            last = now
            if self._leave is None:
                continue
            if self._inside:
                # A thread of its own that needs nothing of Python: what if this one here comes to a stand, too?
                faulthandler.dump_traceback_later(
                    self.limit + 2 * GRACE_SECONDS, exit=True, file=sys.__stderr__ or sys.stderr
                )
            elif armed:
                faulthandler.cancel_dump_traceback_later()
            armed = bool(self._inside)
            if self._inside and self._ran - self._seen > self.limit + GRACE_SECONDS:
                self._end()
        if armed:
            faulthandler.cancel_dump_traceback_later()

    def _end(self) -> None:
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        found = stuck(frame, self._ran - self._seen)
        try:
            if self._leave is not None:
                self._leave(found)
            sys.__stderr__ and print(f"{found.words()}: this process ends", file=sys.__stderr__, flush=True)
        finally:
            os._exit(EXIT_CODE)


def stuck(frame: FrameType | None, seconds: float) -> Stuck:
    """Return where a stack is, from its innermost frame."""
    frames: list[FrameType] = []
    while frame is not None and not _module(frame).startswith(OUTSIDE):
        frames.append(frame)
        frame = frame.f_back
    names = [_module(item) for item in frames]
    foreign = [
        item
        for item, name in zip(frames, names, strict=True)
        if not name.startswith(("ganbench.harness.", "torch.")) and not _is_library(item)
    ]
    ours = [name for name in names if name.startswith(("ganbench.harness.models.", "ganbench.harness.steps."))]
    measured = any(name.startswith("ganbench.harness.metrics.") for name in names)
    place = next(iter(foreign or frames), None)
    file, function = ("", "") if place is None else (Path(place.f_code.co_filename).name, place.f_code.co_name)
    return Stuck(
        seconds,
        f"{file}:{place.f_lineno} ({function})" if place else "no known place",
        f"{function} in {file}",
        in_hook=bool(foreign and ours) and not measured,
        in_data=any(name.startswith("ganbench.harness.data.") for name in names),
    )


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _is_library(frame: FrameType) -> bool:
    """Say whether a frame is of the standard library; other packages may be a plugin's."""
    path = frame.f_code.co_filename
    return path.startswith(("<frozen", sysconfig.get_path("stdlib"))) and "site-packages" not in path
