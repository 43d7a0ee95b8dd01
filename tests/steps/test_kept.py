"""Replayed programs on disk: other processes replay at once, and never what was made from other sources."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from cells import CATALOG, IMAGES, a_cell, a_training

from ganbench.harness.cells.cell import Cell
from ganbench.harness.data.store import Store
from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.composition import compose
from ganbench.harness.plugins import loaded_sources
from ganbench.harness.plugins.loaded_sources import are_loaded, own_sources
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.plugins.source import PluginSource
from ganbench.harness.steps import program as programs_module
from ganbench.harness.steps.form import state_tensors
from ganbench.harness.steps.kept import KeptPrograms
from ganbench.harness.steps.program import Programs
from ganbench.harness.training.training import Training

SHRINK = """
from ganbench.harness.normalizer import Normalizer

FACTOR = {factor}

class Shrink(Normalizer):
    name = "shrink"
    summary = "Every weight times a number."

    def reparameterize(self, weight, params, state, layer):
        return weight * FACTOR, state
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    """The programs of the small cell, followed once."""
    folder = tmp_path_factory.mktemp("programs")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loaded_sources, "_started", lambda: time.time() + 60)
        trained(a_cell(), folder)
    return folder


@pytest.fixture
def kept(programs, tmp_path) -> Path:
    """A folder of its own with the programs of the small cell."""
    return Path(shutil.copytree(programs, tmp_path / "kept"))


@pytest.fixture
def followed(monkeypatch) -> list[int]:
    """Grows with every step that is followed."""
    times: list[int] = []
    real = programs_module.graph_of
    monkeypatch.setattr(programs_module, "graph_of", lambda *given: times.append(1) or real(*given))
    # Of a process that begins now: what was edited while the tests run is not taken for what was loaded.
    monkeypatch.setattr(loaded_sources, "_started", lambda: time.time() + 60)
    return times


def trained(cell: Cell, folder: Path | None, after: float = 0.0, steps: int = 8) -> Training:
    """A training of some steps as in a process of its own: its programs are new, the disk is not."""
    kept = None if folder is None else KeptPrograms(folder)
    training = a_training(cell, programs=Programs(after=after, kept=kept))
    for step in range(steps):
        training.advance(step % 2 == 0)
    return training


def plainly(cell: Cell) -> Training:
    """The same training without programs."""
    return trained(cell, None, after=1e9)


