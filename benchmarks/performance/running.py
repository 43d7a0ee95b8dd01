"""The order of the measurements: on the CPU, and in sections that take minutes each on a GPU."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from performance.machine import machine
from performance.processes import finished, in_process, started
from performance.starting import help_, import_torch, quick_suite, seconds, worker_start

Shares = tuple[tuple[str, str, int], ...]

CELLS = {"ring8": 200, "digits": 40, "sngan_cnn": 1}
"""On the CPU: steps in a round."""

WAYS = ("plain", "replayed", "compiled")
FIRST = {"replayed": "replayed", "kept": "replayed", "empty": "compiled", "filled": "compiled"}
"""How a process's first step is run; the first of each way finds no program."""

IN_JAX = {"ring8": 200, "digits": 100}
"""Steps in a round."""

EXACT_FLOAT = (*WAYS, "deterministic")
WITH_TF32 = (*EXACT_FLOAT, "replayed_tf32", "compiled_tf32")

GPU_CELLS = {
    "ring8": (200, EXACT_FLOAT),
    "digits": (200, EXACT_FLOAT),
    "sngan_cnn": (50, WITH_TF32),
    "sngan_resnet": (30, WITH_TF32),
}
"""On a GPU: steps in a round, and how ours are run."""

TOY_SHARES = (
    ("processes", "replayed", 12),
    ("turns", "replayed", 8),
    ("turns", "replayed", 32),
    ("turns", "compiled", 32),
)
FULL: dict[str, Shares] = {
    "ring8": TOY_SHARES,
    "digits": TOY_SHARES,
    "sngan_cnn": (
        ("processes", "replayed", 4),
        ("turns", "replayed", 4),
        ("turns", "compiled", 8),
    ),
}
"""How seeds share a GPU, how their steps are run, and how many they are."""

LARGE_REPEATS = 3
"""Rounds of what takes seconds a step."""

LOOP_SHARE = 0.05
"""Of a cell's steps that the usual loop makes when the suite's cost is reckoned from it."""

FULL_SECONDS, FULL_WAIT = 4.0, 25.0
"""How long seeds that share a GPU are counted, and how long their processes may take to be ready."""


def on_cpu(repeats: int, seeds: int) -> dict[str, Any]:
    """Measure what needs no GPU.

    Args:
        repeats: Counted rounds.
        seeds: Of the quick suite; 0 to leave it out.
    """
    begun = time.perf_counter()
    measured: dict[str, Any] = {"first": {}, "cells": {}}
    with tempfile.TemporaryDirectory() as folder:
        cache = _cache(folder)
        say("the peer's networks and ours")
        comparing = {name: started("same", name=name) for name in CELLS}  # nothing is timed, so all at once
        measured["same"] = {name: finished(process) for name, process in comparing.items()}
        for name, block in CELLS.items():
            say(f"{name}: first steps, with no programs at hand and with those of another process")
            measured["first"][name] = {
                key: in_process("first_step", cache, name=name, way=way) for key, way in FIRST.items()
            }
            say(f"{name}: steps")
            rounds = min(repeats, LARGE_REPEATS) if block == 1 else repeats
            measured["cells"][name] = in_process("steps", cache, name=name, block=block, repeats=rounds, sides=WAYS)
        measured["jax"] = {}
        for name, block in IN_JAX.items() if importlib.util.find_spec("jax") else ():
            say(f"{name}: steps in JAX")
            measured["jax"][name] = in_process("jax_steps", cache, name=name, block=block, repeats=repeats)
        say("whole trials")
        measured["trials"] = {
            name: in_process("trials", cache, name=name, repeats=3, ways=WAYS) for name in ("ring8", "digits")
        }
        say("starting")
        measured["help"] = [seconds(help_) for _ in range(repeats)]
        measured["import_torch"] = [seconds(import_torch) for _ in range(repeats)]
        measured["start"] = [worker_start() for _ in range(repeats)]
        if seeds:
            say(f"suites/quick.yaml, {seeds} of its seeds")
            took = quick_suite(seeds, Path(folder), _cache(str(Path(folder) / "suite")))
            measured["suite"] = {"seeds": seeds, "seconds": took, **in_process("loops", share=LOOP_SHARE)}
    measured["minutes"] = (time.perf_counter() - begun) / 60
    return measured


def gpu_steps(repeats: int, device: str = "cuda") -> dict[str, Any]:
    """Measure steps on a GPU."""
    cells = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (block, sides) in GPU_CELLS.items():
            say(f"GPU: {name}: steps")
            asked = {"name": name, "block": block, "repeats": repeats, "device": device, "sides": sides, "parts": False}
            cells[name] = _or_none("steps", _cache(folder), **asked)
    return {"cells": cells}


