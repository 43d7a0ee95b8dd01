"""Syncing again, and after the ledger or the store has changed: real MLflow on SQLite."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from tracked import contents, files_of, four_trials, make_ledger, make_record, make_trace

from ganbench.harness.statistics.intervals import rate_interval
from ganbench.harness.tracking import SyncReport, default_uri, sync
from ganbench.harness.tracking.connection import connected


def test_syncing_twice_changes_nothing(root: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    before = files_of(root)
    sync(ledger)
    held = contents(default_uri(ledger))
    report = sync(ledger)
    assert report == SyncReport(default_uri(ledger), "toy v1", trials_unchanged=4, cells_unchanged=2, done=4, planned=4)
    assert contents(default_uri(ledger)) == held
    assert files_of(root) == before, "the ledger is only read, and nothing else is left in its folder"
    assert list(Path.cwd().iterdir()) == [], "nothing is left in the working directory"


def test_more_seeds_update_the_rate_and_the_interval_of_their_cell(root: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    sync(ledger)
    for seed in range(2, 12):
        ledger.commit(make_record(0, seed, unstable=True))
    report = sync(ledger)
    assert (report.trials_created, report.cells_created, report.cells_updated, report.cells_unchanged) == (10, 0, 1, 1)
    assert sync(ledger).cells_unchanged == 2
    run = contents(default_uri(ledger))["cell: ring8 · mlp · none · fast"]
    assert [(step, value) for step, _, value in run["metrics"]["instability_rate"]] == [(2, 0.5), (12, 11 / 12)]
    assert run["metrics"]["ci_low"][-1][2] == rate_interval(11, 12)[0]
    assert run["tags"]["ganbench.trials"] == "12"
    assert run["times"] == (1_700_000_000_000, 1_700_000_115_000)


def test_a_trial_that_the_ledger_holds_otherwise_replaces_its_run(root: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    sync(ledger)
    changed = make_record(0, 0, unstable=True)
    ledger.path(changed.trial_id).unlink()
    ledger.commit(changed)
    report = sync(ledger)
    assert (report.trials_created, report.trials_unchanged, report.cells_updated, report.runs_removed) == (1, 3, 1, 2)
    held = contents(default_uri(ledger))
    assert len(held) == 6
    assert held["ring8 · mlp · none · fast · seed 0"]["tags"]["ganbench.outcome"] == "unstable"
    assert [point[2] for point in held["cell: ring8 · mlp · none · fast"]["metrics"]["instability_rate"]] == [1.0]


def test_a_second_run_of_a_trial_is_removed(root: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    sync(ledger)
    held = contents(default_uri(ledger))
    with connected(default_uri(ledger)) as client:
        experiment = client.get_experiment_by_name("toy v1").experiment_id
        run = client.search_runs([experiment], filter_string="tags.`ganbench.kind` = 'trial'")[0]
        client.create_run(experiment, start_time=1, tags=run.data.tags)
    assert sync(ledger).runs_removed == 1
    assert contents(default_uri(ledger)) == held


def test_an_emptied_store_is_rebuilt_from_the_ledger(root: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    sync(ledger)
    held = contents(default_uri(ledger))
    (root / "mlflow.db").unlink()
    report = sync(ledger)
    assert (report.trials_created, report.cells_created) == (4, 2)
    assert contents(default_uri(ledger)) == held


def test_a_deleted_experiment_and_a_deleted_run_come_back(root: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    sync(ledger)
    held = contents(default_uri(ledger))
    with connected(default_uri(ledger)) as client:
        experiment = client.get_experiment_by_name("toy v1").experiment_id
        client.delete_run(client.search_runs([experiment])[0].info.run_id)
        client.delete_experiment(experiment)
    sync(ledger)
    assert contents(default_uri(ledger)) == held


def test_a_user_s_own_runs_and_settings_are_left_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    ledger = make_ledger(root, *four_trials())
    sync(ledger)
    with connected(default_uri(ledger)) as client:
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
        experiment = client.get_experiment_by_name("toy v1").experiment_id
        mine = client.create_run(experiment, run_name="mine").info.run_id
    assert sync(ledger).trials_unchanged == 4
    with connected(default_uri(ledger)) as client:
        assert client.get_run(mine).info.lifecycle_stage == "active"


def test_a_relabelled_ledger_brings_its_new_verdicts_and_no_second_run(tmp_path):
    """By definition 1 an evaluation that could not be computed is a divergence, by definition 2 it is absent."""
    trace = make_trace()
    trace.evaluations["kid[digits-cnn]"] = np.where(trace.evaluation_steps == 10, np.nan, 5.0)
    diverged = make_record(0, 0, trace=trace)
    assert diverged.verdict.modes == ("diverged",)
    ledger = make_ledger(tmp_path / "ledger", diverged)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert sync(ledger, uri).trials_created == 1
    ledger.relabel(2)
    assert sync(ledger, uri).trials_created == 1
    assert sync(ledger, uri).trials_unchanged == 1
    with connected(uri) as client:
        experiment = client.get_experiment_by_name("toy v1")
        runs = [run for run in client.search_runs([experiment.experiment_id]) if "ganbench.trial" in run.data.tags]
    assert len(runs) == 1
    assert runs[0].data.tags["ganbench.definition"] == "2"
    assert "diverged" not in runs[0].data.tags.get("ganbench.modes", "")
