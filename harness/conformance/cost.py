"""What a step costs, over one under ``none``."""

from __future__ import annotations

import time
import weakref
from statistics import median
from typing import TYPE_CHECKING, Any

from ganbench.harness.conformance.subject import Subject

if TYPE_CHECKING:
    from ganbench.harness.training.training import Training

PAIRS = 15
SLOW = 20.0
"""Times as slow as ``none`` from which on a reader is told; penalties with second derivatives cost 2 to 4."""


def is_measured(subject: Subject) -> str:
    """Return time and memory of a step, over one under ``none``; no cost is a failure."""
    from ganbench.harness.process import one_thread

    own, none = (subject.training(cell) for cell in (subject.image_cell, subject.without(subject.image_cell)))
    with one_thread():
        _seconds(own), _seconds(none)  # the first step prepares what the others use
        # In pairs, so that another process of the machine slows both.
        slower = median(_seconds(own) / _seconds(none) for _ in range(PAIRS))
        larger = _peak(own) / _peak(none)
    told = f"a step takes {slower:.1f} times the time and {larger:.1f} times the memory of one under none"
    if slower > SLOW:
        told += f"; more than {SLOW:g} times is more than a method costs: look for a sleep, a file or a loop in Python"
    return told


def _seconds(training: Training) -> float:
    began = time.perf_counter()
    training.advance(observe=False)
    return time.perf_counter() - began


def _peak(training: Training) -> int:
    """Return the most bytes that a step held at a time, beside what was there before."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    held = most = 0
    seen: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def freed(size: int) -> None:
        nonlocal held
        held -= size

    class Counting(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal held, most
            made = function(*args, **(kwargs or {}))
            before = {id(x.untyped_storage()) for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)}
            for value in tree_leaves(made):
                if isinstance(value, torch.Tensor):
                    storage = value.untyped_storage()
                    if id(storage) not in before and storage not in seen:
                        seen[storage] = size = storage.nbytes()
                        held += size
                        weakref.finalize(storage, freed, size)
            most = max(most, held)
            return made

    with Counting():
        training.advance(observe=False)
    return max(most, 1)
