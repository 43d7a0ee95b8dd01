"""Which cells of a sweep are compiled: decided once, by what is at hand and how many steps there are, and then kept."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from tiny import write_tiny

from ganbench import run
from ganbench.harness.cells.work import work_of
from ganbench.harness.errors import InputError
from ganbench.harness.ledger import Ledger
from ganbench.harness.planning.suite import Suite, load_suite
from ganbench.harness.plugins import loaded_sources
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.plugins.source import PluginSource
from ganbench.harness.steps import compiled_before
from ganbench.harness.steps.compiled_before import mark_compiled
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.sweeps.ways import WORTH, ways_of, with_ways


@pytest.fixture(autouse=True)
def begun(monkeypatch) -> None:
    """The process begins now: what was edited while the tests run is not taken for what was loaded."""
    monkeypatch.setattr(loaded_sources, "_started", lambda: time.time() + 60)


@pytest.fixture
def suite(tmp_path) -> Suite:
    return load_suite(write_tiny(tmp_path / "tiny.yaml"), catalog=Catalog())


def of(suite: Suite, name: str) -> set[str]:
    return {cell.id for cell in suite.cells if cell.dataset.name == name}


def compiled(ways: dict[str, str]) -> set[str]:
    return {cell for cell, way in ways.items() if way == "compiled"}


def mark(suite: Suite, folder: Path, leave: int = 0) -> None:
    """As if all cells of the first data set had been compiled here, but for some kinds of work."""
    folder.mkdir(exist_ok=True)
    works = sorted({work_of(cell): cell for cell in suite.cells if cell.dataset.name == "ring8"}.items())
    for work, cell in works[leave:]:
        mark_compiled(folder, work, (cell.normalizer, cell.loss, cell.optimizer))


def test_nothing_is_compiled_that_is_not_asked_for_not_at_hand_and_short(suite, tmp_path):
    assert set(ways_of(suite, None, "auto", tmp_path).values()) == {"replayed"}
    for way in ("plain", "replayed", "compiled"):
        assert set(ways_of(suite, None, way, tmp_path).values()) == {way}


def test_what_is_compared_is_compiled_if_all_of_it_is_at_hand(suite, tmp_path):
    folder = tmp_path / "programs"
    mark(suite, folder, leave=1)
    assert not compiled(ways_of(suite, None, "auto", folder))
    mark(suite, folder)
    assert compiled(ways_of(suite, None, "auto", folder)) == of(suite, "ring8")
    assert not compiled(ways_of(suite, None, "auto", None)), "nobody knows what other machines have"


def test_cells_with_other_learning_rates_find_what_was_compiled_and_others_do_not(suite, tmp_path):
    folder, path = tmp_path / "programs", tmp_path / "other.yaml"
    mark(suite, folder)
    text = (tmp_path / "tiny.yaml").read_text()
    path.write_text(text.replace("lr_g: 1e-3", "lr_g: 7e-3"))
    assert len(compiled(ways_of(load_suite(path, catalog=Catalog()), None, "auto", folder))) == 4
    path.write_text(text.replace("width: 16", "width: 17"))
    assert not compiled(ways_of(load_suite(path, catalog=Catalog()), None, "auto", folder))


def test_what_another_version_or_another_processor_compiled_is_not_at_hand(suite, tmp_path, monkeypatch):
    folder = tmp_path / "programs"
    mark(suite, folder)
    for name in ("installed", "processor"):
        with monkeypatch.context() as other:
            other.setattr(compiled_before, name, lambda: "another")
            assert not compiled(ways_of(suite, None, "auto", folder))
    for path in folder.glob("*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "ganbench.harness.steps.step": "0" * 64}))
    assert not compiled(ways_of(suite, None, "auto", folder)), "of another source"
    for path in folder.glob("*.json"):
        path.write_text("[")
    assert not compiled(ways_of(suite, None, "auto", folder))


def test_long_sweeps_are_compiled_where_there_is_a_compiler(tmp_path, monkeypatch):
    def chosen(steps):
        suite = load_suite(write_tiny(tmp_path / "long.yaml", steps=steps), catalog=Catalog())
        return compiled(ways_of(suite, None, "auto", tmp_path)), suite

    few, _ = chosen(WORTH // 2 - 1)
    many, suite = chosen(WORTH // 2)
    assert not few and many == {cell.id for cell in suite.cells}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not chosen(WORTH)[0]


def test_where_one_of_those_compared_cannot_be_compiled_or_runs_on_a_gpu_none_is(suite, tmp_path):
    folder = tmp_path / "programs"
    mark(suite, folder)
    assert not compiled(ways_of(suite.with_gpus(1), None, "auto", folder))
    (tmp_path / "plain.py").write_text(
        "from ganbench.harness.normalizer import Normalizer\n\nclass Plain(Normalizer):\n    name = 'plain'\n"
        "    summary = 'Cannot be compiled.'\n    modes = frozenset()\n"
    )
    path = tmp_path / "tiny.yaml"
    path.write_text(path.read_text().replace("[none, spectral_norm]", "[none, spectral_norm, plain]"))
    other = load_suite(path, catalog=Catalog([PluginSource.read(str(tmp_path / "plain.py"))]))
    assert not compiled(ways_of(other, None, "auto", folder))


def test_how_a_cell_runs_is_decided_when_its_sweep_begins_and_kept(suite, tmp_path):
    folder = tmp_path / "programs"
    mark(suite, folder)
    began = with_ways(suite.plan(), ways_of(suite, None, "auto", folder))
    assert compiled(ways_of(suite, began, "auto", tmp_path / "empty")) == of(suite, "ring8")
    before = with_ways(suite.plan(), ways_of(suite, None, "auto", tmp_path / "empty"))
    assert before == suite.plan(), "a plan of before says the same"
    assert not compiled(ways_of(suite, before, "auto", folder))


@pytest.mark.parametrize(("first", "then"), [("compiled", "plain"), ("replayed", "compiled"), ("plain", "compiled")])
def test_what_cannot_be_compared_with_what_is_there_is_refused_and_harms_nothing(tmp_path, first, then):
    suite, out = load_suite(write_tiny(tmp_path / "tiny.yaml"), catalog=Catalog()), tmp_path / "out"
    ledger = Ledger(out)
    ledger.write_plan(with_ways(suite.plan(), ways_of(suite, None, first, None)))
    text = (out / "suite.json").read_text()
    with pytest.raises(InputError, match=f"asked to be {then}.*6 cells.*--results"):
        run(suite, out, address="inline", execution=ExecutionMode(then))
    assert (out / "suite.json").read_text() == text
    assert not ledger.committed()


def test_replayed_and_plain_steps_may_take_over_from_each_other(suite, tmp_path):
    out = tmp_path / "out"
    for way, done in (("plain", 1), ("auto", 2), ("replayed", 3)):
        run(suite, out, address="inline", limit=1, execution=ExecutionMode(way))
        assert len(Ledger(out).committed()) == done
