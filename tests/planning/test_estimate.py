"""What a plan says of the cost: from what was measured, and nothing that was not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cells import CATALOG, a_cell
from file_server import serving
from published import encoded, pictures, write

from ganbench.harness.cells.resources import Resources
from ganbench.harness.data.store import Store
from ganbench.harness.metrics.extractors.inception import InceptionWeights
from ganbench.harness.planning.estimate import Measured, cost_in_words, measured_by_cell
from ganbench.harness.planning.readiness import to_fetch

PHOTOGRAPHS = {"dataset": "cifar10", "architecture": "sngan_cnn", "metric": "fidelity"}


class Committed:
    """A ledger of some trials, by cell, device and seconds."""

    def __init__(self, *rows: tuple[str, str, float]) -> None:
        self.rows = rows

    def summary(self):
        return [{"cell": cell, "device": device, "seconds": seconds} for cell, device, seconds in self.rows]


@pytest.fixture
def on_gpu():
    return replace(a_cell(), resources=Resources(1, 0.5))


def test_what_is_known_of_a_cell_is_the_mean_of_its_trials_where_most_of_them_ran(on_gpu):
    ledger = Committed((on_gpu.id, "cpu", 900.0), (on_gpu.id, "H200", 10.0), (on_gpu.id, "H200", 30.0))
    assert measured_by_cell([on_gpu], ledger, CATALOG) == {on_gpu.id: Measured(20.0, "H200")}


def test_nothing_is_made_up_of_a_cell_that_asks_for_a_gpu_or_when_patience_is_over(on_gpu):
    assert measured_by_cell([on_gpu], Committed(), CATALOG) == {}
    assert measured_by_cell([a_cell()], Committed(), CATALOG, patience=0.0) == {}
    found = measured_by_cell([a_cell(steps=1000)], Committed(), CATALOG)[a_cell(steps=1000).id]
    assert found.device == "cpu" and found.steps_only and 0.1 < found.seconds < 1000


def test_device_hours_count_a_trials_share_and_what_is_unknown_is_counted_apart(on_gpu):
    plain = a_cell(steps=10, n_dis=5)
    left = {on_gpu.id: 18, plain.id: 2}
    lines = cost_in_words([on_gpu, plain], left, {on_gpu.id: Measured(400.0, "H200")}, 2)
    assert lines[0] == "to train: 20 trials, 380 generator and 460 discriminator updates"
    assert lines[1] == "about 1.0 hours of H200"
    assert lines[2].startswith("nothing was measured yet of 1 of these 2 cells (2 trials)")
    lines = cost_in_words([plain], left, {plain.id: Measured(50.0, "cpu")}, 2)
    assert lines[1:] == ["about 2 min of computing, 50 s on this machine's 2 cores"]


def test_a_plan_says_which_cells_were_timed_by_steps_alone():
    cells = [a_cell(), a_cell(n_dis=5)]
    measured = {cells[0].id: Measured(50.0, "cpu"), cells[1].id: Measured(50.0, "cpu", steps_only=True)}
    lines = cost_in_words(cells, {cell.id: 1 for cell in cells}, measured, 2)
    assert lines[2].startswith("1 of these 2 cells: by a few plain steps") and "without their evaluations" in lines[2]


def test_weights_of_other_content_have_to_be_fetched_too(tmp_path, monkeypatch):
    (tmp_path / "other.pth").write_bytes(b"others")
    monkeypatch.setenv("GANBENCH_INCEPTION", str(tmp_path / "other.pth"))
    (line,) = (line for line in to_fetch([a_cell(PHOTOGRAPHS)], Store(tmp_path / "data")) if "dataset" not in line)
    assert line.startswith(f"{tmp_path / 'other.pth'} is not Inception's official file")


def test_timing_a_cell_whose_weights_are_absent_fetches_nothing(tmp_path, monkeypatch):
    write(tmp_path / "images", {f"{n}.png": encoded(image) for n, image in enumerate(pictures(8, 32, 32, 3))})
    folder = {"name": "image_folder", "path": str(tmp_path / "images"), "side": 32}
    cell = a_cell({**PHOTOGRAPHS, "dataset": folder})
    monkeypatch.delenv("GANBENCH_INCEPTION", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with serving(b"weights") as served:
        weights = InceptionWeights(served.url)
        monkeypatch.setattr("ganbench.harness.metrics.extractors.inception.official", lambda: weights)
        assert set(measured_by_cell([cell], Committed(), CATALOG)) == {cell.id}
    assert served.asked == []


def test_what_has_to_be_fetched_is_told_once_with_the_extractor(tmp_path, monkeypatch):
    monkeypatch.delenv("GANBENCH_INCEPTION", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    store = Store(tmp_path / "data")
    lines = to_fetch([a_cell(PHOTOGRAPHS), a_cell(PHOTOGRAPHS, lr_g=0.5), a_cell()], store)
    assert len(lines) == 2
    assert lines[0].startswith("dataset 'cifar10' is not in") and "ganbench data fetch cifar10" in lines[0]
    assert lines[1].startswith("the weights of inception-v3-compat are not here")
    assert str(store.extractors) in lines[1]
