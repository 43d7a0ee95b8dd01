"""Plugins on a real Ray: a package goes to nodes that cannot see it, and one that kills its workers harms nobody else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_nodes import RayNodes
from warm import run_python

import ganbench
from ganbench import read_ledger
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.plugins.source import PluginSource
from ganbench.harness.stability import METHOD_ERROR

ROOT = Path(ganbench.__file__).parents[2]

NORM = """
from ganbench.harness.normalizer import Normalizer
from .factors import HALF

class Halve(Normalizer):
    name = "halve"
    summary = "Half of every weight."

    def reparameterize(self, weight, params, state, layer):
        from my_norms import factors
        return factors.HALF * weight, state
"""

KILLER = """
import os
from ganbench.harness.normalizer import Normalizer

class Killer(Normalizer):
    name = "killer"
    summary = "Ends its process."

    def reparameterize(self, weight, params, state, layer):
        os._exit(7)
"""

DRIVER = """
import json, sys
from dataclasses import replace
from ganbench import run
from ganbench.harness.cluster import executor
from ganbench.harness.scheduling.endings import WORKER, Note

executor.KINDS["WorkerCrashedError"] = replace(WORKER, budget=0)
suite, out, address = sys.argv[1:]
notes = []
report = run(
    suite,
    out,
    address=address,
    plugins=["my_norms.norm", "killer.py", "broken.py"],
    seeds=1,
    on_event=lambda report, event: notes.append(event.text) if isinstance(event, Note) else None,
)
told = {key: getattr(report, key) for key in ("committed", "missing", "given_up")}
print(json.dumps(told | {"lost": list(report.lost.values()), "notes": notes}))
"""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a cluster of one node, which sees ganbench, and nothing of the driver's folders."""
    nodes = RayNodes()
    elsewhere = {"PYTHONPATH": str(ROOT)}
    (tmp_path / "elsewhere").mkdir()
    try:
        nodes.start("--num-cpus=1", environment=elsewhere, cwd=tmp_path / "elsewhere")
        nodes.wait(1)
        for key, value in nodes.environment.items():
            monkeypatch.setenv(key, value)
        yield nodes.address
    finally:
        nodes.close()


def test_a_package_travels_to_a_node_that_cannot_see_it_and_who_kills_its_workers_harms_nobody_else(
    node, tiny, tmp_path, monkeypatch
):
    """One sweep with three plugins: a package, a file that ends its process, and one that cannot be imported.

    How often a trial whose process ended is tried again is a test of the schedule's; not at all is enough here.
    """
    desk = tmp_path / "desk"
    (desk / "my_norms").mkdir(parents=True)
    (desk / "my_norms" / "norm.py").write_text(NORM)
    (desk / "my_norms" / "factors.py").write_text("HALF = 0.5\n")
    (desk / "killer.py").write_text(KILLER)
    (desk / "broken.py").write_text("1 / 0\n")
    text = tiny.read_text().replace("[none, spectral_norm]", "[killer, halve, spectral_norm]")
    tiny.write_text(text[: text.index("      five:")].replace("steps: 40", "steps: 10"))
    # A process of its own: Ray reads once in a process whether it asks for tokens.
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = run_python("-c", DRIVER, tiny, tmp_path / "out", node, cwd=desk, env=variables)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["committed"], told["missing"], told["given_up"]) == (2, 1, {"killer": 1})
    assert all("process killed" in reason for reason in told["lost"])
    assert told["notes"] == ["--plugin broken.py: ZeroDivisionError: division by zero (broken.py:1)"]
    records = list(read_ledger(tmp_path / "out").records())
    assert METHOD_ERROR not in {record.verdict.outcome for record in records}, records[0].verdict.message
    sources = {
        record.spec["cell"]["normalizer"]["name"]: record.provenance["sources"]["normalizer"] for record in records
    }
    assert sources.keys() == {"halve", "spectral_norm"}
    monkeypatch.chdir(desk)
    halve = Catalog([PluginSource.read("my_norms.norm")]).create("normalizer", "halve")
    assert sources["halve"] == halve.source()
