"""The order of the measurements, and the machine that they are made on."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from performance.cells import SUITE
from performance.measuring import environ, finished, full_device, in_process, started

CELLS = {"ring8": 200, "digits": 40, "sngan_cnn": 1}
"""On the CPU: steps in a round."""

GPU_CELLS = {"ring8": 200, "digits": 200, "sngan_cnn": 50, "sngan_resnet": 30}
WIDTHS = {"ring8": (8, 16), "digits": (8, 16), "sngan_cnn": (2, 4)}
"""Processes that share a GPU."""

LARGE_REPEATS = 4
"""Rounds of what takes seconds a step."""

LOOP_SHARE = 0.05
"""Of a cell's steps that the usual loop makes when the suite's cost is reckoned from it."""

FULL_SECONDS, FULL_WAIT = 6.0, 25.0
"""How long processes that share a GPU are counted, and how long they may take to be ready."""


def everything(repeats: int, seeds: int) -> dict[str, Any]:
    """Measure it all.

    Args:
        repeats: Counted rounds.
        seeds: Of the quick suite; 0 to leave it out.
    """
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        cache = {"TORCHINDUCTOR_CACHE_DIR": str(Path(folder) / "compiled")}
        measured: dict[str, Any] = {"machine": machine(), "same": {}, "first": {}, "cells": {}, "gpu": None}
        for name, block in CELLS.items():
            say(f"{name}: the peer's networks and ours")
            measured["same"][name] = in_process("same", name=name)
            say(f"{name}: compiling, with an empty cache and with a filled one")
            measured["first"][name] = [in_process("first_steps", cache, name=name) for _ in range(2)]
            say(f"{name}: steps")
            rounds = min(repeats, LARGE_REPEATS) if block == 1 else repeats
            measured["cells"][name] = in_process("steps", cache, name=name, block=block, repeats=rounds)
        say("whole trials")
        measured["trials"] = {
            name: {
                mode: in_process("trial", cache, name=name, repeats=3, compiled=mode == "compiled")
                for mode in ("plain", "compiled")
            }
            for name in ("ring8", "digits")
        }
        say("starting")
        measured["help"] = [seconds(help_) for _ in range(repeats)]
        measured["import_torch"] = [seconds(import_torch) for _ in range(repeats)]
        measured["start"] = [worker_start() for _ in range(repeats)]
        if seeds:
            say(f"suites/quick.yaml, {seeds} of its seeds")
            measured["suite"] = {
                "seeds": seeds,
                "seconds": quick_suite(seeds, Path(folder)),
                **in_process("loops", shares=LOOP_SHARE),
            }
        if measured["machine"]["gpu"]:
            measured["gpu"] = on_gpu(cache, repeats)
    measured["minutes"] = (time.perf_counter() - begun) / 60
    return measured


def on_gpu(cache: dict[str, str], repeats: int, device: str = "cuda") -> dict[str, Any]:
    """Measure the rows that need a GPU."""
    say("GPU: steps")
    cells = {}
    for name, block in GPU_CELLS.items():
        cells[name] = in_process("steps", cache, name=name, block=block, repeats=repeats, device=device, parts=False)
    say("GPU: full")
    full = {name: full_device(name, device, widths, FULL_SECONDS, FULL_WAIT, cache) for name, widths in WIDTHS.items()}
    say("GPU: ceiling")
    return {
        "cells": cells,
        "full": full,
        "ceiling": in_process("ceiling", device=device),
        "work": in_process("work_rate", cache, name="sngan_resnet64", device=device),
    }


def machine() -> dict[str, Any]:
    """Describe the machine: processor, cores, versions, GPU."""
    import torch

    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "ganbench": version("ganbench"),
        "compiler": shutil.which("g++") is not None,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def processor() -> str:
    """Return the processor's model."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def help_() -> None:
    """Run ``ganbench --help``."""
    subprocess.run(
        [sys.executable, "-m", "harness.cli", "--help"], check=True, env=environ(), stdout=subprocess.DEVNULL
    )


def import_torch() -> None:
    """Run an interpreter that imports torch and does nothing."""
    subprocess.run([sys.executable, "-c", "import torch"], check=True, env=environ())


def worker_start() -> float:
    """Return seconds from starting a process to a trial's first step in it."""
    begun = time.time()
    return float(finished(started("start"))) - begun


def quick_suite(seeds: int, folder: Path) -> float:
    """Return the seconds of ``ganbench run quick`` on two cores, from the command to its end."""
    command = [sys.executable, "-m", "harness.cli", "run", SUITE, "--seeds", str(seeds), "--tracking-uri", "off"]
    command += ["--results", str(folder / SUITE)]

    def two_cores() -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])

    return seconds(
        lambda: subprocess.run(command, check=True, env=environ(), stdout=subprocess.DEVNULL, preexec_fn=two_cores)
    )


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def say(line: str) -> None:
    """Say where the measurement is."""
    print(line, file=sys.stderr, flush=True)
