"""How long commands and processes take, from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from performance.cells import SUITE
from performance.processes import environ, finished, started


def help_() -> None:
    """Run ``ganbench --help``."""
    subprocess.run(
        [sys.executable, "-m", "ganbench.harness.cli", "--help"], check=True, env=environ(), stdout=subprocess.DEVNULL
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
    command = [
        sys.executable,
        "-m",
        "ganbench.harness.cli",
        "run",
        SUITE,
        "--seeds",
        str(seeds),
        "--tracking-uri",
        "off",
    ]
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
