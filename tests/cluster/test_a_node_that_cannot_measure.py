"""A real cluster, one node of which has a damaged copy of the extractor's weights: it takes part in no result."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_nodes import RayNodes

import ganbench
from ganbench import read_ledger

ROOT = Path(ganbench.__file__).parents[2]

SUITE = """\
suite: measured
version: 1
seeds: 4
normalizers: [none, spectral_norm]
grid:
  - dataset: digits
    architecture: {name: dcgan, width: 4, latent: 8}
    metric: {name: fidelity, extractor: digits-cnn, samples: 100, measures: [fid]}
    common: {steps: 4, evaluations: 1, log_points: 4}
    settings: {a: {lr_g: 1e-4, lr_d: 1e-4}}
"""


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[RayNodes]:
    """A head without slots, a fit node, and one whose weights are cut short."""
    shutil.copytree(ROOT / "src" / "ganbench", tmp_path / "copy" / "ganbench")
    weights = tmp_path / "copy" / "ganbench" / "harness" / "data" / "weights" / "digits-cnn.pt"
    weights.write_bytes(weights.read_bytes()[:-1])
    made = RayNodes()
    whole, broken = ({"PYTHONPATH": f"{path}:{ROOT}"} for path in (ROOT / "src", tmp_path / "copy"))
    made.start("--num-cpus=0", "--num-gpus=0", environment=whole)
    made.start("--node-ip-address=127.0.0.2", "--num-cpus=1", environment=whole)
    made.start("--node-ip-address=127.0.0.3", "--num-cpus=1", environment=broken)
    made.wait(3)
    yield made
    made.close()


@pytest.mark.long
def test_a_node_whose_weights_are_damaged_commits_no_trial_and_the_others_complete_the_sweep(nodes, tmp_path):
    (tmp_path / "measured.yaml").write_text(SUITE)
    options = ("--address", nodes.address, "--results", "out", "--tracking-uri", "off")
    done = subprocess.run(
        [sys.executable, "-m", "ganbench.harness.cli", "run", "measured.yaml", *options],
        env={**os.environ, **nodes.environment, "COLUMNS": "400"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"node not fit: {tmp_path / 'copy'}" in done.stdout
    records = list(read_ledger(tmp_path / "out").records())
    assert len(records) == 8
    assert all(math.isfinite(record.trace.evaluations["fid[digits-cnn:100_full]"][-1]) for record in records)
