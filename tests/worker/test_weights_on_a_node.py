"""A node without a metric's weights, or with others, is not fit: what it cannot measure is no result."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from cells import IMAGES, a_cell
from published import encoded, pictures, write

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.ledger import Ledger
from ganbench.harness.metrics.extractors.digits_cnn import DigitsExtractor
from ganbench.harness.metrics.extractors.inception import InceptionWeights
from ganbench.harness.scheduling.endings import UNFIT, Done, Failed
from ganbench.harness.scheduling.task import Task
from ganbench.harness.worker.attempt import attempt

OFFICIAL = "ganbench.harness.metrics.extractors.inception.official"


def on_photographs(folder: Path) -> Cell:
    """A cell that is measured through Inception."""
    write(folder, {f"{n}.png": encoded(image) for n, image in enumerate(pictures(8, 32, 32, 3))})
    dataset = {"name": "image_folder", "path": str(folder), "side": 32}
    metric = {"name": "fidelity", "samples": 100, "measures": ["fid"]}
    return a_cell(IMAGES, dataset=dataset, metric=metric, steps=2, log_points=2)


def attempted(cell: Cell, folder: Path) -> Done | Failed:
    trial = Trial(cell, 0, 0)
    ledger = str(folder / "ledger")
    return attempt(Task(trial.id, trial.spec(), "", (), 2, ledger, data_dir=str(folder / "store")))


def nothing_where_the_variable_points(folder: Path, monkeypatch) -> str:
    monkeypatch.setenv("GANBENCH_INCEPTION", str(folder / "absent.pth"))
    return f"GANBENCH_INCEPTION names {folder / 'absent.pth'}, where there is no file"


def nothing_to_download_from(folder: Path, monkeypatch) -> str:
    monkeypatch.delenv("GANBENCH_INCEPTION", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(folder / "torch"))
    monkeypatch.setattr(OFFICIAL, lambda: InceptionWeights("http://127.0.0.1:9/weights-6726825d.pth"))
    return f"put it at {folder / 'store' / 'extractors' / 'weights-6726825d.pth'}"


def a_damaged_file(folder: Path, monkeypatch) -> str:
    (folder / "damaged.pth").write_bytes(b"half of it")
    monkeypatch.setenv("GANBENCH_INCEPTION", str(folder / "damaged.pth"))
    return f"{folder / 'damaged.pth'} is not Inception's official file"


@pytest.mark.parametrize(
    "node",
    [nothing_where_the_variable_points, nothing_to_download_from, a_damaged_file],
    ids=lambda node: node.__name__,
)
def test_a_node_that_lacks_the_weights_of_inception_is_not_fit_and_commits_nothing(node, tmp_path, monkeypatch):
    told = node(tmp_path, monkeypatch)
    ending = attempted(on_photographs(tmp_path / "images"), tmp_path)
    assert isinstance(ending, Failed)
    assert ending.kind is UNFIT
    assert told in ending.reason and "\n" not in ending.reason
    assert not Ledger(tmp_path / "ledger").committed()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda whole: None, "is absent"),
        (lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]), "is damaged or another file"),
    ],
    ids=["absent", "one bit is another"],
)
def test_a_node_whose_copy_of_shipped_weights_is_broken_is_not_fit_until_it_is_mended(
    damage, told, tmp_path, monkeypatch
):
    whole, copy = DigitsExtractor.weights.read_bytes(), tmp_path / "digits-cnn.pt"
    if (left := damage(whole)) is not None:
        copy.write_bytes(left)
    monkeypatch.setattr(DigitsExtractor, "weights", copy)
    cell = a_cell(IMAGES, steps=2, log_points=2)
    ending = attempted(cell, tmp_path)
    assert isinstance(ending, Failed)
    assert (ending.kind, f"{copy}: {told}" in ending.reason) == (UNFIT, True)
    assert not Ledger(tmp_path / "ledger").committed()
    copy.write_bytes(whole)
    assert isinstance(attempted(cell, tmp_path), Done)
    (record,) = Ledger(tmp_path / "ledger").records()
    assert record.trace is not None
    assert all(math.isfinite(value) for value in record.trace.evaluations["fid[digits-cnn:1k_full]"])
