"""A sweep that is asked to stop leaves checkpoints, and goes on to what it would have been."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import pytest
from tiny import end_session, ganbench_process, write_rings

from ganbench import read_ledger, run
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.running import running
from ganbench.harness.storage import open_storage
from ganbench.harness.worker.interruption import ask_to_stop, go_on, interruption, is_asked_to_stop


def contents(folder: Path) -> dict[str, str]:
    return {record.trial_id: record.sha256 for record in read_ledger(folder).records()}


@pytest.fixture(scope="module")
def suite(tmp_path_factory) -> Path:
    """Four trials of a second or more."""
    return write_rings(tmp_path_factory.mktemp("suite") / "tiny.yaml", seeds=2, steps=1500)


@pytest.fixture(scope="module")
def undisturbed(suite, tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("undisturbed")
    run(suite, folder, address="inline")
    return contents(folder)


@pytest.mark.parametrize("address", [pytest.param("inline", marks=pytest.mark.long), "local"])
def test_a_stopped_sweep_goes_on_from_its_checkpoints_to_the_same_ledger(
    address, suite, undisturbed, tmp_path, ganbench
):
    out = tmp_path / "out"
    process = ganbench_process(
        "run", suite, "--results", out, "--address", address, "--tracking-uri", "off", cwd=tmp_path
    )
    _until_something_is_committed(out, process)
    assert ganbench("stop", out).returncode == 0
    told, errors = process.communicate(timeout=90)
    end_session(process.pid)
    assert process.returncode == 3, told + errors
    left = list((out / "checkpoints").glob("*/*.ckpt"))  # none, where the request was seen between two trials
    assert len(read_ledger(out).committed()) < 4
    again = ganbench("run", suite, "--results", out, "--address", "inline", "--tracking-uri", "off")
    assert again.returncode == 0, again.stdout + again.stderr
    assert contents(out) == undisturbed
    resumed = {path.parent.name for path in left}
    assert {record.trial_id for record in read_ledger(out).records() if record.provenance["resumed_from"]} == resumed
    assert not list((out / "checkpoints").glob("*"))


@pytest.mark.long
def test_sigterm_ends_a_sweep_as_a_stop_does(suite, undisturbed, tmp_path, ganbench):
    out = tmp_path / "out"
    process = ganbench_process(
        "run", suite, "--results", out, "--address", "inline", "--tracking-uri", "off", cwd=tmp_path
    )
    _until_something_is_committed(out, process)
    _until_another_trains(out, process)
    process.send_signal(signal.SIGTERM)
    told, errors = process.communicate(timeout=60)
    assert process.returncode == 3, told + errors
    assert list((out / "checkpoints").glob("*/*.ckpt"))
    assert ganbench("run", suite, "--results", out, "--address", "inline", "--tracking-uri", "off").returncode == 0
    assert contents(out) == undisturbed


@pytest.mark.long
def test_a_worker_that_its_machine_takes_away_leaves_a_checkpoint_and_another_goes_on(suite, undisturbed, tmp_path):
    """SIGTERM to a Ray worker in the middle of a trial: what a preempted node sends before it goes."""
    out = tmp_path / "out"
    process = ganbench_process(
        "run", suite, "--results", out, "--address", "local", "--tracking-uri", "off", cwd=tmp_path
    )
    deadline = time.monotonic() + 90
    pid = None
    while pid is None and time.monotonic() < deadline:
        for path in (out / "running").glob("*.json"):
            with contextlib.suppress(OSError, ValueError):
                pid, taken = json.loads(path.read_text())["pid"], path.stem
        time.sleep(0.02)
    time.sleep(0.5)  # into its steps
    os.kill(pid, signal.SIGTERM)
    told, errors = process.communicate(timeout=120)
    end_session(process.pid)
    assert process.returncode == 0, told + errors
    assert contents(out) == undisturbed
    record = read_ledger(out).read(taken)
    if record.provenance["attempt"] == 2:  # unless it was committed in that half second
        assert "machine taken away: stopped at step" in told
        assert record.provenance["resumed_from"] > 0


def _until_something_is_committed(out: Path, process) -> None:
    deadline = time.monotonic() + 90
    while not Ledger(out).committed() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()


def _until_another_trains(out: Path, process) -> None:
    """A stop between two trials leaves no checkpoint: there is nothing to keep."""
    deadline = time.monotonic() + 90
    while {one.trial_id for one in running(out)} <= Ledger(out).committed() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()


def test_a_request_to_stop_is_noticed_within_a_second_and_not_looked_for_at_every_step(tmp_path):
    now = 0.0
    with interruption(tmp_path, clock=lambda: now) as asked:
        assert not asked()
        ask_to_stop(tmp_path)
        assert not asked()
        now = open_storage(tmp_path).look_seconds
        assert asked()
        go_on(tmp_path)
        now = 10.0
        assert asked(), "once asked, a training stops"
    assert not is_asked_to_stop(tmp_path)


def test_the_handler_of_sigterm_is_put_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with interruption(tmp_path) as asked:
        signal.raise_signal(signal.SIGTERM)
        assert asked()
    assert signal.getsignal(signal.SIGTERM) is before


def test_checkpoints_of_committed_trials_are_dropped_and_no_others(tmp_path):
    ledger = Ledger(tmp_path)
    committed, open_ = "a" * 20, "b" * 20
    ledger.path(committed).parent.mkdir(parents=True)
    ledger.path(committed).touch()
    for trial in (committed, open_):
        ledger.checkpoints(trial).write("000000001.ckpt", b"")
    (tmp_path / "checkpoints" / "somebody's").mkdir()
    ledger.drop_checkpoints()
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [open_, "somebody's"]
