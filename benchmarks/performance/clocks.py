"""Taking time: sides in turns, steps until a moment, and what methods take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

PREPARING = 3
"""First steps of a program that are left out: in one it is made, in the first two they are compared with plain ones."""

TOGETHER = 5
"""Steps after which a device is waited for, or the queue would grow and what is asked for be counted as made."""


def in_turns(sides: dict[str, Callable[[], object]], repeats: int, steps: int, device: str) -> dict[str, list[float]]:
    """Return milliseconds per step of every counted round, by side.

    What slows the machine down for a while slows all sides down. The first round warms up and is not counted.

    Args:
        sides: Each makes so many steps.
        repeats: Counted rounds.
        steps: Of each side in a round.
        device: Waited for, where it is a GPU.
    """
    times: dict[str, list[float]] = {name: [] for name in sides}
    for repeat in range(repeats + 1):
        for name, work in sides.items():
            synchronize(device)
            begun = time.perf_counter()
            work()
            synchronize(device)
            if repeat:
                times[name].append(1000 * (time.perf_counter() - begun) / steps)
    return times


def rate_of(step: Callable[[], object], seconds: float, device: str) -> dict[str, float]:
    """Make steps for so many seconds, and return how many were made in how many."""
    synchronize(device)
    begun, made = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        for _ in range(TOGETHER):
            step()
        synchronize(device)
        made += TOGETHER
    return {"steps": made, "seconds": time.perf_counter() - begun}


def synchronize(device: str) -> None:
    """Wait until a GPU has done what it was asked to."""
    if device != "cpu":
        torch.cuda.synchronize()


@contextmanager
def clocked(clock: dict[str, float], *methods: tuple[type, str]) -> Iterator[None]:
    """Add up the seconds that methods take, by name, nested ones within those that call them."""
    before = [(owner, name, getattr(owner, name)) for owner, name in methods]

    def timed(key: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                clock[key] = clock.get(key, 0.0) + time.perf_counter() - begun

        return call

    for owner, name, method in before:
        setattr(owner, name, timed(f"{owner.__name__}.{name}", method))
    try:
        yield
    finally:
        for owner, name, method in before:
            setattr(owner, name, method)
