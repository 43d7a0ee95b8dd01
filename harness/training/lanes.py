"""Work that takes turns in one thread: several trainings side by side, a step each, and none feels the others.

A training that takes turns is a generator that stops after every step and returns what it came to. What changes the process
(threads, PyTorch's settings, handlers of signals) is entered around all of them: inside one, it would be put back when that
one ends, under the others.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from typing import Generic, TypeVar

from ganbench.harness.training.devices import CPU

T = TypeVar("T")

Turns = Generator[None, None, T]
"""Work in turns: each ``next`` is one, and what it returns is what the work comes to."""

Place = Callable[[], AbstractContextManager[object]]
"""Where a lane's turns are taken: entered for every one of them."""


def alone(work: Turns[T]) -> T:
    """Take all turns of a work, one after the other, and return what it came to."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result


@dataclass
class _Lane(Generic[T]):
    """One of those that take turns; the next work begins in it when one ends."""

    place: Place
    number: int = 0
    work: Turns[T] | None = None

    def turn(self) -> tuple[int, T] | None:
        """Take one, and return what the work came to if it was the last."""
        assert self.work is not None
        with self.place():
            try:
                next(self.work)
            except StopIteration as end:
                self.work = None
                return self.number, end.value
        return None

    def close(self) -> None:
        """End what is not at its end."""
        if self.work is not None:
            self.work.close()


def take_turns(works: Iterable[Turns[T]], places: Sequence[Place]) -> Iterator[tuple[int, T]]:
    """Have works take turns, as many at once as there are places, always in the same order.

    What a work raises ends them all.

    Args:
        works: Asked for the next one when there is room for it; what never begins is never asked for.
        places: One for each lane.

    Yields:
        The number of a work that has ended, from 0 in their order, and what it came to.
    """
    waiting = enumerate(works)
    lanes = [_Lane[T](place) for place in places]
    with ExitStack() as stack:
        for lane in lanes:
            stack.callback(lane.close)
        busy = True
        while busy:
            busy = False
            for lane in lanes:
                if lane.work is None:
                    lane.number, lane.work = next(waiting, (0, None))
                if lane.work is not None:
                    busy = True
                    ended = lane.turn()
                    if ended is not None:
                        yield ended


def places(lanes: int, device: str) -> list[Place]:
    """Return where lanes take their turns: on a GPU each on a stream of its own, so that their work overlaps there.

    Args:
        lanes: How many, at most as many as PyTorch has streams, which is 32.
        device: ``"cpu"`` or ``"cuda"``.
    """
    if device == CPU:
        return [nullcontext] * lanes
    import torch

    return [_on(torch.cuda.Stream()) for _ in range(lanes)]


def _on(stream: object) -> Place:
    import torch

    return lambda: torch.cuda.stream(stream)  # type: ignore[arg-type]
