"""Processes that measure one thing each, so that none finds what another has left in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parent.parent / "performance.py"


def in_process(what: str, environment: dict[str, str] | None = None, **arguments: Any) -> Any:
    """Measure something in a fresh process, on one thread, and return what it found.

    Args:
        what: Of :data:`performance.measured.MEASURED`.
        environment: Variables beside those of a worker.
        **arguments: JSON values.

    Raises:
        RuntimeError: It failed; its errors are on our standard error.
    """
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
