"""Virtual time: processes that sleep, write to a disk and die, in one thread and in an order that is always the same.

A process is a greenlet: code that knows nothing of the simulation runs in it, and is left and entered again where it
sleeps. When it is killed, nothing of it is cleaned up: what it was writing is half there, and what it had hidden stays.
"""

from __future__ import annotations

import errno
import heapq
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from greenlet import getcurrent, greenlet


class Killed(BaseException):
    """The process dies at this moment."""


class NoEnd(AssertionError):
    """Something goes on for ever."""


@dataclass
class Disk:
    """What is wrong with the disk that a machine writes to.

    Attributes:
        full_until: Until then nothing more can be written.
        slow_until: Until then a flush takes ``slow`` seconds.
        slow: Seconds.
    """

    full_until: float = -1.0
    slow_until: float = -1.0
    slow: float = 0.0


class World:
    """A clock, and what is to happen when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.hub = getcurrent()
        self.current: Process | None = None
        self.events = 0
        self._serial = self._processes = 0
        self._coming: list[tuple[float, int, Callable[[], None]]] = []

    def clock(self) -> float:
        return self.now

    def at(self, when: float, action: Callable[[], None]) -> None:
        self._serial += 1
        heapq.heappush(self._coming, (max(when, self.now), self._serial, action))

    def spawn(
        self, work: Callable[[], Any], ended: Callable[[Process], None] = lambda process: None, disk: Disk | None = None
    ) -> Process:
        self._processes += 1
        process = Process(self, self._processes, work, ended, disk or Disk())
        self.at(self.now, process.begin)
        return process

    def run(self, over: Callable[[], bool], until: float = 1e12, most: float = 1e12) -> None:
        """Let time pass until something is so, or nothing is left to happen.

        Raises:
            NoEnd: It was not so after so long, or so many events.
        """
        while self._coming and not over():
            self.now, _, action = heapq.heappop(self._coming)
            self.events += 1
            if self.now > until or self.events > most:
                raise NoEnd(f"no end after {self.now:.0f} virtual seconds and {self.events} events")
            action()
        if not over():
            raise NoEnd(f"nothing is left to happen after {self.now:.0f} virtual seconds")

    def sleep(self, seconds: float) -> None:
        """Called by a process: go on later."""
        assert self.current is not None
        self.current.sleep(seconds)


@dataclass(eq=False)
class Process:
    """Code that runs in virtual time.

    Attributes:
        world: Its world.
        number: No other process has it.
        work: The code.
        ended: Called when it has come to its end, whatever it was.
        disk: What it writes to.
        result: What its code returned.
        why: What it was killed by; None while it was not.
        flushes_left: After so many flushes it dies; None for never.
        facts: What others keep of it.
    """

    world: World
    number: int
    work: Callable[[], Any]
    ended: Callable[[Process], None]
    disk: Disk
    result: Any = None
    why: Any = None
    flushes_left: int | None = None
    alive: bool = True
    dying: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._turn = 0
        self._begun = False
        self._greenlet = greenlet(self._run, parent=self.world.hub)

    def begin(self) -> None:
        if self.alive:
            self._begun = True
            self._enter(self._greenlet.switch)

    def sleep(self, seconds: float) -> None:
        if self.dying:
            raise Killed
        self._turn += 1
        self.world.at(self.world.now + seconds, partial(self._resume, self._turn))
        self.world.hub.switch()

    def wake(self) -> None:
        """Have it go on now, if it sleeps."""
        self.world.at(self.world.now, partial(self._resume, self._turn))

    def kill(self, why: Any) -> None:
        if not self.alive or self.dying:
            return
        self.why, self.dying = why, True
        if self.world.current is self:
            raise Killed
        if not self._begun:
            self._end()
        elif self.world.current is None:
            self._throw()
        else:
            self.world.at(self.world.now, self._throw)

    def flush(self, descriptor: int) -> None:
        """What becomes of a flush to the disk."""
        if self.dying:
            raise Killed
        if self.flushes_left is not None:
            if self.flushes_left == 0:
                _tear(descriptor)
                self.kill("while it wrote")
            self.flushes_left -= 1
        if self.world.now < self.disk.full_until:
            raise OSError(errno.ENOSPC, "no space left on device (simulated)")
        if self.world.now < self.disk.slow_until:
            self.sleep(self.disk.slow)

    def _run(self) -> None:
        try:
            self.result = self.work()
        except Killed:
            pass
        finally:
            self._end()

    def _end(self) -> None:
        if self.alive:
            self.alive = False
            self.world.at(self.world.now, partial(self.ended, self))

    def _throw(self) -> None:
        if self.alive:
            self._enter(partial(self._greenlet.throw, Killed))

    def _resume(self, turn: int) -> None:
        if self.alive and not self.dying and turn == self._turn:
            self._enter(self._greenlet.switch)

    def _enter(self, switch: Callable[[], Any]) -> None:
        assert self.world.current is None
        self.world.current = self
        try:
            switch()
        finally:
            self.world.current = None


def _tear(descriptor: int) -> None:
    """Leave half of a file that was not finished, or all of one that grows but the end of its last line."""
    about = os.fstat(descriptor)
    if stat.S_ISREG(about.st_mode):
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        hidden = path.name.startswith(".")
        os.truncate(path, about.st_size // 2 if hidden else max(about.st_size - 9, 0))


CHANGES = ("link", "unlink", "remove", "replace", "rename", "rmdir", "mkdir")


@contextmanager
def a_folder() -> Iterator[Path]:
    """An empty folder, in memory where there is any to be had: flushes are real, and cost nothing there."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="ganbench-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def one_disk(world: World) -> Iterator[None]:
    """Have what processes of a world write obey their disks; the flushes themselves are real."""

    def obeying(real: Callable[..., Any]) -> Callable[..., Any]:
        def change(*args: Any, **options: Any) -> Any:
            if world.current is not None and world.current.dying:
                raise Killed
            return real(*args, **options)

        return change

    def fsync(descriptor: int, real: Callable[[int], None] = os.fsync) -> None:
        if world.current is not None:
            world.current.flush(descriptor)
        real(descriptor)

    with ExitStack() as stack:
        for name in CHANGES:
            stack.enter_context(mock.patch.object(os, name, obeying(getattr(os, name))))
        stack.enter_context(mock.patch.object(os, "fsync", fsync))
        yield
