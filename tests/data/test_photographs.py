"""Real photographs, real metrics, a few steps: the whole way from Parquet to a page."""

from __future__ import annotations

import math

import pyarrow.parquet as pq
import pytest
import torch

from ganbench.harness.data.cifar10_jpeg import CIFAR10JPEG
from ganbench.harness.data.store import Store
from ganbench.harness.data.streamed import Streamed
from ganbench.harness.ledger import read_ledger
from ganbench.harness.planning.suite import load_suite
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.sweeps.sweep import run
from ganbench.reports import leaderboard

SUITE = """
suite: photographs
version: 1
seeds: 2
normalizers: [spectral_norm]
grid:
  - dataset: {name: cifar10_jpeg, flips: true}
    architecture: {name: dcgan, width: 8, latent: 16}
    metric:
      - {name: fidelity, extractor: cifar10-small, samples: 150, real: 500, split: test}
      - {name: reconstruction, validation: 4, test: 8, steps: 2}
    common: {loss: hinge, batch_size: 4, evaluations: 1, steps: 3}
    settings: {slow: {lr_g: 2e-4, lr_d: 2e-4}}
"""
MEASURES = ["fid", "inception_score", "kid", "precision", "recall", "f1", "density", "coverage", "diversity"]
PROTOCOL = "[cifar10-small:150_500:test]"
FIRST = {"train": 2_500, "test": 500}


@pytest.fixture(scope="module")
def first_photographs(photographs, tmp_path_factory) -> Store:
    """A store with some of them, in the same format: to decode all takes seconds."""
    store = Store(tmp_path_factory.mktemp("first"))
    store.files("cifar10_jpeg").mkdir()
    for name, count in FIRST.items():
        whole = pq.ParquetFile(photographs.files("cifar10_jpeg") / f"{name}.parquet")
        pq.write_table(whole.read_row_group(0).slice(0, count), store.files("cifar10_jpeg") / f"{name}.parquet")
    return store


@pytest.fixture(scope="module")
def ledger(tmp_path_factory, first_photographs):
    folder = tmp_path_factory.mktemp("photographs")
    (folder / "suite.yaml").write_text(SUITE)
    suite, plain = load_suite(folder / "suite.yaml"), ExecutionMode("plain")
    report = run(suite, folder / "out", address="inline", data_dir=first_photographs.root, execution=plain)
    assert (report.committed, report.missing, report.lost) == (2, 0, {})
    return read_ledger(folder / "out")


def test_a_training_on_photographs_reports_fidelity_and_reconstruction(ledger):
    for record in ledger.records():
        measured = record.trace.evaluations
        assert list(measured) == [f"{name}{PROTOCOL}" for name in MEASURES] + [
            "reconstruction_error",
            "final_reconstruction_error",
        ]
        last = {key: column[-1] for key, column in measured.items()}
        assert all(math.isfinite(value) for value in last.values())
        assert 0 < last["reconstruction_error"] < 1
        assert 0 <= last[f"recall{PROTOCOL}"] <= 1
        assert record.trace.samples.values.shape == (16, 3, 32, 32)


def test_its_page_shows_each_measure_under_its_protocols_name(ledger):
    text = leaderboard(ledger).markdown().replace("\\", "")
    for name in ("cifar10_jpeg", f"fid{PROTOCOL}", f"recall{PROTOCOL}", "reconstruction_error"):
        assert name in text


def test_real_statistics_were_computed_once_and_are_kept(ledger, first_photographs):
    kept = sorted(first_photographs.statistics.glob("*.npz"))
    assert [path.name.rsplit("-", 1)[0] for path in kept] == ["cifar10-small-test-500"]


def test_the_shipped_suite_on_photographs_is_whole():
    suite = load_suite("cifar10_jpeg")
    assert {cell.normalizer.name for cell in suite.cells} == {"none", "spectral_norm"}
    assert [part.name for part in suite.cells[0].metric.parts()] == ["fidelity", "reconstruction"]


def assert_read(store: Store, train: int, test: int, atol: float) -> None:
    data = CIFAR10JPEG().load(store)
    assert data.examples.shape == (train, 3, 32, 32)
    assert data.held_out.shape == (test, 3, 32, 32)
    means = data.examples.float().mean(dim=(0, 2, 3)) / 255
    torch.testing.assert_close(means, torch.tensor([0.4914, 0.4822, 0.4465]), atol=atol, rtol=0)  # CIFAR-10's own
    streamed = CIFAR10JPEG().load(store, limit=1).examples
    assert isinstance(streamed, Streamed)
    chosen = torch.tensor([train - 1, 0, train // 4])
    assert torch.equal(streamed[chosen], data.examples[chosen])


@pytest.mark.long
def test_cifar10_as_jpeg_as_a_whole(photographs):
    assert_read(photographs, 50_000, 10_000, atol=2e-3)


def test_some_of_cifar10_as_jpeg(first_photographs):
    assert_read(first_photographs, FIRST["train"], FIRST["test"], atol=0.01)