def gpu_full(device: str = "cuda", shares: dict[str, Shares] = FULL, **times: float) -> dict[str, Any]:
    """Measure many seeds of ours on one GPU, and one usual loop."""
    with tempfile.TemporaryDirectory() as folder:
        return {"full": {name: full(name, device, ways, _cache(folder), **times) for name, ways in shares.items()}}


def gpu_ceiling(device: str = "cuda") -> dict[str, Any]:
    """Measure how much a GPU can multiply, and how much of it a large network makes it."""
    say("GPU: ceiling")
    with tempfile.TemporaryDirectory() as folder:
        asked = {"name": "sngan_resnet64", "device": device}
        work = {
            side: _or_none("work_rate", _cache(folder), side=side, **asked)
            for side in ("replayed_tf32", "compiled_tf32")
        }
    return {"ceiling": _or_none("ceiling", device=device), "work": work}


def full(
    name: str,
    device: str,
    shares: Shares,
    cache: dict[str, str],
    seconds: float = FULL_SECONDS,
    wait: float = FULL_WAIT,
) -> dict[str, Any]:
    """Measure one usual loop, and many seeds of ours on one device, by how they share it.

    Args:
        name: The cell.
        device: Shared.
        shares: How.
        cache: Where compiled steps are kept.
        seconds: How long steps are counted.
        wait: Seconds that processes have to be ready; ``late`` says by how many the last one missed the start.

    Returns:
        Steps a second of the loop, and of all seeds together for every way to share; None for what failed.
    """
    plain = {"name": name, "seconds": seconds, "device": device}

    def measured(kind: str, way: str, width: int) -> dict[str, Any]:
        say(f"{name}: {width} seeds, {kind}, {way}")
        if kind != "processes":
            return {"rate": _rate(_or_none(kind, cache, width=width, way=way, **plain))}
        asked = plain | {"way": way, "go": time.time() + wait}
        processes = [started("one_of_many", cache, **asked) for _ in range(width)]
        for process in processes:
            process.wait()  # a line is all that it says
        if any(process.returncode for process in processes):
            return {"rate": None}
        found = [finished(process) for process in processes]
        return {"rate": sum(filter(None, map(_rate, found))), "late": max(one["late"] for one in found)}

    ways = [{"kind": kind, "way": way, "seeds": width, **measured(kind, way, width)} for kind, way, width in shares]
    return {"eager": _rate(_or_none("alone", **plain)), "ways": ways}


def everything(sections: Sequence[str], repeats: int, seeds: int) -> dict[str, Any]:
    """Measure sections of it, on this machine.

    Args:
        sections: Of ``"cpu"``, ``"gpu-steps"``, ``"gpu-full"`` and ``"gpu-ceiling"``.
        repeats: Counted rounds.
        seeds: Of the quick suite; 0 to leave it out.

    Returns:
        What was measured; two of them are joined by :func:`joined`.
    """
    on_gpu: dict[str, Callable[[], dict[str, Any]]] = {
        "gpu-steps": lambda: gpu_steps(repeats),
        "gpu-full": gpu_full,
        "gpu-ceiling": gpu_ceiling,
    }
    here = machine()
    measured: dict[str, Any] = on_cpu(repeats, seeds) | {"machine": here} if "cpu" in sections else {}
    gpu: dict[str, Any] = {}
    begun = time.perf_counter()
    for section in [name for name in sections if name in on_gpu and here["gpu"]]:
        gpu |= on_gpu[section]()
    if gpu:
        gpu |= {"machine": here, "minutes": (time.perf_counter() - begun) / 60}
    return measured | {"gpu": gpu}


def joined(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Join what was measured in several runs; of what several have, the last one's stands."""
    whole: dict[str, Any] = {"gpu": {}}
    for part in parts:
        gpu = whole["gpu"] | part["gpu"]
        if part["gpu"]:
            gpu["minutes"] = whole["gpu"].get("minutes", 0.0) + part["gpu"]["minutes"]
        whole |= part | {"gpu": gpu}
    return whole


def say(line: str) -> None:
    """Say where the measurement is."""
    print(line, file=sys.stderr, flush=True)


def _cache(folder: str) -> dict[str, str]:
    """Return variables by which processes share their programs, and PyTorch's compiler its headers, and nothing else."""
    return {"GANBENCH_DATA": str(Path(folder) / "data"), "TORCHINDUCTOR_CACHE_DIR": str(Path(folder) / "compiler")}


def _rate(made: dict[str, Any] | None) -> float | None:
    """Return seeds x steps a second."""
    return None if made is None else made["seeds"] * made["steps"] / made["seconds"]


def _or_none(what: str, cache: dict[str, str] | None = None, **arguments: Any) -> Any:
    """Measure, or return None: on a GPU that is lent for minutes the rest is worth having."""
    try:
        return in_process(what, cache, **arguments)
    except RuntimeError as error:
        say(f"failed: {error}")
        return None
