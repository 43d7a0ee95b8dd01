"""Whole trials as a worker runs them, what the quick suite's would cost in a loop, and how soon a worker trains."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ganbench.harness.cells.cell import Trial
from ganbench.harness.ledger import Ledger
from ganbench.harness.metrics.metric import Generated
from ganbench.harness.scheduling.task import Task
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.training.checkpoint import Checkpoints
from ganbench.harness.training.recorder import Recorder
from ganbench.harness.training.training import Training
from ganbench.harness.training.workshop import Workshop
from ganbench.harness.worker.attempt import attempt
from performance.cells import catalog, cell_of, suite
from performance.clocks import PREPARING, clocked
from performance.peers.loop import Loop, decoded

STEPS, EVERY = 5000, 5
"""Of a trial, and from one logged step to the next, as in the quick suite."""


def trials(name: str, repeats: int, ways: Sequence[str], steps: int = STEPS) -> dict[str, Any]:
    """Run whole trials of a cell each way, and say where their time goes: :func:`trial`, by way."""
    return {way: trial(name, repeats, way, steps) for way in ways}


def trial(name: str, repeats: int, way: str, steps: int) -> dict[str, Any]:
    """Run whole trials as a worker does, into a ledger, and say where their time goes.

    The bare step is the trial's own: its mean step that is not observed. So both sides see the same machine.

    Args:
        name: The cell.
        repeats: Counted trials.
        way: How steps are run.
        steps: Of each trial.

    Returns:
        Lists by part, in seconds, a value for each counted trial; the steps, and milliseconds of one checkpoint.
    """
    cell = replace(cell_of(name), steps=steps, log_points=steps // EVERY)
    found: dict[str, list[float]] = {}
    saved: list[float] = []
    plain_advance = Training.advance
    kept: dict[str, Any] = {}

    def advance(self: Training, observe: bool) -> Any:
        begun = time.perf_counter()
        seen = plain_advance(self, observe)
        kept.setdefault("observed" if observe else "bare", []).append(time.perf_counter() - begun)
        kept["training"] = self
        return seen

    with tempfile.TemporaryDirectory() as folder:
        Training.advance = advance  # type: ignore[method-assign]
        try:
            for seed in range(repeats + 1):
                kept.clear()
                clock: dict[str, float] = {}
                task = _task(Trial(cell, 0, seed), folder, way)
                methods = ((Recorder, "__init__"), (Recorder, "record"), (Recorder, "_evaluate"), (Ledger, "commit"))
                with clocked(clock, *methods):
                    begun = time.perf_counter()
                    attempt(task)
                    whole = time.perf_counter() - begun
                if not seed:
                    continue
                for key, value in shares(whole, kept, clock, cell.steps).items():
                    found.setdefault(key, []).append(value)
        finally:
            Training.advance = plain_advance  # type: ignore[method-assign]
        place = Checkpoints(Path(folder) / "checkpoints", "one")
        for number in range(5):
            begun = time.perf_counter()
            place.save(number, {"training": kept["training"].snapshot()})
            saved.append(1000 * (time.perf_counter() - begun))
    counts = {"steps": cell.steps, "evaluations": cell.evaluations + 1, "logged": min(cell.steps, cell.log_points + 1)}
    return {**counts, "parts": found, "checkpoint": saved, "mode": kept["training"].mode, "cell": cell.title()}


def shares(whole: float, kept: dict[str, Any], clock: dict[str, float], steps: int) -> dict[str, float]:
    """Divide a trial's seconds among its parts, as if its first steps, which prepare the others, were like the others."""
    means = {key: _mean(kept[key][PREPARING:]) for key in ("bare", "observed")}
    whole -= sum(sum(kept[key][:PREPARING]) - len(kept[key][:PREPARING]) * mean for key, mean in means.items())
    step, evaluation, commit = means["bare"], clock["Recorder._evaluate"], clock["Ledger.commit"]
    extra = len(kept["observed"]) * (means["observed"] - step)
    telemetry = clock["Recorder.__init__"] + clock["Recorder.record"] - evaluation + extra
    return {
        "whole": whole,
        "bare": steps * step,
        "telemetry": telemetry,
        "evaluation": evaluation,
        "commit": commit,
        "rest": whole - steps * step - telemetry - evaluation - commit,
    }


def loops(share: float) -> dict[str, Any]:
    """Measure what the quick suite costs in a usual loop: for each cell, a share of its steps, and one evaluation.

    Returns:
        By cell: milliseconds per step, the cell's steps, seconds of an evaluation, and how many a trial has.
    """
    workshop = Workshop(catalog())
    rows = []
    for cell in suite().cells:
        material = workshop.material(Trial(cell, 0, 0))
        loop = Loop(cell, decoded(material))
        block = max(1, math.ceil(cell.steps * share))
        loop.run(max(1, block // 5))
        begun = time.perf_counter()
        loop.run(block)
        step = 1000 * (time.perf_counter() - begun) / block

        def evaluated(loop: Loop = loop, material: Any = material, cell: Any = cell) -> None:
            with torch.no_grad():
                made = loop.generator(torch.randn(cell.metric.sample_count(), cell.architecture.latent))
            material.evaluate(Generated(material.data.encode(made)))

        evaluated()
        begun = time.perf_counter()
        evaluated()
        seconds = time.perf_counter() - begun
        rows.append({"cell": cell.title(), "ms": step, "steps": cell.steps, "evaluation": seconds,
                     "evaluations": cell.evaluations + 1, "measured_steps": block})  # fmt: skip
    return {"cells": rows}


def start() -> float:
    """Return the wall-clock time at which a worker that was started with a task has made its first step."""
    plain_advance = Training.advance
    first: list[float] = []

    class BegunError(BaseException):
        """The first step is made; no error, which a worker would answer for."""

    def advance(self: Training, observe: bool) -> Any:
        plain_advance(self, observe)
        first.append(time.time())
        raise BegunError

    Training.advance = advance  # type: ignore[method-assign,assignment]
    with tempfile.TemporaryDirectory() as folder:
        try:
            attempt(_task(Trial(cell_of("ring8"), 0, 0), folder, ExecutionMode().way))
        except BegunError:
            return first[0]
    raise AssertionError("no step was made")


def _task(one: Trial, folder: str, way: str) -> Task:
    return Task(one.id, one.spec(), one.cell.setting, (), 2, folder, execution=ExecutionMode(way))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
