"""What the documents tell a reader to write and to type works as it stands."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from documents import DOCS, blocks, script

from ganbench.harness.errors import InputError
from ganbench.harness.ledger import Ledger
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.plugins.source import PluginSource

ROOT = DOCS.parent


def follow(name: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Do what a document says, in a folder, with this project's commands."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-c", script(name)],
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


@pytest.mark.long
def test_the_example_of_every_other_plugin_runs_as_it_stands(tmp_path):
    done = follow("other-plugins.md", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    records = list(Ledger(tmp_path / "results" / "mine").records())
    assert len(records) == 4
    for record in records:
        assert record.verdict.outcome != "method_error"
        cell = record.spec["cell"]
        names = {kind: cell[kind]["name"] for kind in ("dataset", "architecture", "loss", "metric")}
        assert names == {
            "dataset": "two_rings",
            "architecture": "skip_mlp",
            "loss": "tempered",
            "metric": "mean_distance",
        }
        assert len(record.trace.evaluations["mean_distance"]) == 5
    assert "mean_distance" in (tmp_path / "results/mine/leaderboard/leaderboard.md").read_text().replace("\\", "")


def test_every_example_refuses_a_value_out_of_range(tmp_path):
    for block in blocks("other-plugins.md"):
        if block.language == "python":
            (tmp_path / block.title).write_text(block.text)
    sources = [PluginSource.read(str(path)) for path in sorted(tmp_path.glob("*.py"))]
    catalog = Catalog(sources)
    for kind, name, key, value in [
        ("dataset", "two_rings", "outer", 0.5),
        ("architecture", "skip_mlp", "width", 0),
        ("loss", "tempered", "temperature", -1),
        ("metric", "mean_distance", "samples", 1),
    ]:
        with pytest.raises(InputError, match=key):
            catalog.create(kind, {"name": name, key: value})


def test_the_contracts_page_is_what_the_docstrings_say():
    spec = importlib.util.spec_from_file_location("contract_reference", ROOT / "tools" / "contract_reference.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert (DOCS / "contracts.md").read_text() == tool.reference(), "run tools/contract_reference.py"
