"""`ganbench try` compares a normalizer with a suite's baseline, trains no committed baseline again, and claims no more
than the leaderboard does."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from tiny import write_tiny
from typer.testing import CliRunner, Result

from ganbench import load_suite, read_ledger, run
from ganbench.harness.cli import app
from ganbench.harness.commands.common import chosen_normalizers
from ganbench.harness.errors import GanbenchError, InputError
from ganbench.harness.ledger import Ledger
from ganbench.harness.planning.suite import Suite
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.plugins.source import PluginSource
from ganbench.harness.statistics import seeds_needed
from ganbench.harness.sweeps.tryout import against_baseline, default_results
from ganbench.harness.worker.attempt import _train as train

# Data that a generator is on from its first step, so that in a few steps a training fails only if something breaks it.
DATA = """
import torch
from pydantic import Field
from ganbench.harness.data.plane import Mixture
class OneMode(Mixture):
    name = "one_mode"
    summary = "A wide Gaussian."
    size: int = Field(500, ge=100)
    def load(self, store):
        return self.drawn(torch.zeros(1, 2, dtype=torch.float64), 0.5)
"""

SUITE = """
suite: toy
version: 1
seed: 3
seeds: 5
baseline: none
definition: 2
normalizers: [none, spectral_norm]
grid:
  - dataset: one_mode
    architecture: {name: mlp, width: 16, latent: 8}
    metric: {name: mode_coverage, samples: 200}
    common: {steps: 30, evaluations: 3, log_points: 10}
    settings:
      calm: {lr_g: 1e-3, lr_d: 1e-3}
      five: {lr_g: 1e-3, lr_d: 1e-3, n_dis: 5}
"""

PLUGIN = """
from ganbench.harness.normalizer import Normalizer
class Mine(Normalizer):
    name = "mine"
    summary = "For a test."
    def reparameterize(self, weight, params, state, layer):
        return WEIGHT, state
"""


def plugin(path: Path, weight: str) -> Path:
    path.write_text(PLUGIN.replace("WEIGHT", weight))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def records(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in folder.glob("trials/*/*.json")}


@pytest.fixture(scope="module")
def committed(tmp_path_factory) -> Path:
    """The toy suite's ledger, as `ganbench run` leaves it."""
    folder = tmp_path_factory.mktemp("committed")
    (folder / "toy.yaml").write_text(SUITE)
    (folder / "data.py").write_text(DATA)
    ledger = folder / "results" / "toy"
    assert run(folder / "toy.yaml", ledger, plugins=[str(folder / "data.py")], address="inline").missing == 0
    return folder


