"""A reader's machine: an empty folder, a Python without ganbench, and the wheel of this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

# Processes of one's own: `ray stop` ends every Ray that it sees.
ALONE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"]

SHIMS = {"ray": "ray.scripts.scripts"}
"""Commands of packages that are borrowed: they must run in the reader's Python, not in the one they come from."""


def wheel(into: Path) -> Path:
    """Build this checkout's wheel."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = into.glob("*.whl")
    return built


def borrowed(into: Path) -> dict[str, str]:
    """Return an environment in which every package is there but ganbench, and pip asks nobody.

    Installing torch anew takes minutes; here a new virtual environment sees the packages of this one, by links.
    """
    packages, commands = into / "packages", into / "commands"
    packages.mkdir(parents=True)
    commands.mkdir()
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if "ganbench" not in path.name and path.suffix != ".pth" and path.name != "pip":
            (packages / path.name).symlink_to(path)
    for name, module in SHIMS.items():
        (commands / name).write_text(f'#!/bin/sh\nexec python -m {module} "$@"\n')
        (commands / name).chmod(0o755)
    return {
        "PYTHONPATH": str(packages),
        "PATH": os.pathsep.join([str(commands), str(Path(sys.base_prefix, "bin")), "/usr/bin", "/bin"]),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads the 0 as "no isolation"
    }


def run_alone(script: str, folder: Path, environment: dict[str, str], timeout: float) -> str:
    """Run a script of a shell where it sees no process but its own, and return what it printed."""
    probe = subprocess.run([*ALONE, "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"no process namespace can be made here: {probe.stderr.strip()}")
    said = folder.parent / "said.txt"
    with said.open("w") as log:
        done = subprocess.run(
            ["timeout", str(timeout), *ALONE, "bash", "-c", script],
            cwd=folder,
            env={key: os.environ[key] for key in ("HOME", "LANG", "GANBENCH_DATA") if key in os.environ} | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    assert done.returncode == 0, said.read_text()[-6000:]
    return said.read_text()
