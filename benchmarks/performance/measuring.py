"""What is measured, each in a process of its own: :data:`MEASURED` names it, :func:`in_process` starts it.

Every function takes and returns JSON values. Sides that are compared run in turns in one process, so that a drifting
machine drifts for all of them; the first round warms up and is not counted.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parent.parent / "performance.py"


def in_process(what: str, environment: dict[str, str] | None = None, **arguments: Any) -> Any:
    """Measure something in a fresh process, on one thread, and return what it found."""
    return finished(started(what, environment, **arguments))


def started(what: str, environment: dict[str, str] | None = None, **arguments: Any) -> subprocess.Popen[str]:
    """Start a process that measures."""
    command = [sys.executable, str(SCRIPT), "--measure", what, json.dumps(arguments)]
    return subprocess.Popen(command, env=environ() | (environment or {}), stdout=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> Any:
    """Wait for a process that measures, and return what it found.

    Raises:
        RuntimeError: It failed; its errors are on our standard error.
    """
    said, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, process.args))} ended with exit code {process.returncode}")
    return json.loads(said.splitlines()[-1])


def environ() -> dict[str, str]:
    """Return the environment of a worker: one thread, and this repository's packages."""
    root = str(SCRIPT.parent.parent)
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return {**os.environ, **quiet, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}


def in_turns(sides: dict[str, Callable[[], object]], repeats: int, steps: int, device: str) -> dict[str, list[float]]:
    """Return milliseconds per step of every counted round, by side.

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


def synchronize(device: str) -> None:
    """Wait until a GPU has done what it was asked to."""
    import torch

    if device != "cpu":
        torch.cuda.synchronize()


def first_steps(name: str, device: str = "cpu") -> dict[str, Any]:
    """Return how long the first compiled step takes, with whatever the compiler finds in its cache."""
    from harness.cell import Trial
    from harness.programs.program import Programs
    from harness.training.training import Training
    from performance.cells import endless, material_of

    cell = endless(name)
    training = Training(Trial(cell, 0, 0), material_of(cell, device), Programs())
    begun = time.perf_counter()
    training.advance(observe=False)
    synchronize(device)
    return {"seconds": time.perf_counter() - begun, "mode": training.mode, "notes": training.notes}


def steps(name: str, block: int, repeats: int, device: str = "cpu", parts: bool = True) -> dict[str, Any]:
    """Measure a cell's step: the peer's loop, ours plain and compiled, and the parts of ours.

    ``usual`` and ``careful`` are the peer's; ``plain`` and ``compiled`` are ``Training.advance``; ``channels_last`` is
    plain with the weights in that layout. Parts: ``draw``, the batch; ``adam``, both networks' updates;
    ``without_normalizer``, the plain step of the same cell under ``none``; ``observed``, a plain step that is logged.
    """
    from harness.cell import Trial
    from harness.models.network import leaves
    from harness.programs.program import Programs
    from harness.training.training import Training
    from performance.cells import endless, material_of
    from performance.peers import Loop, decoded

    cell = endless(name)
    material = material_of(cell, device)
    data = decoded(material)

    def training(compiled: bool = False, normalizer: str = "spectral_norm") -> Training:
        return Training(Trial(endless(name, normalizer), 0, 0), material, Programs() if compiled else None)

    def advance(one: Training, observe: bool = False) -> Callable[[], object]:
        return lambda: [_read(one.advance(observe)) for _ in range(block)]

    compiled = training(compiled=True)
    loops = {"usual": Loop(cell, data, device), "careful": Loop(cell, data, device, careful=True)}
    sides: dict[str, Callable[[], object]] = {
        "usual": lambda: loops["usual"].run(block),
        "careful": lambda: loops["careful"].run(block),
        "plain": advance(training()),
        "compiled": advance(compiled),
    }
    if len(material.data.sample_shape) == 3:
        turned = training()
        sides["channels_last"] = advance(_channels_last(turned))
    if parts:
        drawing = training()
        networks = (drawing.state.generator, drawing.state.discriminator)

        def adam() -> None:
            for network in networks:
                values = leaves(network.params)
                cell.optimizer.update(values, values, network.slots, network.count + 1, cell.lr_g)

        sides |= {
            "draw": lambda: [drawing.draw(1) for _ in range(block)],
            "adam": lambda: [adam() for _ in range(block)],
            "without_normalizer": advance(training(normalizer="none")),
            "observed": advance(training(), observe=True),
        }
    times = in_turns(sides, repeats, block, device)
    return {"times": times, "mode": compiled.mode, "notes": compiled.notes, "block": block, "cell": cell.title()}


def _read(seen: dict[str, Any]) -> None:
    """Read observations as the recorder does."""
    from harness.training.recorder import _transferred

    _transferred(seen)


def _channels_last(training: Any) -> Any:
    """Have a training's weights and moments lie with channels last; numbers are the same but for rounding."""
    import torch
    from torch.utils import _pytree as pytree

    from harness.training.packing import _register

    def turned(value: Any) -> Any:
        four = isinstance(value, torch.Tensor) and value.dim() == 4
        return value.contiguous(memory_format=torch.channels_last) if four else value

    _register()
    training.state = pytree.tree_map(turned, training.state)
    return training


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


