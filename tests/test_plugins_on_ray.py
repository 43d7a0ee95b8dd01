"""Plugins on a real Ray: a package goes to nodes that cannot see it, and one that kills its workers harms nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ray_nodes import RayNodes

import harness
from harness import read_ledger, run
from harness.cluster import executor
from harness.plugin_source import PluginSource
from harness.registry import Catalog
from harness.scheduling.endings import WORKER
from harness.stability import METHOD_ERROR

ROOT = Path(harness.__file__).parent.parent

NORM = """
from harness.normalizer import Normalizer
from .factors import HALF

class Halve(Normalizer):
    name = "halve"
    summary = "Half of every weight."

    def reparametrize(self, weight, params, state, layer):
        from my_norms import factors
        return factors.HALF * weight, state
"""

KILLER = """
import os
from harness.normalizer import Normalizer

class Killer(Normalizer):
    name = "killer"
    summary = "Ends its process."

    def reparametrize(self, weight, params, state, layer):
        os._exit(7)
"""


def points_only(tiny: Path, *normalizers: str) -> Path:
    text = tiny.read_text().replace("[none, spectral_norm]", f"[{', '.join(normalizers)}, spectral_norm]")
    tiny.write_text(text[: text.index("  - dataset: digits")].replace("steps: 40", "steps: 10"))
    return tiny


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[RayNodes]:
    """A head that runs nothing and two nodes, which see ganbench, and nothing of the driver's folders."""
    made = RayNodes()
    elsewhere = {"PYTHONPATH": str(ROOT)}
    (tmp_path / "elsewhere").mkdir()
    try:
        made.start("--num-cpus=0", environment=elsewhere, cwd=tmp_path / "elsewhere")
        for address in ("127.0.0.2", "127.0.0.3"):
            options = (f"--node-ip-address={address}", "--num-cpus=1")
            made.start(*options, environment=elsewhere, cwd=tmp_path / "elsewhere")
        made.wait(3)
        yield made
    finally:
        made.close()


def test_a_package_travels_to_nodes_that_cannot_see_its_folder(nodes, tiny, tmp_path, monkeypatch):
    desk = tmp_path / "desk"
    (desk / "my_norms").mkdir(parents=True)
    (desk / "my_norms" / "norm.py").write_text(NORM)
    (desk / "my_norms" / "factors.py").write_text("HALF = 0.5\n")
    (desk / "broken.py").write_text("1 / 0\n")
    suite = points_only(tiny, "halve")
    command = [sys.executable, "-m", "harness.cli", "run", suite, "--results", tmp_path / "out"]
    command += ["--address", nodes.address, "--plugin", "my_norms.norm", "--plugin", "broken.py"]
    environment = os.environ | nodes.environment | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    done = subprocess.run(
        [*command, "--tracking-uri", "off"], cwd=desk, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ZeroDivisionError: division by zero (broken.py:1)" in done.stdout
    records = [
        record
        for record in read_ledger(tmp_path / "out").records()
        if record.spec["cell"]["normalizer"]["name"] == "halve"
    ]
    assert len(records) == 4
    assert METHOD_ERROR not in {record.verdict.outcome for record in records}, records[0].verdict.message
    monkeypatch.chdir(desk)
    halve = Catalog([PluginSource.read("my_norms.norm")]).create("normalizer", "halve")
    assert {record.provenance["sources"]["normalizer"] for record in records} == {halve.source()}


def test_a_normalizer_that_kills_its_workers_is_given_up_and_every_other_trial_is_committed(
    tiny, tmp_path, monkeypatch
):
    """How often it is tried is a test of the schedule's; once more is enough here."""
    monkeypatch.setitem(executor.KINDS, "WorkerCrashedError", replace(WORKER, budget=1))
    plugin = tmp_path / "killer.py"
    plugin.write_text(KILLER)
    report = run(points_only(tiny, "killer"), tmp_path / "out", plugins=[str(plugin)])
    committed = [record.spec["cell"]["normalizer"]["name"] for record in read_ledger(tmp_path / "out").records()]
    assert committed == ["spectral_norm"] * 4
    assert (report.committed, report.missing, report.given_up) == (4, 4, {"killer": 4})
    assert all("given up after 2 attempts; the last: process killed" in reason for reason in report.lost.values())
