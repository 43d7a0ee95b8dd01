"""Data and weights that are absent, damaged or too few stop a sweep before it starts."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import ClassVar

import pytest
from cells import IMAGES, STORE, a_cell
from file_server import serving
from in_process import ganbench_here, ganbench_inside

from ganbench.harness.cells.resources import Resources
from ganbench.harness.data.digits import Digits
from ganbench.harness.data.store import Store
from ganbench.harness.errors import InputError
from ganbench.harness.metrics.extractors.inception import InceptionWeights
from ganbench.harness.metrics.fidelity import Fidelity
from ganbench.harness.metrics.mode_coverage import ModeCoverage
from ganbench.harness.planning.readiness import check_data, check_machine, seldom_evaluated
from ganbench.harness.stability import load_definition

ganbench = ganbench_inside


class Elsewhere(Digits):
    name: ClassVar[str] = "elsewhere"

    def missing(self, store):
        return "dataset 'elsewhere' is not in its folder; get it with: ganbench data fetch elsewhere"


class Damaged(Digits):
    name: ClassVar[str] = "damaged"

    def load(self, store):
        raise InputError("digits.bin: ends within row 7")


class Unmeasured(ModeCoverage):
    name: ClassVar[str] = "unmeasured"

    def missing(self, store):
        return "its weights are not here; get them with: wget"


def cell_on(dataset, **changes):
    cell = a_cell(IMAGES, **changes)
    cell.__dict__["dataset"] = dataset
    return cell


def test_everything_that_is_not_ready_is_told_at_once_and_each_data_set_once():
    cells = [cell_on(Elsewhere()), cell_on(Elsewhere(), lr_g=0.5), cell_on(Damaged()), a_cell(IMAGES)]
    with pytest.raises(InputError) as caught:
        check_data(cells, STORE)
    assert caught.value.problems == [
        "dataset 'elsewhere' is not in its folder; get it with: ganbench data fetch elsewhere",
        "digits.bin: ends within row 7",
    ]


def test_too_few_images_for_a_metric_are_told_with_both_numbers():
    cell = cell_on(Digits(held_out=10), metric={"name": "reconstruction"})
    with pytest.raises(InputError, match=r"dataset 'digits\(held_out=10\)': metric 'reconstruction' needs 200 \+ 2000"):
        check_data([cell], STORE)


def test_what_is_ready_raises_nothing():
    check_data([a_cell(), a_cell(IMAGES)], STORE)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine without the weights of Inception."""
    monkeypatch.delenv("GANBENCH_INCEPTION", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return Store(tmp_path / "store")


def through_inception(monkeypatch, url, *datasets):
    """Cells whose metric needs the weights that are published at an address."""
    monkeypatch.setattr("ganbench.harness.metrics.extractors.inception.official", lambda: InceptionWeights(url))
    cells = [cell_on(dataset, lr_g=rate) for dataset in datasets for rate in (0.1, 0.2)]
    for cell in cells:
        cell.__dict__["metric"] = Fidelity(samples=100)
    return cells


def test_weights_that_are_absent_are_fetched_once_before_anything_runs(nowhere, monkeypatch):
    content = b"weights"
    with serving(content) as served:
        name = f"weights-{hashlib.sha256(content).hexdigest()[:8]}.pth"
        cells = through_inception(monkeypatch, served.url.replace("file.bin", name), Digits())
        check_data(cells, nowhere)
        check_data(cells, nowhere)
    assert (nowhere.extractors / name).read_bytes() == content
    assert len(served.asked) == 1


def test_weights_that_cannot_be_fetched_are_told_with_the_data_that_are_absent(nowhere, monkeypatch):
    url = "http://127.0.0.1:9/weights-6726825d.pth"
    with pytest.raises(InputError) as caught:
        check_data(through_inception(monkeypatch, url, Elsewhere()), nowhere)
    data, weights = caught.value.problems
    assert data.startswith("dataset 'elsewhere' is not in its folder")
    for part in ("could not be downloaded", f"get {url} and put it at {nowhere.extractors / 'weights-6726825d.pth'}"):
        assert part in weights


def test_weights_of_other_content_are_refused(nowhere, monkeypatch, tmp_path):
    (tmp_path / "other.pth").write_bytes(b"others")
    monkeypatch.setenv("GANBENCH_INCEPTION", str(tmp_path / "other.pth"))
    with pytest.raises(InputError, match=r"other\.pth is not Inception's official file"):
        check_data(through_inception(monkeypatch, "http://127.0.0.1:9/weights-6726825d.pth", Digits()), nowhere)


def test_a_metric_of_ones_own_that_lacks_something_is_refused_in_its_words():
    cell = a_cell()
    cell.__dict__["metric"] = Unmeasured()
    with pytest.raises(InputError, match="its weights are not here; get them with: wget"):
        check_data([cell], STORE)


def test_a_sweep_on_too_few_images_writes_nothing_and_says_why(ganbench, tmp_path):
    suite = tmp_path / "few.yaml"
    suite.write_text(
        "suite: few\nversion: 1\nseeds: 1\nnormalizers: [none]\ngrid:\n"
        "  - dataset: {name: digits, held_out: 10}\n    architecture: {name: dcgan, width: 4, latent: 8}\n"
        "    metric: reconstruction\n    settings: {one: {lr_g: 1e-3, lr_d: 1e-3, steps: 2}}\n"
    )
    done = ganbench("run", suite, "--address", "inline", "--tracking-uri", "off")
    assert done.returncode == 2
    assert done.stderr.startswith("error: dataset 'digits(held_out=10)': metric 'reconstruction' needs")
    assert not (tmp_path / "results").exists()


def test_a_machine_that_is_too_small_for_a_trial_is_told_before_anything_is_written(ganbench, tiny, tmp_path):
    done = ganbench("run", tiny, "--gpus", "0.5", "--address", "inline", "--tracking-uri", "off")
    assert done.returncode == 2
    told = "ring8(size=1000) · mlp(width=16) · none · calm: a trial needs 1 CPU, 0.5 GPU, and this machine has"
    assert told in done.stderr
    assert "--gpus 0 trains on the CPU" in done.stderr
    assert not (tmp_path / "results").exists()


def test_cores_and_memory_count_as_well_as_gpus():
    cell = a_cell()
    check_machine([cell])
    for need in (Resources(100_000), Resources(1, 0, 1_000_000)):
        with pytest.raises(InputError, match=re.escape(f"a trial needs {need.words()}, and this machine has")):
            check_machine([cell, replace(cell, resources=need)])


def test_cells_that_are_evaluated_too_seldom_to_be_stable_are_named_before_anything_runs():
    cells = [replace(a_cell(), evaluations=count) for count in (10, 11, 5)]
    words = seldom_evaluated(cells, load_definition(3))
    assert words.startswith("2 of 3 cells have at most 10 evaluations, and definition 3 needs 10 after")
    assert seldom_evaluated(cells[1:2], load_definition(3)) is None
    assert seldom_evaluated(cells, load_definition(2)) is None  # it needs none


def test_the_plan_of_a_suite_that_can_decide_little_says_so(monkeypatch):
    monkeypatch.setattr("ganbench.harness.planning.timing._timed", lambda cell, catalog: 0.001)
    assert "have at most" not in ganbench_here("plan", "quick").output
    assert "90 of 90 cells have at most 10 evaluations" in " ".join(
        ganbench_here("plan", "large-study-small").output.split()
    )