def trial(name: str, repeats: int, compiled: bool = False) -> dict[str, Any]:
    """Run whole trials as a worker does, into a ledger, and say where their time goes.

    The bare step is the trial's own: its mean step that is not observed. So both sides see the same machine.

    Returns:
        Lists by part, in seconds, a value for each counted trial; the steps, and milliseconds of one checkpoint.
    """
    from harness.cell import Trial
    from harness.ledger import Ledger
    from harness.training.checkpoint import Checkpoints
    from harness.training.recorder import Recorder
    from harness.training.training import Training
    from harness.worker import Task, execute
    from performance.cells import cell_of

    cell = cell_of(name)
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
                one = Trial(cell, 0, seed)
                task = Task(one.id, one.spec(), cell.setting, (), 2, folder, compiled=compiled)
                methods = ((Recorder, "__init__"), (Recorder, "record"), (Recorder, "_evaluate"), (Ledger, "commit"))
                with clocked(clock, *methods):
                    begun = time.perf_counter()
                    execute(task)
                    whole = time.perf_counter() - begun
                if not seed:
                    continue
                for key, value in _shares(whole, kept, clock, cell.steps).items():
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


def _shares(whole: float, kept: dict[str, Any], clock: dict[str, float], steps: int) -> dict[str, float]:
    """Divide a trial's seconds among its parts, without the first step of each program, which prepares the others."""
    bare, observed = kept["bare"][1:], kept["observed"][1:]
    left_out = kept["bare"][0] + kept["observed"][0]
    step = sum(bare) / len(bare)
    whole -= left_out - 2 * step
    evaluation = clock["Recorder._evaluate"]
    extra = sum(observed) - len(observed) * step
    telemetry = clock["Recorder.__init__"] + clock["Recorder.record"] - evaluation + extra
    commit = clock["Ledger.commit"]
    return {
        "whole": whole,
        "bare": steps * step,
        "telemetry": telemetry,
        "evaluation": evaluation,
        "commit": commit,
        "rest": whole - steps * step - telemetry - evaluation - commit,
    }


def loops(shares: float) -> dict[str, Any]:
    """Measure what the quick suite costs in a usual loop: for each cell, a share of its steps, and one evaluation.

    Returns:
        By cell: milliseconds per step, the cell's steps, seconds of an evaluation, and how many a trial has.
    """
    import torch

    from harness.metrics.metric import Generated
    from harness.trial import Trial, Workshop
    from performance.cells import catalog, suite
    from performance.peers import Loop, decoded

    workshop = Workshop(catalog())
    rows = []
    for cell in suite().cells:
        material = workshop.material(Trial(cell, 0, 0))
        loop = Loop(cell, decoded(material))
        block = max(1, math.ceil(cell.steps * shares))
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
    from harness.cell import Trial
    from harness.training.training import Training
    from harness.worker import Task, execute
    from performance.cells import cell_of

    cell = cell_of("ring8")
    plain_advance = Training.advance
    first: list[float] = []

    class BegunError(Exception):
        """The first step is made."""

    def advance(self: Training, observe: bool) -> Any:
        plain_advance(self, observe)
        first.append(time.time())
        raise BegunError

    Training.advance = advance  # type: ignore[method-assign,assignment]
    one = Trial(cell, 0, 0)
    with tempfile.TemporaryDirectory() as folder:
        try:
            execute(Task(one.id, one.spec(), cell.setting, (), 2, folder))
        except BegunError:
            return first[0]
    raise AssertionError("no step was made")