@pytest.fixture
def whole_place(committed, tmp_path, monkeypatch) -> Path:
    """A working directory with the suite and its committed trials."""
    shutil.copytree(committed, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def place(whole_place, monkeypatch) -> Path:
    """The same, where no page is drawn: that takes longer than a try of it."""
    monkeypatch.setattr("reports.Leaderboard.write", lambda self, out: [])
    return whole_place


def attempt(*arguments: str | Path) -> Result:
    options = ["--suite", "toy.yaml", "--plugin", "data.py", "--address", "inline"]
    return CliRunner(env={"COLUMNS": "100000"}).invoke(app, ["try", *options, *map(str, arguments)])


def answer(*arguments: str | Path) -> dict:
    done = attempt(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_one_that_breaks_every_training_is_less_stable_and_the_committed_baseline_is_not_trained_again(place):
    before = contents(place / "results" / "toy")
    told = answer(plugin(place / "bad.py", "0 * weight"))
    (found,) = told["tried"]
    assert found["verdict"] == "less stable"
    assert found["failed"]["mine"]["rate"] == 1
    assert found["failed"]["none"]["rate"] == 0
    pairs = {"shared": 10, "undecided": 0, "both_failed": 0, "only_normalizer_failed": 10, "only_baseline_failed": 0}
    assert found["pairs"] == pairs
    assert found["p"] == pytest.approx(2 * 0.5**10)
    assert found["failed"]["mine"]["modes"]
    assert (told["trained"], told["committed_before"]) == (10, 10)
    assert contents(place / "results" / "toy") == before
    own, old = records(Path(told["results"])), records(place / "results" / "toy")
    suite = load_suite("toy.yaml", plugins=["data.py"])
    reused = {trial.id for trial in suite.trials() if trial.cell.normalizer.label() == "none"}
    assert reused == own.keys() & old.keys()
    assert all(own[trial] == old[trial] for trial in reused)


def test_the_paragraph_says_it_in_the_leaderboards_words_and_where_the_leaderboard_is(whole_place):
    done = attempt(plugin(whole_place / "bad.py", "0 * weight"), "--seeds", "4")
    assert done.exit_code == 0, done.output
    assert "mine is less stable than none in these settings." in done.output
    assert (
        "none failed significantly less often than mine: of 8 shared pairs, only mine failed in 8 and only none in 0"
        in (done.output)
    )
    assert "On settings like these it is open (2 settings as blocks" in done.output
    assert "mine failed in 8/8 trials, 100 % (at least 58 %), none in 0/8, 0 % (at most 42 %)" in done.output
    assert "less often in 0 settings, equally often in 0, more often in 2" in done.output
    assert "of none's, which ran at another time or place" in done.output
    (page,) = Path("results/try/toy").glob("*/leaderboard/leaderboard.html")
    assert str(page) in done.output
    text = page.read_text()
    assert "ganbench try bad.py --suite toy.yaml --seeds 4 --plugin data.py" in text
    assert str(whole_place) not in text


def test_too_few_seeds_are_said_to_be_that_with_how_many_would_tell(place):
    told = answer(plugin(place / "bad.py", "0 * weight"), "--seeds", "2")
    (found,) = told["tried"]
    assert found["verdict"] == "not enough seeds"
    assert found["seeds_that_would_tell"] >= 3  # six pairs, all one way, in two settings
    assert f"about {found['seeds_that_would_tell']} seeds in each setting would" in found["text"]
    assert found["text"].startswith("Not enough seeds to separate")
    assert "stable than" not in found["text"]


def test_the_baselines_own_method_under_another_name_is_never_called_equal(place):
    hard = SUITE.replace("one_mode", "ring8").replace("suite: toy", "suite: hard")
    (place / "hard.yaml").write_text(hard)
    options = ("--suite", "hard.yaml", "--address", "inline", "--seeds", "1", "--json")
    copy = plugin(place / "copy.py", "weight")
    done = CliRunner().invoke(app, ["try", str(copy), *options])
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout)["tried"]
    assert found["verdict"] == "not enough seeds"
    assert found["failed"]["mine"]["failed"] == found["failed"]["none"]["failed"] == 2
    assert found["seeds_that_would_tell"] is None
    needed = seeds_needed(1.0, 0.5, nested=False, cells=2)
    assert (
        f"To tell a normalizer that fails half as often as none from it takes {needed} seeds in each" in found["text"]
    )
    assert "Both failed in the same ways as often" in found["text"]
    easy = answer(copy, "--seeds", "1")
    assert "fails in none of these settings" in easy["tried"][0]["text"]
    assert easy["tried"][0]["verdict"] == "not enough seeds"


def test_an_edited_file_is_trained_again_and_the_baseline_is_not_even_where_only_an_earlier_try_has_it(place):
    shutil.rmtree(place / "results")
    mine = plugin(place / "mine.py", "0.5 * weight")
    first = answer(mine, "--seeds", "1")
    assert (first["trained"], first["committed_before"]) == (4, 0)
    again = answer(mine, "--seeds", "1")
    assert (again["trained"], again["committed_before"]) == (0, 4)
    before = contents(Path(first["results"]) / "trials")
    edited = answer(plugin(mine, "0.25 * weight"), "--seeds", "1")
    assert (edited["trained"], edited["committed_before"]) == (2, 2)
    assert edited["results"] != first["results"]
    assert contents(Path(first["results"]) / "trials") == before
    assert len(before) == 4


def test_a_folder_of_ones_own_never_mixes_two_sources_of_one_version(place):
    mine = plugin(place / "mine.py", "0.5 * weight")
    assert answer(mine, "--seeds", "1", "--results", "own")["trained"] == 2
    before = contents(place / "own")
    done = attempt(plugin(mine, "0.25 * weight"), "--seeds", "1", "--results", "own")
    assert isinstance(done.exception, InputError)
    assert "made with another source of it; raise its version, or choose another folder" in str(done.exception)
    assert contents(place / "own") == before
    other = attempt(mine, "--seeds", "1", "--results", "other", "--from", "own")
    assert "2 committed trials reused from" in other.output
    assert "2 trials in" in other.output
    assert "are of another source of the same version, and are not reused" in other.output
    assert len(records(place / "other")) == 4


def test_an_interrupted_try_goes_on_from_what_it_has(place, monkeypatch):
    mine = plugin(place / "mine.py", "0.5 * weight")

    def cut_short(task, *rest):
        if len(Ledger(task.ledger).committed()) == 11:
            raise KeyboardInterrupt
        return train(task, *rest)

    with monkeypatch.context() as patched:
        patched.setattr("ganbench.harness.worker.attempt._train", cut_short)
        done = attempt(mine)
    assert done.exit_code == 3
    assert "committed trials are kept, and the same command continues" in done.output
    told = answer(mine)
    assert (told["trained"], told["committed_before"], told["complete"]) == (9, 11, True)


def test_an_installed_normalizer_that_is_committed_with_its_present_source_is_answered_without_training(place):
    told = answer("spectral_norm")
    assert (told["trained"], told["committed_before"]) == (0, 20)


def test_reuse_can_be_refused(place):
    for weight in ("0.25 * weight", "0.5 * weight"):  # the second could have those of the first
        told = answer(plugin(place / "mine.py", weight), "--seeds", "1", "--no-reuse")
        assert (told["trained"], told["committed_before"]) == (4, 0)
    assert not told["tried"][0]["timed_apart"]


def test_a_damaged_record_of_another_ledger_is_told_left_as_it_is_and_trained_here(place):
    suite = load_suite("toy.yaml", plugins=["data.py"])
    trial = next(trial for trial in suite.trials() if trial.cell.normalizer.label() == "none")
    path = read_ledger("results/toy").path(trial.id)
    path.write_bytes(path.read_bytes()[:500])
    before = contents(place / "results" / "toy")
    done = attempt(plugin(place / "mine.py", "0.5 * weight"), "--seeds", "1")
    assert done.exit_code == 0, done.output
    assert "not reused:" in done.output
    assert path.name in done.output
    assert "1 committed trials reused" in done.output
    assert contents(place / "results" / "toy") == before


def test_one_that_cannot_run_is_quoted(place):
    told = answer(plugin(place / "mine.py", "weight.no_such_thing()"), "--seeds", "1")
    (found,) = told["tried"]
    assert found["failed"]["mine"]["modes"] == {"method_error": 2}
    assert "It could not run (" in found["text"]
    assert "no_such_thing" in found["text"]


def test_trials_that_saw_other_data_are_no_pairs(place):
    (place / "data.py").write_text(DATA.replace("0.5)", "0.4)"))
    done = attempt(plugin(place / "mine.py", "0.5 * weight"), "--seeds", "1")
    assert isinstance(done.exception, InputError)
    assert "saw other data under the same name" in str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["spectral_nrm"], "did you mean 'spectral_norm'"),
        (["absent.py"], "absent.py: cannot be read"),
        (["none"], "'none' is the baseline of suite 'toy'; there is nothing to compare it with"),
        (["spectral_norm", "--from", "nowhere"], "nowhere: is no results folder"),
        (["spectral_norm", "--results", "results/toy"], "holds results of suite 'toy', not of 'toy-try-spectral_norm'"),
        (["{name: bssn, scale: -1}"], "scale: expected greater than 0"),
        (["weight_clipping", "--address", "lcoal"], "expected 'local'"),
        (["refusing.py"], "mine on mlp(latent=8, width=16): has no business here"),
    ],
)
def test_bad_input_is_one_message_and_nothing_is_written(place, arguments, told):
    refuse = '    def refuse(self, layers):\n        return "has no business here"\n'
    (place / "refusing.py").write_text(PLUGIN.replace("WEIGHT", "weight") + refuse)
    before = contents(place)
    done = attempt(*arguments)
    assert isinstance(done.exception, GanbenchError), done.output
    assert told in str(done.exception)
    assert contents(place) == before


