"""`ganbench sync --watch`: MLflow is up to date while a sweep runs, and the sweep does not notice."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from tiny import ganbench_process
from tracked import contents, files_of, four_trials, make_ledger, make_plan, make_record

from ganbench.harness.tracking import AddressError, BusyError, SyncReport, TrackingError, default_uri, sync, watch
from ganbench.harness.tracking.connection import connected, one_writer
from ganbench.harness.tracking.feed import Feed

SOON = 0.05


def eventually(true: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def test_every_commit_of_a_sweep_arrives_and_the_last_one_ends_it(root: Path) -> None:
    coming = four_trials()
    ledger = make_ledger(root)
    rounds: list[SyncReport] = []

    def commit_next(report: SyncReport) -> None:
        rounds.append(report)
        if coming:
            ledger.commit(coming.pop(0))

    watch(ledger, seconds=SOON, on_round=commit_next)
    assert [(report.trials_created, report.done) for report in rounds] == [(0, 0), (1, 1), (1, 2), (1, 3), (1, 4)]
    held = contents(default_uri(ledger))
    cell = held["cell: ring8 · mlp · none · fast"]
    assert [(step, value) for step, _, value in cell["metrics"]["instability_rate"]] == [(1, 0.0), (2, 0.5)]
    assert sync(ledger).trials_unchanged == 4
    assert contents(default_uri(ledger)) == held, "another sync finds nothing to do"


def test_more_seeds_and_other_verdicts_are_noticed(root: Path) -> None:
    ledger = make_ledger(root, *four_trials()[:3])
    changes = [
        lambda: ledger.relabel(2),
        lambda: ledger.commit(make_record(1, 1)),
        lambda: None,
    ]
    rounds: list[SyncReport] = []

    def change(report: SyncReport) -> None:
        rounds.append(report)
        if len(rounds) == 2:
            ledger.write_plan(make_plan(seeds=3))
        changes.pop(0)()
        if not changes:
            for cell in (0, 1):
                ledger.commit(make_record(cell, 2))
            changes.append(lambda: None)

    watch(ledger, seconds=SOON, on_round=change)
    assert rounds[-1].done == rounds[-1].planned == 6
    tags = [run["tags"] for name, run in contents(default_uri(ledger)).items() if "seed" in name]
    assert len(tags) == 6 and {each["ganbench.definition"] for each in tags} == {"2"}


def test_nothing_is_asked_while_nothing_is_new(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    ledger = make_ledger(root, *four_trials()[:3])
    looks, asked, rounds = [], [], []
    look, search = Feed.look, MlflowClient.search_runs
    monkeypatch.setattr(Feed, "look", lambda self: (looks.append(1), look(self))[1])
    monkeypatch.setattr(
        MlflowClient, "search_runs", lambda self, *a, **k: (asked.append((a, k)), search(self, *a, **k))[1]
    )
    watching = threading.Thread(target=watch, args=(ledger,), kwargs={"seconds": SOON, "on_round": rounds.append})
    watching.start()
    eventually(lambda: rounds)
    first, asked_then = len(looks), len(asked)
    eventually(lambda: len(looks) >= first + 5)
    assert len(asked) == asked_then and len(rounds) == 1
    asked.clear()
    ledger.commit(four_trials()[3])
    watching.join(timeout=30)
    assert not watching.is_alive()
    assert len(asked) == 1 and "ganbench.cell" in str(asked), "only the runs of the new trial's cell were looked up"


def test_a_ledger_that_another_sync_holds_is_tried_again(root: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    said: list[TrackingError] = []
    with ExitStack() as other:
        other.enter_context(one_writer(root))

        def let_go(error: TrackingError) -> None:
            said.append(error)
            if len(said) == 2:
                other.close()

        watch(ledger, seconds=SOON, on_outage=let_go)
    assert [type(error) for error in said] == [BusyError, BusyError]
    assert sync(ledger).trials_unchanged == 4


@pytest.mark.parametrize("uri", ["localhost:5000", "postgresql+nodriver://127.0.0.1/mlflow"])
def test_what_waiting_does_not_mend_is_not_waited_for(root: Path, uri: str) -> None:
    with pytest.raises(AddressError):
        watch(make_ledger(root, *four_trials()[:1]), uri, seconds=SOON)


def test_the_command_watches_until_it_is_interrupted_or_all_is_there(root: Path, tmp_path: Path) -> None:
    ledger = make_ledger(root, *four_trials()[:3])
    arguments = ("sync", root, "--watch", "--every", "1")
    watching = ganbench_process(*arguments, cwd=tmp_path)
    assert "3 trials added, 3 of 4 are at sqlite" in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    out, err = watching.communicate(timeout=30)
    assert watching.returncode == 3 and "later: ganbench sync" in out and "Traceback" not in err
    before = files_of(root)
    watching = ganbench_process(*arguments, cwd=tmp_path)
    assert "0 trials added, 3 of 4" in watching.stdout.readline()
    assert files_of(root) == before, "watching leaves nothing in the ledger"
    ledger.commit(four_trials()[3])
    out, err = watching.communicate(timeout=30)
    assert (watching.returncode, err) == (0, "") and "1 trials added, 4 of 4" in out
    with connected(default_uri(ledger)) as client:
        assert len(client.search_runs([client.get_experiment_by_name("toy v1").experiment_id])) == 6
