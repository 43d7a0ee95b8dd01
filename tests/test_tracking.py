"""MLflow as a projection of the ledger: real MLflow on SQLite, and once a real server."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import GanbenchError
from harness.intervals import rate_interval
from harness.ledger import Ledger, Record
from harness.stability import Finding, Verdict, method_error
from harness.stability.definition import Definition, load_definition
from harness.trace import LayerTrace, Trace
from harness.tracking import SyncReport, TrackingError, default_uri, sync
from harness.tracking.connection import connected, one_writer
from harness.tracking.projection import clean_names, project_trial

STARTED = 1_700_000_000.0
CELLS = ("a" * 20, "b" * 20)


# --- small ledgers ----------------------------------------------------------------------------------------------------


def cell_spec(normalizer: str) -> dict:
    return {
        "identity_version": 1,
        "dataset": {"name": "ring8", "version": "1", "std": 0.05},
        "normalizer": {"name": normalizer, "version": "1", "scale": 1.2},
        "metric": {"name": "fidelity", "extractor": "digits-cnn", "layers": [1, 2]},
        "lr_d": 1e-3,
        "steps": 100,
    }


def make_plan(**changes: object) -> dict:
    cells = [
        {
            "id": cell_id,
            "dataset": "ring8",
            "architecture": "mlp",
            "normalizer": normalizer,
            "setting": "fast",
            "spec": cell_spec(normalizer),
        }
        for cell_id, normalizer in zip(CELLS, ("none", "bssn"), strict=True)
    ]
    return {
        "suite": "toy",
        "version": 1,
        "hash": "0" * 20,
        "seed": 7,
        "seeds": 2,
        "definition": 1,
        "cells": cells,
        **changes,
    }


def make_trace(points: int = 100, evaluations: int = 30) -> Trace:
    steps = np.arange(1.0, points + 1)
    evaluation_steps = np.linspace(0, points, evaluations + 1).round()
    return Trace(
        budget=points,
        stopped=points,
        steps=steps,
        scalars={"d_loss": steps * 0.5, "d_grad_norm": steps * 0.1, "g_grad_norm": steps * 0.2},
        probe_steps=steps,
        layers={"hidden0": LayerTrace((4, 4), steps * 0.01, steps * 0.02)},
        evaluation_steps=evaluation_steps,
        # The untrained generator has the best value of all.
        evaluations={"fid[digits-cnn]": 1.0 + (evaluation_steps - 50) ** 2 * (evaluation_steps > 0)},
        better={"fid[digits-cnn]": "lower"},
    )


def make_record(cell: int = 0, seed: int = 0, *, unstable: bool = False, trace: Trace | None = None) -> Record:
    findings = (Finding("mode_collapse", 40, 0.1, 0.5, "collapsed"),) if unstable else ()
    return Record(
        trial_id=f"{cell:010x}{seed:010x}",
        cell_id=CELLS[cell],
        spec={"cell": cell_spec(("none", "bssn")[cell]), "suite_seed": 7, "seed": seed},
        verdict=Verdict("unstable" if unstable else "stable", 1, findings),
        trace_json=(trace or make_trace()).to_json(),
        provenance={"started": STARTED + 10 * seed, "seconds": 5.0},
    )


def make_ledger(root: Path, *records: Record, **plan: object) -> Ledger:
    ledger = Ledger(root)
    ledger.write_plan(make_plan(**plan))
    for record in records:
        ledger.commit(record)
    return ledger


def four_trials() -> list[Record]:
    return [make_record(0, 0), make_record(0, 1, unstable=True), make_record(1, 0), make_record(1, 1)]


# --- what a store holds -----------------------------------------------------------------------------------------------


def contents(uri: str) -> dict[str, dict]:
    """Everything that a store holds of the toy suite, except the identities that MLflow draws; a name occurs once."""
    with connected(uri) as client:
        experiment = client.get_experiment_by_name("toy v1")
        found = {}
        for run in client.search_runs([experiment.experiment_id]):
            assert run.info.run_name not in found, f"two runs named {run.info.run_name}"
            found[run.info.run_name] = {
                "status": run.info.status,
                "times": (run.info.start_time, run.info.end_time),
                "tags": dict(run.data.tags),
                "params": dict(run.data.params),
                "metrics": {
                    key: sorted((m.step, m.timestamp, m.value) for m in client.get_metric_history(run.info.run_id, key))
                    for key in run.data.metrics
                },
            }
        return found


def files_of(root: Path) -> dict[str, bytes]:
    """The ledger's own files."""
    files = [path for path in root.rglob("*") if path.is_file() and not path.name.startswith("mlflow.db")]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that MLflow has set up, which takes it two seconds: once for all tests."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    with connected(f"sqlite:///{path}"):
        pass
    return path


