"""The checks of a device, on the processor: what they accept, and that each finds what it is there for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from cells import CATALOG
from typer.testing import CliRunner

from ganbench.harness.cli import app
from ganbench.harness.doctor import device_test as checks
from ganbench.harness.doctor.device_bench import Bench, DeviceTestError
from ganbench.harness.doctor.device_test import CHECKS, device_test
from ganbench.harness.steps import program as programs_module
from ganbench.harness.steps.captured import CallTape

BENCH = Bench(
    CATALOG,
    "cpu",
    CallTape,
    architectures=(
        ({"name": "ring8", "size": 100}, {"name": "mlp", "width": 8}),
        ("digits", {"name": "dcgan", "width": 2, "latent": 4}),
    ),
    normalizers=("spectral_norm", "r1"),
    steps=8,
    lanes=(3,),
    trials=3,
)


@pytest.mark.parametrize("name", [name for name in CHECKS if name != "compiled steps"])
def test_a_processor_passes_what_can_be_asked_of_one(name):
    assert CHECKS[name](BENCH)


class Spoiling(CallTape):
    """A capture whose every replay adds something to what it holds."""

    def record(self, work: Callable[[], None]) -> None:
        self.made = 0
        super().record(work)

    def replay(self) -> None:
        super().replay()
        self.made += 1
        if self.made > 3:  # later than programs are compared
            torch._foreach_add_(self._own[:1], 1e-3)


@pytest.fixture
def spoilt(monkeypatch) -> Bench:
    """A device whose captures go wrong after their first steps."""
    real = programs_module.Captured

    def captured(run, given, kept, tape):
        made = real(run, given, kept, tape)
        tape._own = made._own
        return made

    monkeypatch.setattr(programs_module, "Captured", captured)
    return Bench(**{**vars(BENCH), "tape": Spoiling, "steps": 16})


@pytest.mark.parametrize("name", ["captured programs, deterministic", "checkpoints"])
def test_captures_that_go_wrong_after_they_were_compared_are_found(name, spoilt):
    with pytest.raises(DeviceTestError, match="other numbers|not the plain step's"):
        CHECKS[name](spoilt)


def test_a_lane_that_feels_its_neighbours_is_found(monkeypatch):
    real = checks.take_turns

    def mixed(works, places):
        made = list(works)
        yield from real(made, places)
        trained[3].state = trained[2].state  # of the lane that is not finite

    trained = []
    training = Bench.training
    monkeypatch.setattr(Bench, "training", lambda *a, **k: trained.append(made := training(*a, **k)) or made)
    monkeypatch.setattr(checks, "take_turns", mixed)
    with pytest.raises(DeviceTestError, match="of 3 lanes, 1 made other numbers"):
        checks.side_by_side(BENCH)


def test_an_imprecise_product_and_a_wrong_step_are_found(monkeypatch):
    monkeypatch.setattr(checks, "relative_difference", lambda *_: 1e-3)
    for check in (checks.precision, checks.plain_steps):
        with pytest.raises(DeviceTestError, match="1e-03 from"):
            check(BENCH)


def test_a_check_that_fails_or_raises_is_bad_and_others_go_on(monkeypatch):
    def fails(bench):
        raise DeviceTestError("it is so")

    def raises(bench):
        raise RuntimeError("CUDA error: misaligned address\nand more")

    monkeypatch.setattr(checks, "CHECKS", {"one": fails, "two": raises, "three": lambda bench: "well"})
    one, two, three = device_test(BENCH)
    assert (one.good, two.good, three.good) == (False, False, True)
    assert "it is so" in one.state and "CUDA error: misaligned address (" in two.state and "well" in three.state
    assert all(not line.good and "not made" in line.state for line in device_test(BENCH, limit=-1))


def test_without_a_gpu_the_command_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    done = CliRunner().invoke(app, ["doctor", "--device-test"])
    assert done.exit_code == 2 or "no GPU" in str(done.exception)
