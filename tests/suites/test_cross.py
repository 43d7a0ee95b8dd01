"""Every normalizer trains on every architecture that allows it; a sample here, all of it with ``make test-long``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganbench import read_ledger, run
from ganbench.harness.planning.suite import Suite, load_suite
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.stability import METHOD_ERROR


@pytest.fixture(scope="module")
def cross() -> Suite:
    return load_suite("cross")


def test_the_suite_names_every_normalizer_architecture_loss_and_optimizer(cross):
    catalog = Catalog()
    for kind in ("normalizer", "architecture", "loss", "optimizer"):
        named = {getattr(cell, kind).name for cell in cross.cells}
        assert set(catalog.names(kind)) <= named


def all_run(suite: Suite, folder) -> bool:
    report = run(suite, folder, address="inline")
    broken = {
        record.trial_id: record.verdict.message
        for record in read_ledger(folder).records()
        if record.verdict.outcome == METHOD_ERROR or "diverged" in record.verdict.modes
    }
    assert broken == {}
    return report.missing == 0


def test_a_sample_of_all_pairs_trains(cross, tmp_path):
    """Each architecture, loss and optimizer once; every normalizer is trained by its check (`test_conformance.py`)."""
    blocks = list(dict.fromkeys((cell.architecture.label(), cell.setting) for cell in cross.cells))
    normalizers = list(dict.fromkeys(cell.normalizer.label() for cell in cross.cells))
    chosen = tuple(
        cell
        for cell in cross.cells
        if normalizers.index(cell.normalizer.label()) == blocks.index((cell.architecture.label(), cell.setting))
    )
    for kind in ("architecture", "loss", "optimizer"):
        assert {getattr(cell, kind).name for cell in chosen} == {getattr(cell, kind).name for cell in cross.cells}
    assert all_run(replace(cross, cells=chosen), tmp_path / "out")


@pytest.mark.long
def test_all_pairs_train(cross, tmp_path):
    assert all_run(cross, tmp_path / "out")