def crowd(name: str, seconds: float, device: str, compiled: bool, go: float, usual: bool = False) -> dict[str, Any]:
    """Make steps until a moment, beginning at one, as one of several processes that share a device.

    Args:
        name: The cell.
        seconds: How long.
        device: Shared.
        compiled: Whether ours is compiled.
        go: Wall-clock time at which all begin to count.
        usual: The peer's loop instead.
    """
    from harness.cell import Trial
    from harness.programs.program import Programs
    from harness.training.training import Training
    from performance.cells import endless, material_of
    from performance.peers import Loop, decoded

    cell = endless(name)
    material = material_of(cell, device)
    if usual:
        loop = Loop(cell, decoded(material), device)

        def step() -> object:
            return loop.run(1)
    else:
        training = Training(Trial(cell, 0, os.getpid() % 1000), material, Programs() if compiled else None)

        def step() -> object:
            return training.advance(observe=False)

    for _ in range(3):
        step()
    synchronize(device)
    late = max(0.0, time.time() - go)
    time.sleep(max(0.0, go - time.time()))
    begun, made = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        for _ in range(5):
            step()
        synchronize(device)  # else the queue grows, and what is counted is what was asked for
        made += 5
    return {"steps": made, "seconds": time.perf_counter() - begun, "late": late}


def full_device(
    name: str, device: str, widths: Sequence[int], seconds: float, wait: float, cache: dict[str, str]
) -> dict[str, Any]:
    """Return seeds x steps a second of one usual loop, and of so many of our processes on one device.

    ``late`` says by how many seconds the last process missed the common start; where it is not 0, ``wait`` was too short.
    """
    plain = {"name": name, "seconds": seconds, "device": device, "compiled": False}
    alone = in_process("crowd", **plain, go=time.time(), usual=True)
    rates = {}
    for width in widths:
        go = time.time() + wait
        share = {"name": name, "seconds": seconds, "device": device, "compiled": True, "go": go}
        found = [finished(one) for one in [started("crowd", cache, **share) for _ in range(width)]]
        rates[str(width)] = {
            "rate": sum(one["steps"] / one["seconds"] for one in found),
            "late": max(one["late"] for one in found),
        }
    return {"eager": alone["steps"] / alone["seconds"], "processes": rates}


@contextmanager
def tf32() -> Iterator[None]:
    """Allow TF32 in matrix products and convolutions."""
    import torch

    places = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = True
    try:
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.allow_tf32 = value


def ceiling(device: str, side: int = 8192, repeats: int = 20) -> float:
    """Return TFLOP/s of square matrix products in TF32, where the device has it."""
    import torch

    left, right = torch.randn(2, side, side, device=device)
    with tf32():
        times = in_turns({"product": lambda: left @ right}, repeats, 1, device)["product"]
    return 2 * side**3 / (1e-3 * statistics.median(times)) / 1e12


def work_rate(name: str, device: str, block: int = 20, repeats: int = 5) -> dict[str, float]:
    """Return TFLOP/s of a cell's compiled step with TF32 allowed; its operations are counted, not estimated."""
    from torch.utils.flop_counter import FlopCounterMode

    from harness.cell import Trial
    from harness.programs.program import Programs
    from harness.training.training import Training
    from performance.cells import endless, material_of

    cell = endless(name)
    material = material_of(cell, device)
    with FlopCounterMode(display=False) as counter:
        Training(Trial(cell, 0, 0), material).advance(observe=False)
    training = Training(Trial(cell, 0, 0), material, Programs())
    sides = {"step": lambda: [training.advance(observe=False) for _ in range(block)]}
    with tf32():
        times = in_turns(sides, repeats, block, device)["step"]
    work = counter.get_total_flops()
    return {"tflops": work / (1e-3 * statistics.median(times)) / 1e12, "gflop": work / 1e9}


def same(name: str) -> dict[str, Any]:
    """Return how far the peer's networks and losses are from ours, under no normalizer and under spectral normalization."""
    from dataclasses import asdict

    from performance.cells import cell_of, material_of
    from performance.peers import apart

    return {
        normalizer: asdict(apart(cell := cell_of(name, normalizer), material_of(cell)))
        for normalizer in ("none", "spectral_norm")
    }


MEASURED: dict[str, Callable[..., Any]] = {
    item.__name__: item for item in (first_steps, steps, trial, loops, start, crowd, ceiling, work_rate, same)
}
"""What a process of its own can be asked for."""
