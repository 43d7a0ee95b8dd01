"""`ganbench ledger`: verify, compact, merge, export, on real small trainings."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from in_process import ganbench_inside
from tiny import write_tiny

from ganbench import read_ledger, run
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.row import to_text
from ganbench.reports import leaderboard

ganbench = ganbench_inside


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """Six real trials, of one seed, and their suite."""
    folder = tmp_path_factory.mktemp("original")
    run(write_tiny(folder / "tiny.yaml", steps=10), folder / "out", address="inline", seeds=1)
    return folder


@pytest.fixture
def out(original, tmp_path) -> Path:
    shutil.copytree(original / "out", tmp_path / "out")
    return tmp_path / "out"


def test_a_whole_ledger_is_verified_before_and_after_compaction(out, ganbench):
    assert "6 records are whole, 0 problems" in ganbench("ledger", "verify", out).stdout
    assert "6 records moved" in ganbench("ledger", "compact", out).stdout
    assert "6 records are whole, 0 problems" in ganbench("ledger", "verify", out).stdout


def test_damage_is_named_and_ends_with_2_and_the_next_run_repairs_it(out, original, ganbench):
    path = next(iter(sorted(out.glob("trials/??/*.json"))))
    whole = read_ledger(out).read(path.stem).sha256
    path.write_text(path.read_text()[:-20])
    verified = ganbench("ledger", "verify", out)
    assert verified.returncode == 2
    assert str(path) in verified.stdout.replace("\n", "")
    again = ganbench(
        "run", original / "tiny.yaml", "--seeds", "1", "--results", out, "--address", "inline", "--tracking-uri", "off"
    )
    assert again.returncode == 0
    assert ganbench("ledger", "verify", out).returncode == 0
    assert read_ledger(out).read(path.stem).sha256 == whole


def test_a_compacted_ledger_gives_the_same_page_and_a_sweep_finds_nothing_to_do(out, original, ganbench):
    before = leaderboard(read_ledger(out)).evidence.hash()
    read_ledger(out).compact()
    assert leaderboard(read_ledger(out)).evidence.hash() == before
    report = run(original / "tiny.yaml", out, address="inline", seeds=1)
    assert (report.before, report.committed) == (6, 0)


def test_two_laboratories_ledgers_become_one(original, tmp_path, ganbench):
    """One has seed 0, the other seeds 0 and 1, half of them compacted: together they are the whole suite's."""
    whole = tmp_path / "whole"
    shutil.copytree(original / "out", whole)
    run(original / "tiny.yaml", whole, address="inline")
    read_ledger(whole).compact()
    done = ganbench("ledger", "merge", original / "out", whole, "--into", tmp_path / "both")
    assert done.returncode == 0, done.stderr
    assert "12 trials added" in done.stdout
    assert "6 were there already, equal" in done.stdout
    both, expected = read_ledger(tmp_path / "both"), read_ledger(whole)
    assert [record.sha256 for record in both.records()] == [record.sha256 for record in expected.records()]
    assert both.plan()["seeds"] == 2
    again = ganbench("ledger", "merge", whole, "--into", tmp_path / "both")
    assert "0 trials added" in again.stdout


def _changed(out: Path, change: Callable[[Record], Record]) -> None:
    """Put another record in a record's place."""
    path = next(iter(sorted(out.glob("trials/??/*.json"))))
    path.write_text(to_text(change(read_ledger(out).read(path.stem))))


def _other_loss(record: Record) -> Record:
    scalars = {**record.trace.scalars, "d_loss": record.trace.scalars["d_loss"] * 2}
    return Record.of(record.spec, replace(record.trace, scalars=scalars), record.provenance)


def test_another_result_of_the_same_trial_is_told_and_the_first_stays(out, original, tmp_path, ganbench):
    _changed(out, _other_loss)
    done = ganbench("ledger", "merge", original / "out", out, "--into", tmp_path / "both")
    assert done.returncode == 2
    assert "1 trials have another result there" in done.stdout
    assert [r.sha256 for r in read_ledger(tmp_path / "both").records()] == [
        r.sha256 for r in read_ledger(original / "out").records()
    ]


def test_ledgers_that_do_not_belong_together_are_refused_and_nothing_is_written(out, original, tmp_path, ganbench):
    def merged(expected: str) -> None:
        done = ganbench("ledger", "merge", original / "out", out, "--into", tmp_path / "both")
        assert done.returncode == 2
        assert expected in done.stderr.replace("\n", " ")
        assert not (tmp_path / "both").exists()

    data = {"data": "0123456789abcdef"}
    _changed(out, lambda record: replace(record, provenance={**record.provenance, **data}))
    merged("has content")
    plan = json.loads((out / "suite.json").read_text())
    for change, expected in (
        ({"cells": plan["cells"][1:]}, "1 cells are in one of the two only, among them"),
        ({"seed": 8}, "seed is 8, expected 7"),
        ({"suite": "other"}, "suite is 'other', expected 'tiny'"),
    ):
        (out / "suite.json").write_text(json.dumps(plan | change))
        merged(expected)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_exported_table_has_a_row_for_every_trial_with_its_labels_and_measures(kind, out, tmp_path, ganbench):
    path = tmp_path / f"trials.{kind}"
    assert ganbench("ledger", "export", out, "--out", path).returncode == 0
    table = (pd.read_csv if kind == "csv" else pd.read_parquet)(path)
    assert len(table) == 6
    assert set(table["normalizer"]) == {"none", "spectral_norm"}
    records = {record.trial_id: record for record in Ledger(out).records()}
    for row in table.itertuples():
        assert row.outcome == records[row.trial].verdict.outcome
        assert row.sha256 == records[row.trial].sha256
        last = records[row.trial].trace.evaluations.get("modes", [math.nan])[-1]
        assert row.modes == last or (math.isnan(row.modes) and math.isnan(last))


def test_an_export_of_another_kind_is_refused(out, ganbench):
    done = ganbench("ledger", "export", out, "--out", "trials.xlsx")
    assert done.returncode == 2
    assert "expected a name that ends with .parquet or .csv" in done.stderr