def loaded(suite: Path, *files: Path) -> tuple[Suite, Catalog]:
    catalog = Catalog([PluginSource.read(str(path)) for path in files])
    return load_suite(suite, catalog=catalog), catalog


def test_the_cells_are_those_of_the_baseline_with_the_other_in_its_place_and_seeds_pair(tmp_path):
    suite, catalog = loaded(write_tiny(tmp_path / "tiny.yaml"))
    wanted = against_baseline(suite, [catalog.create("normalizer", "bssn")])
    assert [cell.normalizer.label() for cell in wanted.cells] == ["spectral_norm", "bssn"] * 3
    baseline = [cell for cell in suite.cells if cell.normalizer.label() == "spectral_norm"]
    assert [cell.id for cell in wanted.cells[::2]] == [cell.id for cell in baseline]
    assert [cell.group for cell in wanted.cells[1::2]] == [cell.group for cell in baseline]
    known = {trial.id for trial in suite.trials()}
    assert sum(trial.id in known for trial in wanted.trials()) == len(baseline) * suite.seeds


def test_a_network_on_which_it_makes_no_sense_is_left_out_with_its_baseline_and_said(tmp_path):
    refuse = (
        "    def refuse(self, layers):\n"
        "        images = any(layer.kind == 'conv' for layer in layers.values())\n"
        "        return None if images else 'is for images'\n"
    )
    (tmp_path / "mine.py").write_text(PLUGIN.replace("WEIGHT", "weight") + refuse)
    suite, catalog = loaded(write_tiny(tmp_path / "tiny.yaml"), tmp_path / "mine.py")
    wanted = against_baseline(suite, [catalog.create("normalizer", "mine")])
    assert {cell.dataset.label() for cell in wanted.cells} == {"digits"}
    assert wanted.left_out == ("mine on mlp(width=16): is for images",)


