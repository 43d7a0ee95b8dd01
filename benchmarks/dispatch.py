"""Trials that do nothing, through ganbench and through Ray Tune: how many are done in a second.

    pip install 'ganbench[benchmark]'
    python benchmarks/dispatch.py [--trials 60] [--many 5000] [--repeats 3]

Both run on a Ray of one CPU, one CPU a trial, one after the other in turns. Ganbench's side is what a sweep does: the real
schedule, loop and connection to Ray, a task for every trial, its record committed to a ledger on the disk with all flushes,
compaction beside it; only the training is left out. Tune's side is a function trial that returns at once, with Tune's own
settings but for its printing. Every side has one small run before the first that counts. ``--many`` is for ganbench alone:
a sweep in which the seconds before trials are given out in batches no longer count.
"""

import argparse
import logging
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.cluster.connection import HeadWatch, connected
from ganbench.harness.cluster.executor import RayCluster
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.scheduling.drive import Round, drive
from ganbench.harness.scheduling.endings import Done, Ending
from ganbench.harness.scheduling.task import Task
from ganbench.harness.stability import METHOD_ERROR
from ganbench.harness.sweeps import sweep

LEAST_RATIO = 100


def no_op(tasks: Sequence[Task]) -> list[Ending]:
    """What a worker does here: no training, and a commit."""
    endings: list[Ending] = []
    for task in tasks:
        started, begun = time.time(), time.perf_counter()
        ledger = Ledger(task.ledger)
        assert not ledger.holds(task.trial_id)
        execution = {
            "definition": task.definition,
            "host": "here",
            "started": started,
            "seconds": time.perf_counter() - begun,
            "attempt": task.attempt,
        }
        # Without a trace there is only one way for a trial to end.
        first = ledger.commit(Record.of(task.spec, None, execution, "no-op"))
        endings.append(Done(task.trial_id, METHOD_ERROR, (METHOD_ERROR,), time.perf_counter() - begun, first))
    return endings


def cells() -> list[Cell]:
    """Return cells whose trials are to be given out."""
    catalog = Catalog()
    kinds = ("dataset", "architecture", "loss", "optimizer", "metric")
    names = ("ring8", "mlp", "non_saturating", "adam", "mode_coverage")
    plugins = {kind: catalog.create(kind, name) for kind, name in zip(kinds, names, strict=True)}
    numbers = {"lr_g": 1e-3, "lr_d": 1e-3, "n_dis": 1, "batch_size": 64, "steps": 1000}
    return [
        Cell(**plugins, normalizer=catalog.create("normalizer", name), evaluations=25, log_points=200, **numbers)
        for name in ("none", "batch_norm", "spectral_norm", "bssn")
    ]


def ganbench(ray: Any, count: int, folder: Path) -> float:
    """Return the seconds that a sweep of so many trials takes, to the last commit."""
    made = cells()
    trials = [Trial(made[index % len(made)], 0, index // len(made)) for index in range(count)]
    ledger = Ledger(folder / "ledger")
    ledger.root.mkdir(parents=True)

    def task_of(trial: Trial) -> Task:
        return Task(trial.id, trial.spec(), trial.cell.setting, (), 2, ledger.where)

    started, done = time.perf_counter(), 0
    watch = HeadWatch(ray.get_runtime_context().gcs_address, time.monotonic)
    cluster = RayCluster(ray, task_of, watch, time.monotonic, no_op)
    with sweep._compacting(ledger) as compacting:
        for event in drive(Round(trials, task_of), cluster, time.monotonic):
            done += isinstance(event, Done)
            compacting(done)
        seconds = time.perf_counter() - started
    assert len(ledger.committed()) == count
    return seconds


def tune(ray: Any, count: int, folder: Path) -> float:
    """Return the seconds that as many function trials take in Tune."""
    from ray import tune

    def nothing(config: dict[str, Any]) -> dict[str, int]:
        return {"done": 1}

    trainable = tune.with_resources(nothing, {"cpu": 1})
    settings = tune.RunConfig(storage_path=str(folder), verbose=0)
    tuner = tune.Tuner(
        trainable,
        param_space={"seed": tune.grid_search(list(range(count)))},
        tune_config=tune.TuneConfig(max_concurrent_trials=None),
        run_config=settings,
    )
    started = time.perf_counter()
    with redirect_stdout(StringIO()):  # it says what it is about to do whatever it is told
        results = tuner.fit()
    seconds = time.perf_counter() - started
    assert len(results) == count and not results.errors
    return seconds


@contextmanager
def a_folder() -> Any:
    folder = Path(tempfile.mkdtemp(prefix="ganbench-dispatch-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--many", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    logging.getLogger("ray").setLevel(logging.ERROR)
    sides: list[tuple[str, Callable[[Any, int, Path], float], int]] = [
        ("ganbench", ganbench, options.trials),
        ("Ray Tune", tune, options.trials),
        ("ganbench", ganbench, options.many),
    ]
    rates: list[list[float]] = [[] for _ in sides]
    with connected("local", 1) as ray:
        for side in (ganbench, tune):
            with a_folder() as folder:
                side(ray, 4, folder)
        for _ in range(options.repeats):
            for kept, (_, side, count) in zip(rates, sides, strict=True):
                with a_folder() as folder:
                    kept.append(count / side(ray, count, folder))
    load = os.getloadavg()[0]
    print(f"{'':<12}{'trials':>8}{'least':>10}{'median':>10}{'most':>10}   trials a second; load {load:.1f}")
    for (name, _, count), kept in zip(sides, rates, strict=True):
        print(f"{name:<12}{count:>8}{min(kept):>10.2f}{statistics.median(kept):>10.2f}{max(kept):>10.2f}")
    few, theirs, many = (statistics.median(kept) for kept in rates)
    print(f"ratio of medians: {few / theirs:.0f} with {options.trials} trials, {many / theirs:.0f} with {options.many}")
    sys.exit(many / theirs < LEAST_RATIO)


if __name__ == "__main__":
    main()
