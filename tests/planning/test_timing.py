"""How long steps take, from a few of them: in bounded time, and without the data."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import pytest
from cells import CATALOG, IMAGES, a_cell

from ganbench.harness.data.ring8 import Ring8
from ganbench.harness.errors import MethodError
from ganbench.harness.metrics.mode_coverage import ModeCoverage
from ganbench.harness.planning import timing
from ganbench.harness.planning.timing import step_seconds


def timed(cells, patience=20.0):
    looked: list[int] = []
    return dict(step_seconds(cells, CATALOG, patience, looked.append)), looked


def test_steps_are_timed_without_loading_data_or_preparing_a_metric(monkeypatch):
    def refuse(*_):
        raise AssertionError("asked for the data")

    monkeypatch.setattr(Ring8, "load", refuse)
    monkeypatch.setattr(ModeCoverage, "prepare", refuse)
    cells = [a_cell(), a_cell(n_dis=5), a_cell(IMAGES)]
    found, looked = timed(cells)
    assert list(found) == cells and looked == [0, 1, 2]
    assert all(0 < seconds < 5 for seconds in found.values())


def test_cells_that_differ_in_numbers_only_are_timed_once(monkeypatch):
    asked = []
    monkeypatch.setattr(timing, "_timed", lambda cell, catalog: float(asked.append(cell) or len(asked)))
    cell = a_cell()
    others = [replace(cell, lr_g=0.5), replace(cell, steps=7), replace(cell, n_dis=2), replace(cell, ema=0.9)]
    found, _ = timed([cell, *others])
    assert [found[each] for each in (cell, *others)] == [1, 1, 1, 2, 3]


def test_a_step_that_takes_longer_than_the_patience_is_broken_off(monkeypatch):
    def endless(cell, catalog):
        if cell.n_dis == 1:
            return 1.0
        while True:
            time.sleep(0.01)

    monkeypatch.setattr(timing, "_timed", endless)
    cells = [a_cell(), a_cell(n_dis=2), a_cell(n_dis=3)]
    found, looked = timed(cells, patience=0.3)
    assert list(found) == cells[:1] and looked == [0, 1, 2]


def test_of_a_cell_whose_normalizer_raises_nothing_is_known(monkeypatch):
    def broken(cell, catalog):
        raise MethodError("no")

    monkeypatch.setattr(timing, "_timed", broken)
    assert timed([a_cell()])[0] == {}


@pytest.mark.parametrize("module", ["torchvision", "torch_fidelity", "torch._dynamo", "mlflow", "ray", "pandas"])
def test_a_plan_and_an_evaluation_on_the_shipped_extractor_import_nothing_that_they_do_not_use(module, imported):
    assert module not in imported


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """Modules of a process that planned the suite quick and evaluated samples by ``digits-cnn``."""
    script = """
import sys
import torch
from ganbench.harness.cli import app
from ganbench.harness.data.digits import Digits
from ganbench.harness.data.store import Store
from ganbench.harness.metrics.fidelity import Fidelity
from ganbench.harness.metrics.metric import Generated
app(["plan", "quick"], standalone_mode=False)
data = Digits().load(Store.find())
metric = Fidelity(extractor="digits-cnn", samples=100)
assert "inception_score[digits-cnn:100_full]" in metric.prepare(data, Store.find())(Generated(data.examples[:100]))
print("MODULES", *sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rsplit("MODULES", 1)[1].split())