def test_a_suite_without_a_baseline_is_refused_and_one_with_sequential_seeds_has_its_least(tmp_path):
    path = write_tiny(tmp_path / "tiny.yaml")
    text = path.read_text()
    path.write_text(text.replace("baseline: spectral_norm\n", ""))
    suite, catalog = loaded(path)
    bssn = catalog.create("normalizer", "bssn")
    with pytest.raises(InputError, match="declares no baseline to compare with"):
        against_baseline(suite, [bssn])
    path.write_text(text.replace("seeds: 2", "seeds: {min: 3, max: 9, until: {separated: spending}}"))
    wanted = against_baseline(loaded(path)[0], [bssn])
    assert (wanted.seeds, wanted.sequential) == (3, None)


def test_another_parameter_version_or_source_is_another_folder(tmp_path):
    suite, _ = loaded(write_tiny(tmp_path / "tiny.yaml"))
    places = set()
    for text in ("", "# edited\n", '    version = "2"\n'):
        (tmp_path / "mine.py").write_text(PLUGIN.replace("WEIGHT", "weight") + text)
        _, catalog = loaded(tmp_path / "tiny.yaml", tmp_path / "mine.py")
        places.add(default_results(suite, [catalog.create("normalizer", "mine")]))
    for scale in (1.2, 1.3):
        places.add(default_results(suite, [Catalog().create("normalizer", {"name": "bssn", "scale": scale})]))
    assert len(places) == 5
    assert {path.parent for path in places} == {Path("results/try/tiny")}


def test_several_in_a_file_are_all_tried_each_against_the_baseline(place):
    both = PLUGIN.replace("WEIGHT", "0 * weight") + PLUGIN.replace("WEIGHT", "0.5 * weight").replace(
        "class Mine", "class Other"
    ).replace('"mine"', '"other"')
    (place / "both.py").write_text(both)
    told = answer(place / "both.py", "--seeds", "1")
    assert [found["normalizer"] for found in told["tried"]] == ["mine", "other"]
    assert (told["trained"], told["committed_before"]) == (4, 2)


def test_a_file_that_is_installed_is_found_under_its_name(tmp_path, monkeypatch):
    """As after `pip install -e .`: the file's normalizer exists already, and it is this very file."""
    site = tmp_path / "site"
    (site / "editable-0.dist-info").mkdir(parents=True)
    (site / "editable-0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: editable\nVersion: 0\n")
    lines = "[ganbench.normalizers]\nmine = editable:Mine\n"
    (site / "editable-0.dist-info" / "entry_points.txt").write_text(lines)
    plugin(site / "editable.py", "weight")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setitem(sys.modules, "editable", None)
    del sys.modules["editable"]
    found, (mine,) = chosen_normalizers(str(site / "editable.py"))
    assert mine.label() == "mine"
    assert not found.sources
    shutil.copy(site / "editable.py", tmp_path / "editable.py")
    with pytest.raises(InputError, match="exists already"):
        chosen_normalizers(str(tmp_path / "editable.py"))


@pytest.mark.long
def test_on_ray_it_finds_what_it_finds_without(place):
    mine = plugin(place / "mine.py", "0.5 * weight")
    inline = answer(mine, "--results", "inline")
    options = ["--suite", "toy.yaml", "--plugin", "data.py", "--results", "ray", "--json"]
    done = CliRunner().invoke(app, ["try", str(mine), *options])
    assert done.exit_code == 0, done.output
    timed = ("step_time", "text")
    same = [{key: value for key, value in told["tried"][0].items() if key not in timed}
            for told in (inline, json.loads(done.stdout))]  # fmt: skip
    assert same[0] == same[1]