def equal(one: Training, other: Training) -> bool:
    pairs = zip(state_tensors(one.state), state_tensors(other.state), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("rules", [{}, {**IMAGES, "normalizer": "layer_norm + r1", "penalty_every": 2}], ids=len)
def test_another_process_replays_what_one_has_followed_from_its_first_step(rules, tmp_path, followed):
    cell = a_cell(**rules)
    first = trained(cell, tmp_path)
    times = len(followed)
    again = trained(cell, tmp_path, after=1e9)
    assert times and len(followed) == times
    assert (again.mode, again.notes) == ("replayed", [])
    assert again.agreement is not None and again.agreement.exact and again.agreement.steps >= 4
    assert equal(first, again) and equal(first, plainly(cell))


def test_what_is_not_kept_is_made_of_plain_steps_first(tmp_path, followed):
    assert trained(a_cell(), tmp_path, after=1e9).mode == "plain" and not followed


@pytest.mark.parametrize(
    "change", [{"lr_g": 0.5}, {"batch_size": 8}, {"ema": 0.9}, {"normalizer": "bssn"}, {"loss": "hinge"}], ids=str
)
def test_another_cell_has_another_program(change, kept, followed):
    trained(a_cell(), kept)
    assert not followed
    trained(a_cell(**change), kept, steps=2)
    assert followed


def shrinking(tmp_path: Path, factor: float) -> Cell:
    """A cell of a plugin that is a file."""
    file = tmp_path / "shrink.py"
    file.write_text(SHRINK.format(factor=factor), encoding="utf-8")
    return replace(a_cell(), normalizer=Catalog([PluginSource.read(str(file))]).create("normalizer", "shrink"))


def test_an_edited_plugin_never_meets_the_program_of_its_old_source(tmp_path, followed):
    old = shrinking(tmp_path, 0.5)
    trained(old, tmp_path / "kept")
    trained(old, tmp_path / "kept")
    times = len(followed)
    new = shrinking(tmp_path, 0.9)
    assert new.id == old.id, "nothing that a specification says has changed"
    training = trained(new, tmp_path / "kept")
    assert len(followed) > times and training.mode == "replayed"
    assert equal(training, plainly(new)) and not equal(training, plainly(old))


def test_a_module_that_a_plugin_imports_is_a_source_too(tmp_path, monkeypatch, followed):
    helper = ModuleType("shrink_helper")
    file = tmp_path / "shrink_helper.py"
    helper.__file__ = str(file)
    monkeypatch.setitem(sys.modules, "shrink_helper", helper)
    file.write_text("factor = 1", encoding="utf-8")
    trained(a_cell(), tmp_path / "kept")
    trained(a_cell(), tmp_path / "kept")
    times = len(followed)
    file.write_text("factor = 2 ", encoding="utf-8")
    trained(a_cell(), tmp_path / "kept")
    assert len(followed) > times


class Shifted(Normalizer):
    name = "shifted"
    summary = "A class of this module."


def test_a_class_that_no_name_leads_to_has_its_programs_followed_anew(tmp_path, followed):
    class Local(Normalizer):
        name = "shifted"
        summary = "A class of a function."

    for normalizer in (Local(), compose((CATALOG.create("normalizer", "spectral_norm"), Local()))):
        trained(replace(a_cell(), normalizer=normalizer), tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
    trained(replace(a_cell(), normalizer=Shifted()), tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir())


def test_a_source_that_changed_since_the_process_began_is_not_taken_for_what_was_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(loaded_sources, "_started", lambda: time.time() - 1e9)
    assert own_sources([]) == {}
    trained(a_cell(), tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_process_knows_when_it_began():
    began = loaded_sources._started()
    assert time.time() - 3600 * 24 < began < time.time()
    assert began == pytest.approx(Path(f"/proc/{os.getpid()}/stat").stat().st_ctime, abs=3600)


def test_a_source_that_is_not_loaded_here_is_looked_up_only_if_it_is_ours():
    sources = own_sources([])
    assert sources and are_loaded(sources)
    assert not are_loaded({**sources, "a_module_of_somebody": "0" * 64})
    assert not are_loaded({**sources, "ganbench.harness.cli": "0" * 64})
    assert not are_loaded({**sources, "ganbench.gone.module": "0" * 64})


@pytest.mark.parametrize(
    "harm",
    [
        lambda kept: {**kept, "source": kept["source"].replace("torch.ops.aten.add", "torch.ops.aten.sub")},
        lambda kept: {**kept, "source": kept["source"].replace("torch.ops.aten.add", "torch.ops.aten.no_such_kernel")},
        lambda kept: {**kept, "source": "def step(tensors, constants):"},
        lambda kept: {"source": kept["source"]},
        lambda kept: [],
    ],
    ids=["wrong numbers", "unknown kernel", "no script", "incomplete", "something else"],
)
def test_a_kept_program_that_is_wrong_is_followed_again(harm: Callable, kept, followed):
    plain = plainly(a_cell())
    for file in kept.iterdir():
        kept_before = torch.load(file)
        torch.save({**kept_before, "content": harm(kept_before["content"])}, file)
    early = trained(a_cell(), kept, after=1e9)
    assert not early.notes and equal(early, plain)
    training = trained(a_cell(), kept)
    assert (training.mode, training.notes) == ("replayed", [])
    assert equal(training, plain)
    times = len(followed)
    assert trained(a_cell(), kept, after=1e9).mode == "replayed", "it was written again"
    assert len(followed) == times


def test_a_file_that_is_cut_short_is_written_again(kept, followed):
    for file in kept.iterdir():
        file.write_bytes(file.read_bytes()[:1000])
    assert equal(trained(a_cell(), kept), plainly(a_cell()))
    times = len(followed)
    assert times and trained(a_cell(), kept, after=1e9).mode == "replayed"
    assert len(followed) == times


def test_where_nothing_can_be_written_programs_are_made_as_ever(tmp_path, followed):
    (tmp_path / "file").write_text("no folder")
    assert trained(a_cell(), tmp_path / "file" / "kept").mode == "replayed"


def test_the_store_drops_programs_too_where_its_disk_is_limited(tmp_path, monkeypatch, programs):
    store = Store(tmp_path)
    shutil.copytree(programs, store.programs)
    assert list(store.programs.glob("*.pt"))
    monkeypatch.setenv("GANBENCH_DISK", "0")
    store.tidy()
    assert not list(store.programs.glob("*.pt"))
