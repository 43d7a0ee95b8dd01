"""What a device is tested with: cells on random examples, their trainings, and what is compared of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.data.random_examples import random_data
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.steps.captured import GraphTape, Tape
from ganbench.harness.steps.execution_mode import MOST_LANES
from ganbench.harness.steps.form import state_like, state_tensors
from ganbench.harness.steps.program import Programs
from ganbench.harness.training.lanes import Turns
from ganbench.harness.training.training import Material, Training

if TYPE_CHECKING:
    from ganbench.harness.normalizer import Normalizer

EXAMPLES = 1024
BUDGET = 100_000
"""Steps of a training's budget, which no check reaches."""


class DeviceTestError(Exception):
    """A device does not do what it should; says what was found."""


@dataclass(frozen=True)
class Bench:
    """What is tested, and with how much.

    Attributes:
        catalog: The plugins.
        device: ``"cuda"``; ``"cpu"`` in tests of these checks.
        tape: What captures programs; None for CUDA's graphs.
        architectures: Data set and architecture of each network that is tried.
        normalizers: Those that are tried on the second of them; all, if empty.
        steps: How many a training makes.
        lanes: Numbers of trainings that run side by side, each number in turn.
        trials: How many are trained in one process.
    """

    catalog: Catalog
    device: str = "cuda"
    tape: Callable[[], Tape] | None = None
    architectures: tuple[tuple[Any, Any], ...] = (
        ("ring8", "mlp"),
        ("digits", {"name": "dcgan", "width": 16, "latent": 32}),
        ("cifar10", "sngan_cnn"),
    )
    normalizers: tuple[str, ...] = ()
    steps: int = 60
    lanes: tuple[int, ...] = (4, 16, MOST_LANES)
    trials: int = 50

    def cell(self, number: int, normalizer: str = "spectral_norm", **changes: Any) -> Cell:
        """Return a cell on one of the architectures."""
        dataset, architecture = self.architectures[number]
        named = {"dataset": dataset, "architecture": architecture, "normalizer": normalizer}
        named |= {"loss": "hinge", "optimizer": "adam", "metric": "fidelity"}
        plugins: dict[str, Any] = {kind: self.catalog.create(kind, name) for kind, name in named.items()}
        numbers = {"lr_g": 2e-4, "lr_d": 2e-4, "n_dis": 1, "batch_size": 16, "steps": BUDGET}
        return Cell(**plugins, **{**numbers, "evaluations": 1, "log_points": 1, **changes})

    def training(
        self, cell: Cell, programs: Programs | None = None, device: str | None = None, seed: int = 0
    ) -> Training:
        """Return a training of a cell on random examples, before its first step."""
        device = device or self.device
        default = cast("Normalizer", self.catalog.create("normalizer", cell.architecture.generator_normalizer))
        data = random_data(cell.dataset, EXAMPLES).to(device)
        return Training(Trial(cell, 1, seed), Material(data, "", lambda generated: {}, default, device), programs)

    def programs(self, way: str = "replayed", *, beside: bool = False) -> Programs:
        """Return new programs, captured."""
        return Programs(way, self.tape, beside=beside)

    def synchronize(self) -> None:
        """Wait until the device has done what it was asked for, on all streams."""
        if self.device == "cuda":
            torch.cuda.synchronize()


def advance(training: Training, steps: int) -> None:
    """Make steps, every third of them observed, counted from the training's first."""
    for _ in range(steps):
        training.advance(training.now % 3 == 0)


class FailingTape:
    """A tape that asks the device for something that no capture may do."""

    def record(self, work: Callable[[], None]) -> None:
        """Wait for the device in the middle of a capture."""
        if not torch.cuda.is_available():
            raise RuntimeError("this capture was made to fail")

        def waits() -> None:
            work()
            torch.cuda.synchronize()

        GraphTape().record(waits)

    def replay(self) -> None:
        """Is never called."""


def turns(training: Training, steps: int, *, spoilt: bool) -> Turns[None]:
    """Make steps in turns; a spoilt training has numbers that are not finite from a quarter of them on."""
    for step in range(steps):
        if spoilt and step == steps // 4:
            state = state_tensors(training.state)
            training.state = state_like(training.state, [tensor * float("nan") for tensor in state])
        training.advance(False)
        yield


def seconds(training: Training, steps: int) -> float:
    """Return the seconds of a step, the mean over some."""
    training.wait()
    begun = time.perf_counter()
    for _ in range(steps):
        training.advance(False)
    training.wait()
    return (time.perf_counter() - begun) / steps


def of_type(tensors: list[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """Return tensors with those of floating point in another type."""
    return [tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in tensors]


def numbers(training: Training) -> list[Tensor]:
    """Return a training's state on the processor."""
    training.wait()
    return [tensor.cpu() for tensor in state_tensors(training.state)]


def equal(one: Training, other: Training) -> bool:
    """Say whether two trainings have the same state, bit for bit."""
    return all(torch.equal(a, b) for a, b in zip(numbers(one), numbers(other), strict=True))
