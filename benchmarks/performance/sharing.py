"""Many seeds on one device: a process each, or in turns on streams of one process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.training.numerics import numerics
from ganbench.harness.training.training import Training
from performance.cells import endless, material_of
from performance.clocks import PREPARING, rate_of, synchronize
from performance.peers.loop import Loop, decoded
from performance.stepping import begun


def alone(name: str, seconds: float, device: str) -> dict[str, float]:
    """Return how many steps one usual loop makes in how many seconds, with the device to itself."""
    loop = Loop(endless(name), decoded(material_of(endless(name), device)), device)
    loop.run(3)
    return {**rate_of(lambda: loop.run(1), seconds, device), "seeds": 1}


def one_of_many(name: str, seconds: float, device: str, way: str, go: float) -> dict[str, Any]:
    """Make steps from a moment on, as one of several processes that share a device.

    Args:
        name: The cell.
        seconds: For how long.
        device: Shared.
        way: How steps are run.
        go: Wall-clock time at which all begin to count.

    Returns:
        Steps, their seconds, and ``late``: by how much this process missed the common start.
    """
    execution = ExecutionMode(way)
    training = begun(name, execution, material_of(endless(name), device), seed=os.getpid() % 1000)
    synchronize(device)
    late = max(0.0, time.time() - go)
    time.sleep(max(0.0, go - time.time()))
    with numerics(execution):
        return {**rate_of(lambda: training.advance(observe=False), seconds, device), "late": late, "seeds": 1}


class Turns:
    """Trainings of one process that make a step each in turn; on a GPU each on a stream of its own.

    Args:
        trainings: Their steps are asked for one after the other, and a GPU may make several at a time.
        device: Where they compute.
    """

    def __init__(self, trainings: Sequence[Training], device: str) -> None:
        self.trainings = trainings
        on_gpu = torch.device(device).type == "cuda"
        self._streams = [torch.cuda.Stream(device) if on_gpu else None for _ in trainings]

    def __call__(self) -> None:
        """Make a step of each."""
        for training, stream in zip(self.trainings, self._streams, strict=True):
            with _on(stream):
                training.advance(observe=False)


def _on(stream: torch.cuda.Stream | None) -> AbstractContextManager[object]:
    return nullcontext() if stream is None else torch.cuda.stream(stream)


def turns(name: str, width: int, seconds: float, device: str, way: str) -> dict[str, Any]:
    """Return how many steps seeds make that take turns in one process, each with its own memory for their programs."""
    execution, material = ExecutionMode(way), material_of(endless(name), device)
    programs = execution.programs(at_once=True)
    trainings = [begun(name, execution, material, seed, programs=programs) for seed in range(width)]
    return _together(Turns(trainings, device), width, seconds, device, execution)


def _together(
    step: Callable[[], object], width: int, seconds: float, device: str, execution: ExecutionMode
) -> dict[str, Any]:
    with numerics(execution):
        for _ in range(PREPARING):
            step()
        synchronize(device)
        return {**rate_of(step, seconds, device), "seeds": width}
