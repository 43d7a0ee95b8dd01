"""Many trials on a simulated cluster: its GPUs are kept busy, and no normalizer gets the better machines."""

from __future__ import annotations

import gc
import importlib.util
import math
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from cells import a_cell
from simulation import World, a_folder
from simulation_cluster import Client, Machine, SimulatedCluster

from ganbench.harness.cells.cell import Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.ledger import Record
from ganbench.harness.scheduling import drive as drive_module
from ganbench.harness.scheduling import schedule
from ganbench.harness.scheduling.drive import Round, drive
from ganbench.harness.scheduling.endings import Done, Ending
from ganbench.harness.scheduling.schedule import Node, Submission
from ganbench.harness.scheduling.task import Task

NORMALIZERS = ("none", "batch_norm", "layer_norm", "spectral_norm")
SEEDS = 150


@pytest.fixture(scope="module")
def scale() -> ModuleType:
    """``benchmarks/scale.py``, which is no package's."""
    spec = importlib.util.spec_from_file_location("scale", Path(__file__).parents[2] / "benchmarks" / "scale.py")
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look themselves up.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "scale", module)
        spec.loader.exec_module(module)
        yield module


@pytest.mark.parametrize("mixed", [False, True], ids=["whole GPUs", "mixed shapes"])
def test_thousands_of_trials_keep_32_gpus_busy_until_the_tail(mixed, scale, monkeypatch):
    monkeypatch.setattr(drive_module, "POLL_SECONDS", 30.0)  # what ends wakes the driver; it need not look at nothing
    shapes = (scale.WHOLE, scale.QUARTER, scale.WHOLE, scale.CPU) if mixed else (scale.WHOLE,)
    count = 1500 if mixed else 3000
    with a_folder() as folder:
        seen = scale.measure(folder, scale.trials_of(count, shapes), nodes=8, real_time=False)
    assert seen.committed == count
    assert seen.busy >= 0.95
    assert seen.makespan <= 1.1 * seen.bound
    # Of each shape twice what there is room for: 32 GPUs, 128 quarters, 8 x 32 cores.
    assert seen.most_given <= 2 * (32 + (128 + 256 if mixed else 0))
    gc.collect()
    left = Counter(type(item).__name__ for item in gc.get_objects() if isinstance(item, Submission | Record))
    assert left.total() <= 64, "what is over is kept"


def run(trials: Sequence[Trial], speeds: Sequence[float]) -> list[tuple[Trial, float]]:
    """Run trials of a minute each on machines of one core; return them as they were begun, with their machine's speed."""
    world, begun = World(), []
    by_id = {trial.id: trial for trial in trials}

    def execute(tasks: Sequence[Task]) -> list[Ending]:
        assert world.current is not None
        speed = world.current.facts["machine"].speed
        for task in tasks:
            begun.append((by_id[task.trial_id], speed))
            world.sleep(60.0 / speed)
        return [Done(task.trial_id, "stable", (), 60.0 / speed, True) for task in tasks]

    machines = [Machine(Node(f"node{number}", Resources(1.0)), speed) for number, speed in enumerate(speeds)]
    cluster = SimulatedCluster(world, machines, execute)

    def task_of(trial: Trial) -> Task:
        return Task(trial.id, {}, "", (), 2, "")

    process = world.spawn(lambda: list(drive(Round(trials, task_of), Client(cluster, task_of), world.clock)))
    world.run(lambda: not process.alive)
    assert len(begun) == len(trials)
    return begun


def trials_of(*rates: float) -> list[Trial]:
    cells = [a_cell(normalizer=name, lr_g=rate) for rate in rates for name in NORMALIZERS]
    return [Trial(cell, 3, seed) for seed in range(SEEDS) for cell in cells]


def most_off(begun: Sequence[tuple[Trial, float]]) -> float:
    """How many standard deviations the normalizer that is furthest off is from its share of the fast machine's trials."""
    fast = Counter(trial.cell.normalizer.label() for trial, speed in begun if speed > 1)
    share = fast.total() / len(begun)
    expected, deviation = SEEDS * share, math.sqrt(SEEDS * share * (1 - share))
    return max(abs(fast[name] - expected) / deviation for name in NORMALIZERS)


def test_every_normalizer_gets_its_share_of_the_fast_machine(monkeypatch):
    """Four normalizers, and one machine that makes three trials while another makes one: chance decides, not order."""
    trials = trials_of(1e-3)
    assert most_off(run(trials, (3.0, 1.0))) < 3.5
    # In a fixed order the slow machine would get one and the same normalizer nearly every time.
    monkeypatch.setattr(schedule, "ordered", lambda trials, expected: list(trials))
    assert most_off(run(trials, (3.0, 1.0))) > 5


def test_what_is_compared_is_handed_out_together():
    begun = [trial for trial, _ in run(trials_of(1e-3, 2e-3), (3.0, 1.0, 1.0))]
    together = [sum(1 for _ in some) for _, some in groupby(begun, lambda trial: (trial.cell.group, trial.seed))]
    assert together == [len(NORMALIZERS)] * (2 * SEEDS)


def test_a_driver_that_only_waits_for_a_trial_s_second_chance_rests(monkeypatch):
    """A trial that was lost is tried again up to a minute later; until then nothing is under way."""
    from ganbench.harness.cluster import executor

    slept: list[float] = []
    monkeypatch.setattr(executor.time, "sleep", slept.append)
    ray = SimpleNamespace(remote=lambda **options: lambda function: function)
    assert list(executor.RayCluster(ray, None, None, lambda: 0.0).wait(0.5)) == []
    assert slept == [0.5]
