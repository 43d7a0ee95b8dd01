"""A suite that trains in a second, and the command as a user runs it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from warm import WarmProcess, python

RINGS = """
suite: tiny
version: 1
seed: 7
seeds: {seeds}
baseline: spectral_norm
normalizers: [none, spectral_norm]
grid:
  - dataset: {{name: ring8, size: 1000}}
    architecture: {{name: mlp, width: 16}}
    metric: {{name: mode_coverage, samples: 200}}
    common: {{steps: {steps}, evaluations: 4, log_points: 20}}
    settings:
      calm: {{lr_g: 1e-3, lr_d: 1e-3}}
"""

TINY = (
    RINGS
    + """\
      five: {{lr_g: 1e-3, lr_d: 1e-3, n_dis: 5}}
  - dataset: digits
    architecture: {{name: dcgan, width: 4, latent: 8}}
    metric:
      name: fidelity
      extractor: digits-cnn
      samples: 200
      measures: [fid, inception_score, precision, recall, density, coverage, diversity]
    common: {{steps: {steps}, evaluations: 4, log_points: 20, loss: hinge}}
    settings:
      calm: {{lr_g: 2e-4, lr_d: 2e-4}}
"""
)


def write_tiny(path: Path, seeds: int = 2, steps: int = 40) -> Path:
    path.write_text(TINY.format(seeds=seeds, steps=steps))
    return path


def write_rings(path: Path, seeds: int, steps: int) -> Path:
    """Write the two cells of it that are made fastest, in which more steps fit."""
    path.write_text(RINGS.format(seeds=seeds, steps=steps))
    return path


def ganbench_process(*arguments: str | Path, cwd: Path) -> WarmProcess | subprocess.Popen[str]:
    """Start the command in a session of its own, as a shell does."""
    return python("-m", "ganbench.harness.cli", *arguments, cwd=cwd, env={**os.environ, "COLUMNS": "200"})


def end_session(session: int) -> None:
    """Kill every process of a session: whatever Ray left behind of a command that was started by a test."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if os.getsid(int(folder.name)) == session:
                    os.kill(int(folder.name), signal.SIGKILL)
            except (OSError, ProcessLookupError):
                continue
