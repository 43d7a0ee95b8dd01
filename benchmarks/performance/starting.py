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


def quick_suite(seeds: int, folder: Path, environment: dict[str, str]) -> dict[str, float]:
    """Return the seconds of ``ganbench run quick`` on two cores, from the command to its end.

    Args:
        seeds: Of the suite.
        folder: For results.
        environment: With a data directory in which no program is.

    Returns:
        ``cold``, with nothing at hand; ``compiling``, one seed of each cell with ``--compile``; ``warm``, with what that
        has left, which the command then uses by itself.
    """

    def run(name: str, count: int, *options: str) -> float:
        command = [sys.executable, "-m", "ganbench.harness.cli", "run", SUITE, "--seeds", str(count), *options]
        command += ["--results", str(folder / name), "--tracking-uri", "off"]
        asked = {"env": environ() | environment, "stdout": subprocess.DEVNULL, "preexec_fn": _two_cores}
        return seconds(lambda: subprocess.run(command, check=True, **asked))

    return {"cold": run("cold", seeds), "compiling": run("compiling", 1, "--compile"), "warm": run("warm", seeds)}


def _two_cores() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