@pytest.fixture
def root(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a ledger, with an empty store at the default place."""
    folder = tmp_path / "results"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    elsewhere = tmp_path / "cwd"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return folder


# --- claims -----------------------------------------------------------------------------------------------------------


def test_every_trial_and_every_cell_has_one_run_with_what_the_ledger_says(root: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    seen: list[tuple[int, int]] = []
    report = sync(ledger, on_progress=lambda done, total: seen.append((done, total)))
    assert report == SyncReport(default_uri(ledger), "toy v1", trials_created=4, cells_created=2)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]

    held = contents(default_uri(ledger))
    assert len(held) == 6
    run = held["ring8 · mlp · none · fast · seed 1"]
    assert run["status"] == "FINISHED", "an unstable trial is a valid result"
    assert run["times"] == (1_700_000_010_000, 1_700_000_015_000)
    tags = {key.removeprefix("ganbench."): value for key, value in run["tags"].items() if key.startswith("ganbench.")}
    expected = {"kind": "trial", "cell": CELLS[0], "suite": "toy", "seed": "1", "outcome": "unstable"}
    assert expected.items() <= tags.items()
    assert (tags["modes"], tags["sha256"]) == ("mode_collapse", make_record(0, 1, unstable=True).sha256)
    assert run["params"]["normalizer"] == "none" and run["params"]["normalizer.scale"] == "1.2"
    assert run["params"]["metric.layers"] == "[1,2]" and run["params"]["seed"] == "1"
    assert run["metrics"]["unstable"][0][2] == 1.0 and run["metrics"]["failed_at"][0][2] == 40.0
    times = [time for points in run["metrics"].values() for _, time, _ in points]
    assert min(times) >= 1_700_000_010_000 and max(times) <= 1_700_000_015_000, "times are the training's"

    cell = held["cell: ring8 · mlp · none · fast"]
    low, high = rate_interval(1, 2)
    assert {key: [(step, value) for step, _, value in points] for key, points in cell["metrics"].items()} == {
        "trials": [(2, 2.0)],
        "unstable": [(2, 1.0)],
        "instability_rate": [(2, 0.5)],
        "ci_low": [(2, low)],
        "ci_high": [(2, high)],
    }


def test_syncing_twice_changes_nothing(root: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    before = files_of(root)
    sync(ledger)
    held = contents(default_uri(ledger))
    report = sync(ledger)
    assert report == SyncReport(default_uri(ledger), "toy v1", trials_unchanged=4, cells_unchanged=2)
    assert contents(default_uri(ledger)) == held
    assert files_of(root) == before, "the ledger is only read, and nothing else is left in its folder"
    assert list(Path.cwd().iterdir()) == [], "nothing is left in the working directory"


@pytest.mark.parametrize("step", ["log_batch", "set_terminated"])
@pytest.mark.parametrize("call", [3, 5], ids=["in a trial", "in a cell"])
def test_a_sync_killed_half_way_is_completed_without_a_second_run(
    root: Path, tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch, step: str, call: int
) -> None:
    from mlflow import MlflowClient

    calls = iter(range(1, 1000))
    whole = getattr(MlflowClient, step)

    def dying(*arguments: object, **options: object) -> object:
        if next(calls) == call:
            raise SystemExit("killed")
        return whole(*arguments, **options)

    ledger = make_ledger(root, *four_trials())
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, step, dying)
        with pytest.raises(SystemExit):
            sync(ledger)
    report = sync(ledger)
    done = min(call, 5) - 1
    assert report.trials_created == 4 - done and report.trials_unchanged == done
    assert report.runs_removed == 0

    shutil.copy(empty_store, tmp_path / "undisturbed.db")
    undisturbed = f"sqlite:///{tmp_path / 'undisturbed.db'}"
    sync(ledger, undisturbed)
    assert contents(default_uri(ledger)) == contents(undisturbed)


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


def test_values_that_are_not_finite_are_never_sent(root: Path) -> None:
    trace = make_trace()
    for column, first in ((trace.scalars["d_grad_norm"], 63), (trace.evaluations["fid[digits-cnn]"], 25)):
        column[first:] = np.resize([math.nan, math.inf, -math.inf], len(column) - first)
    all_lost = replace(make_trace(), evaluations={"fid[digits-cnn]": np.full(31, math.nan)})
    ledger = make_ledger(root, make_record(trace=trace), make_record(1, trace=all_lost))
    sync(ledger)
    held = contents(default_uri(ledger))
    values = [point[2] for run in held.values() for points in run["metrics"].values() for point in points]
    assert values and max(map(abs, values)) < 1e6, "MLflow stores infinity as 1.8e308"
    assert not any(map(math.isnan, values))
    run = held["ring8 · mlp · none · fast · seed 0"]
    assert run["tags"]["ganbench.first_nonfinite_step"] == "64"
    assert "last/fid.digits-cnn" not in run["metrics"] and "best/fid.digits-cnn" in run["metrics"]
    lost = held["ring8 · mlp · bssn · fast · seed 0"]
    assert lost["tags"]["ganbench.first_nonfinite_step"] == "0"
    assert not [key for key in lost["metrics"] if "fid" in key]


def test_a_method_error_is_a_finished_run_with_its_message(root: Path, definition: Definition) -> None:
    broken = replace(make_record(), verdict=method_error("out of\0 reach " * 100, definition), trace_json=None)
    ledger = make_ledger(root, broken)
    sync(ledger)
    run = contents(default_uri(ledger))["ring8 · mlp · none · fast · seed 0"]
    assert (run["status"], run["tags"]["ganbench.outcome"]) == ("FINISHED", "method_error")
    assert (
        run["tags"]["ganbench.message"].startswith("out of reach out") and "\0" not in run["tags"]["ganbench.message"]
    )
    assert len(run["tags"]["ganbench.message"]) == 500
    assert run["metrics"] == {"unstable": [(0, 1_700_000_005_000, 1.0)]}


def test_curves_are_bounded_and_an_untrained_generator_is_nobody_s_best() -> None:
    plan = make_plan()
    points = project_trial(make_record(trace=make_trace(points=1000, evaluations=200)), plan, plan["cells"][0]).points
    by_key: dict[str, list] = {}
    for point in points:
        by_key.setdefault(point.key, []).append(point)
    assert {key: len(found) for key, found in by_key.items()} == {
        "unstable": 1,
        "last/fid.digits-cnn": 1,
        "best/fid.digits-cnn": 1,
        "curve/fid.digits-cnn": 25,
        "train/d_grad_norm": 25,
        "train/g_grad_norm": 25,
    }
    assert by_key["curve/fid.digits-cnn"][-1].step == 1000
    assert (by_key["best/fid.digits-cnn"][0].step, by_key["best/fid.digits-cnn"][0].value) == (50, 1.0)
    assert (by_key["last/fid.digits-cnn"][0].step, by_key["last/fid.digits-cnn"][0].value) == (1000, 1 + 950**2)


def test_names_of_plugins_become_names_that_mlflow_accepts_and_stay_apart() -> None:
    from mlflow.utils.validation import _validate_metric_name

    keys = ["fid[digits-cnn]", "fid.digits-cnn", "../..", "", "a=b/c;<script>", "größe", "x" * 1000, "x" * 1001]
    names = clean_names(keys)
    assert names["fid[digits-cnn]"] == "fid.digits-cnn"
    assert len(set(names.values())) == len(keys)
    for name in names.values():
        _validate_metric_name(name)
        assert len(f"curve/{name}") <= 250


def test_trials_outside_the_plan_are_counted_and_not_sent(root: Path) -> None:
    elsewhere = replace(make_record(0, 5), cell_id="c" * 20)
    other = make_record(0, 6)
    other = replace(other, spec={**other.spec, "suite_seed": 8})
    ledger = make_ledger(root, make_record(), elsewhere, other)
    report = sync(ledger)
    assert (report.trials_created, report.trials_outside) == (1, 2)
    assert contents(default_uri(ledger))["cell: ring8 · mlp · none · fast"]["metrics"]["trials"][0][2] == 1.0


@pytest.mark.parametrize("kind", ["refused", "silent", "no scheme", "no folder", "no database"])
def test_an_unreachable_server_gives_one_sentence_soon_and_does_not_touch_the_ledger(
    tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    ledger = make_ledger(tmp_path / "results", *four_trials())
    before, variables = files_of(ledger.root), dict(os.environ)
    (tmp_path / "text.db").write_text("this is no database " * 100)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        uri = {
            "refused": "http://someone:secret@127.0.0.1:1",
            "silent": f"http://someone:secret@127.0.0.1:{silent.getsockname()[1]}",
            "no scheme": "localhost:5000",
            "no folder": f"sqlite:///{tmp_path}/absent/mlflow.db",
            "no database": f"sqlite:///{tmp_path}/text.db",
        }[kind]
        start = time.monotonic()
        with pytest.raises(TrackingError) as caught:
            sync(ledger, uri)
    assert time.monotonic() - start < 10
    message = str(caught.value)
    assert isinstance(caught.value, GanbenchError)
    assert uri.replace("someone:secret", "…") in message
    assert "\n" not in message and "secret" not in message
    assert files_of(ledger.root) == before and not (ledger.root / "mlflow.db").exists()
    assert dict(os.environ) == variables
    assert capfd.readouterr() == ("", "")


def test_a_second_sync_of_the_same_ledger_is_kept_out(root: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    with one_writer(ledger.root), pytest.raises(TrackingError, match="another sync"):
        sync(ledger)
    assert sync(ledger).trials_created == 4


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


def test_a_real_server_receives_the_same_as_sqlite(root: Path, tmp_path: Path, empty_store: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    sync(ledger)
    shutil.copy(empty_store, tmp_path / "server.db")
    with server(tmp_path) as uri:
        first, second = sync(ledger, uri), sync(ledger, uri)
        held = contents(uri)
    assert (first.trials_created, first.cells_created) == (4, 2)
    assert (second.trials_unchanged, second.cells_unchanged) == (4, 2)
    assert held == contents(default_uri(ledger))


def test_a_sync_prints_nothing_and_leaves_its_process_as_it_was(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path / "results", make_record())
    code = """
import logging, os, sys
before = dict(os.environ)
from harness.ledger import Ledger
from harness.tracking import sync
assert sync(Ledger(sys.argv[1])).trials_created == 1
assert dict(os.environ) == before, "environment"
assert logging.getLogger("mlflow").level < logging.ERROR, "MLflow may speak again"
"""
    # In a process of its own, on a store that MLflow has yet to set up, which it would tell all about.
    variables = {key: value for key, value in os.environ.items() if "MLFLOW" not in key}
    variables["PYTHONPATH"] = str(Path(__file__).parent.parent)
    command = [sys.executable, "-c", code, str(ledger.root)]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]
    assert sorted(path.name for path in ledger.root.iterdir()) == ["mlflow.db", "suite.json", "trials"]


def test_importing_the_module_does_not_import_mlflow() -> None:
    code = "import harness.tracking, sys; sys.exit('mlflow' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent).returncode == 0


# --- a server ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def definition() -> Definition:
    return load_definition(1)


@contextlib.contextmanager
def server(folder: Path):
    """A real server over ``folder/server.db`` on the loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/server.db",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    variables = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, env=os.environ | variables, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 60
        while not answers(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None and time.monotonic() < deadline, (folder / "server.log").read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as reply:
        return reply.status == 200
    return False


def test_a_relabelled_ledger_brings_its_new_verdicts_and_no_second_run(tmp_path):
    """By definition 1 an evaluation that could not be computed is a divergence, by definition 2 it is absent."""
    trace = make_trace()
    trace.evaluations["fid[digits-cnn]"] = np.where(trace.evaluation_steps == 10, np.nan, 5.0)
    diverged = replace(
        make_record(0, 0, trace=trace),
        verdict=Verdict("unstable", 1, (Finding("diverged", 10, float("nan"), float("nan"), "fid is not finite"),)),
    )
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
