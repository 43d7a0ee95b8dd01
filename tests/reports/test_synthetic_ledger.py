"""The synthetic ledger: what the speed of reports is measured with must look like what they are made of."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import pytest

from ganbench.harness.ledger import Ledger
from ganbench.reports import leaderboard

TOOL = Path(__file__).parents[2] / "tools" / "synthetic_ledger.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("synthetic_ledger", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tool, tmp_path_factory):
    out = tmp_path_factory.mktemp("synthetic") / "ledger"
    assert tool.make(out, trials=256, normalizers=10, seeds=6, processes=1) == 240
    return out


def test_its_records_are_whole_and_are_those_of_its_plan(folder):
    verified = Ledger(folder).verify()
    assert (verified.whole, verified.problems) == (240, ())
    page = leaderboard(folder)
    assert page.evidence.committed == page.evidence.planned == 240
    assert len(page.evidence.groups) == 4


def test_its_normalizers_fail_differently_often_and_in_every_way(folder):
    page = leaderboard(folder).board
    rows = page.rows
    assert rows[-1].count.rate > rows[0].count.rate + 0.25
    found = {mode for row in rows for mode, times in row.count.modes.items() if times}
    assert {"diverged", "exploding_gradient", "mode_collapse", "late_deterioration", "never_converged"} <= found
    assert any(math.isfinite(cell.quality) for cell in page.cells)


def test_two_runs_make_the_same_records(tool, folder, tmp_path):
    tool.make(tmp_path / "again", trials=256, normalizers=10, seeds=6, processes=1)
    one, two = (leaderboard(where).evidence.hash() for where in (folder, tmp_path / "again"))
    assert one == two
