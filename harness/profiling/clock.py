"""A clock for nested stretches of a program, each with a name."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

Path = tuple[str, ...]
"""The names of a stretch and of those around it, the outermost first."""

Mark = Callable[[str], AbstractContextManager[object]]


class Clock:
    """Adds up how long stretches take, by their path.

    Args:
        settle: Waits for what the device was asked to do; without it a stretch on a GPU would end before its work does.
        mark: Makes a context for a name, in which a profiler of PyTorch's sees the stretch; None where none is on.

    Attributes:
        seconds: By path, what lies inside of it included.
        counts: How often each was entered.
    """

    def __init__(self, settle: Callable[[], None] = lambda: None, mark: Mark | None = None) -> None:
        self.seconds: dict[Path, float] = {}
        self.counts: Counter[Path] = Counter()
        self.settle = settle
        self._mark = mark
        self._open: list[tuple[Path, float]] = []
        self._marks: list[AbstractContextManager[object]] = []

    @property
    def depth(self) -> int:
        """How many stretches are open."""
        return len(self._open)

    def enter(self, name: str) -> None:
        """Begin a stretch inside of the one that is open."""
        if self._mark is not None:
            self._marks.append(self._mark(name))
            self._marks[-1].__enter__()
        self.settle()
        path = (*self._open[-1][0], name) if self._open else (name,)
        self._open.append((path, time.perf_counter()))

    def leave(self) -> None:
        """End the stretch that was begun last."""
        self.settle()
        path, begun = self._open.pop()
        self.seconds[path] = self.seconds.get(path, 0.0) + time.perf_counter() - begun
        self.counts[path] += 1
        if self._mark is not None:
            self._marks.pop().__exit__(None, None, None)

    def part(self, name: str) -> AbstractContextManager[object]:
        """Time a stretch; those that were begun in it and not ended, as where something was raised, end with it."""
        return _Stretch(self, name)

    def add(self, other: Clock, outermost: str) -> None:
        """Add what another clock has seen of a stretch and of what lies inside of it."""
        for path, seconds in other.seconds.items():
            if path[0] == outermost:
                self.seconds[path] = self.seconds.get(path, 0.0) + seconds
                self.counts[path] += other.counts[path]

    def each(self, path: Path) -> float:
        """Return the mean seconds of a stretch; 0 where there was none."""
        return self.seconds[path] / self.counts[path] if self.counts[path] else 0.0


class _Stretch:
    """A context; a class, because one made of a generator takes twice as long as what it times may."""

    def __init__(self, clock: Clock, name: str) -> None:
        self._clock, self._name = clock, name

    def __enter__(self) -> None:
        self._depth = self._clock.depth
        self._clock.enter(self._name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._clock.depth > self._depth:
            self._clock.leave()
