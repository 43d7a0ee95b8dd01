"""Killed syncs, and servers that are away, slow, broken or lose their answers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny import ganbench_process
from tracked import contents, files_of, four_trials, make_ledger, make_record

from ganbench.harness.commands.common import terminal
from ganbench.harness.errors import GanbenchError
from ganbench.harness.tracking import TrackingError, default_uri, sync
from ganbench.harness.tracking.connection import one_writer
from ganbench.harness.tracking.secrets import public


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


def test_a_sync_prints_nothing_and_leaves_its_process_as_it_was(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path / "results", make_record())
    code = """
import logging, os, sys
before = dict(os.environ)
from ganbench.harness.ledger import Ledger
from ganbench.harness.tracking import sync
assert sync(Ledger(sys.argv[1])).trials_created == 1
assert dict(os.environ) == before, "environment"
assert logging.getLogger("mlflow").level < logging.ERROR, "MLflow may speak again"
"""
    # In a process of its own, on a store that MLflow has yet to set up, which it would tell all about.
    variables = {key: value for key, value in os.environ.items() if "MLFLOW" not in key}
    variables["PYTHONPATH"] = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", code, str(ledger.root)]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]
    assert sorted(path.name for path in ledger.root.iterdir()) == ["mlflow.db", "suite.json", "trials"]


def test_importing_the_module_does_not_import_mlflow() -> None:
    code = "import ganbench.harness.tracking, sys; sys.exit('mlflow' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_two_syncs_into_one_store_that_is_not_there_yet_both_succeed(tmp_path: Path) -> None:
    """MLflow's own first start crashes all but one: each adds the same column to the same table."""
    store = tmp_path / "team.db"
    ledgers = [make_ledger(tmp_path / f"results{number}", record) for number, record in enumerate(four_trials()[::2])]
    processes = [
        ganbench_process("sync", ledger.root, "--tracking-uri", f"sqlite:///{store}", cwd=tmp_path)
        for ledger in ledgers
    ]
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert {path.name for path in tmp_path.iterdir()} == {"team.db", *(ledger.root.name for ledger in ledgers)}
    for ledger in ledgers * 2:
        report = sync(ledger, f"sqlite:///{store}")
    assert (report.trials_unchanged, report.cells_unchanged, report.trials_elsewhere) == (1, 1, 1)
    assert len(contents(f"sqlite:///{store}")) == 4


def test_a_process_that_is_killed_while_it_sets_a_store_up_leaves_no_half_of_one(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path / "results", make_record())
    process = ganbench_process("sync", ledger.root, cwd=tmp_path)
    while not any(path.stat().st_size for path in ledger.root.glob(".mlflow.db.*")):
        assert process.poll() is None, "it was over too soon"
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    left = list(ledger.root.glob(".mlflow.db.*"))
    assert left and not (ledger.root / "mlflow.db").exists()
    for path in left:
        os.utime(path, (0, 0))  # it was long ago
    assert sync(ledger).trials_created == 1
    assert sorted(path.name for path in ledger.root.iterdir()) == ["mlflow.db", "suite.json", "trials"]


def test_the_option_comes_before_the_variable_and_the_variable_before_the_ledger_s_own_store(
    root: Path, tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = make_ledger(root, make_record())
    stores = {name: f"sqlite:///{shutil.copy(empty_store, tmp_path / f'{name}.db')}" for name in ("option", "variable")}
    assert default_uri(ledger) == f"sqlite:///{root / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stores["variable"])
    assert sync(ledger, stores["option"]).uri == stores["option"]
    assert sync(ledger).uri == stores["variable"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert sync(ledger).uri == f"sqlite:///{root / 'mlflow.db'}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://bob:secret@host:5000/x", "http://…@host:5000/x"),
        ("postgresql://bob:sec@ret@host/db", "postgresql://…@host/db"),
        (
            "postgresql://host/db?user=bob&password=secret&sslmode=require",
            "postgresql://host/db?user=bob&password=…&sslmode=require",
        ),
        ("the token hush-hush was refused", "the token … was refused"),
    ],
)
def test_a_secret_is_shown_nowhere(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "hush-hush")
    assert public(text) == shown


def test_whatever_mlflow_raises_a_sweep_has_its_results(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ganbench.harness.commands.sweeps import _sync
    from ganbench.harness.tracking import feed

    def broken(*arguments: object) -> object:
        raise KeyError("of another version of MLflow")

    ledger = make_ledger(root, make_record())
    monkeypatch.setattr(feed, "experiment_of", broken)
    _sync(ledger, None, terminal(), must=False)
    assert "MLflow was not reached: KeyError: 'of another version of MLflow'" in capsys.readouterr().out
    with pytest.raises(KeyError):
        _sync(ledger, None, terminal(), must=True)
