"""Running Python where file systems of one's own can be mounted, without leaving anything behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run_in_namespace(code: str, *arguments: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run code in a mount namespace of its own; skip the test where the system forbids that."""
    enter = ["unshare", "--user", "--map-root-user", "--mount"]
    probe = subprocess.run(
        [*enter, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True, check=False
    )
    if probe.returncode:
        pytest.skip(f"no file system can be mounted here: {probe.stderr.strip()}")
    return subprocess.run(
        [*enter, sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
