"""A real `mlflow server`: what it holds, and what is left after syncs, servers and networks broke down on the way."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from tiny import ganbench_process
from tracked import contents, four_trials, make_ledger, make_record
from tracking_servers import MlflowServer, Network, mlflow_server, network

from ganbench.harness.ledger import Ledger
from ganbench.harness.tracking import AddressError, Patience, SyncReport, TrackingError, default_uri, sync, watch
from ganbench.harness.tracking.connection import connected

IMPATIENT = Patience(seconds=1.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> MlflowServer:
    """One for all tests; each uses a suite's name of its own."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "server.db").write_bytes(empty_store.read_bytes())
    with mlflow_server(f"sqlite:///{folder}/server.db", folder) as running:
        yield running


@pytest.fixture
def net(server: MlflowServer) -> Network:
    with network(server) as state:
        yield state


def undisturbed(ledger: Ledger) -> dict:
    """What a store holds after one sync to which nothing happened."""
    sync(ledger, default_uri(ledger))
    return contents(default_uri(ledger), f"{ledger.plan()['suite']} v1")


def newest(held: dict) -> dict:
    """Of every metric only its last point."""
    return {
        name: {**run, "metrics": {key: points[-1] for key, points in run["metrics"].items()}}
        for name, run in held.items()
    }


def runs_of(uri: str, experiment: str) -> int:
    """Runs of any state, but those that were deleted."""
    with connected(uri) as client:
        return len(client.search_runs([client.get_experiment_by_name(experiment).experiment_id]))


def test_a_real_server_receives_the_same_as_sqlite(root: Path, server: MlflowServer) -> None:
    ledger = make_ledger(root, *four_trials(), suite="same")
    first, second = sync(ledger, server.url), sync(ledger, server.url)
    assert (first.trials_created, first.cells_created) == (4, 2)
    assert (second.trials_created, second.trials_unchanged, second.cells_unchanged) == (0, 4, 2)
    assert contents(server.url, "same v1") == undisturbed(ledger)


@pytest.mark.long
def test_a_process_that_is_killed_between_its_requests_leaves_nothing_double(
    root: Path, tmp_path: Path, server: MlflowServer, net: Network
) -> None:
    """SIGKILL when the server has carried a request out and before the process knows."""
    ledger = make_ledger(root, make_record(0, 0, unstable=True), suite="killed")
    moments = ["experiments/create", "runs/create", "runs/log-batch", "runs/update"]
    moments += ["runs/log-batch"]  # of the cell, whose run the same process has created
    for moment in moments:
        process = ganbench_process("sync", root, "--tracking-uri", net.url, cwd=tmp_path)

        def kill(path: str, moment: str = moment, process: subprocess.Popen = process) -> None:
            if path.endswith(moment):
                net.after = lambda path: None
                os.killpg(process.pid, signal.SIGKILL)

        net.after = kill
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, moment
    assert net.writes().count("runs/create") == 2, "a run was created anew"
    report = sync(ledger, net.url)
    assert (report.trials_created, report.trials_unchanged) == (0, 1)
    assert (report.cells_created, report.runs_removed) == (1, 0), "the cell's run was completed"
    assert runs_of(net.url, "killed v1") == 2
    assert contents(server.store, "killed v1") == undisturbed(ledger)


@pytest.mark.long
def test_processes_that_are_killed_again_and_again_bring_it_all_in_the_end(
    root: Path, tmp_path: Path, server: MlflowServer, net: Network
) -> None:
    """Each process is killed after a few requests of any kind, once at each number of them."""
    ledger = make_ledger(root, *(make_record(cell, seed) for cell in (0, 1) for seed in range(6)), suite="again")
    for last in (*range(1, 16), 40):
        process = ganbench_process("sync", root, "--tracking-uri", net.url, cwd=tmp_path)
        net.asked.clear()

        def kill(path: str, last: int = last, process: subprocess.Popen = process) -> None:
            if len(net.asked) >= last:
                os.killpg(process.pid, signal.SIGKILL)

        net.after = kill
        process.communicate(timeout=60)
        assert process.returncode in (0, -signal.SIGKILL)
    assert process.returncode == 0, "they never came to an end"
    assert runs_of(server.url, "again v1") == 14
    assert contents(server.store, "again v1") == undisturbed(ledger)


def test_a_watch_goes_on_after_an_outage(root: Path, server: MlflowServer, net: Network) -> None:
    first, *coming = four_trials()
    ledger = make_ledger(root, first, suite="watched")
    said: list[str] = []

    def break_down(report: SyncReport) -> None:
        if coming:
            net.refusal = (503, "being repaired")
            for record in coming:
                ledger.commit(record)
            coming.clear()

    def mend(error: TrackingError) -> None:
        said.append(str(error))
        if len(said) == 3:
            net.refusal = None

    watch(ledger, net.url, seconds=0.05, on_round=break_down, on_outage=mend, patience=Patience(seconds=0.1))
    assert len(said) == 3 and all("503" in line for line in said)
    # A cell keeps the numbers that it had when fewer of its trials were there.
    assert newest(contents(server.store, "watched v1")) == newest(undisturbed(ledger))


@pytest.mark.long
def test_a_server_that_dies_and_comes_back_in_the_middle_is_waited_for(root: Path, server: MlflowServer) -> None:
    """SIGKILL of the server when it has carried a request out; it needs seconds to start again."""
    ledger = make_ledger(root, *four_trials(), suite="restarted")
    starts: list[threading.Thread] = []

    def restart(path: str) -> None:
        if path.endswith("runs/log-batch") and not starts:
            server.kill()
            starts.append(threading.Thread(target=server.start))
            starts[0].start()

    with network(server) as net:
        net.after = restart
        try:
            report = sync(ledger, net.url, patience=Patience(seconds=120))
        finally:
            starts[0].join()
    assert report.trials_created == 4
    assert runs_of(server.url, "restarted v1") == 6
    assert contents(server.store, "restarted v1") == undisturbed(ledger)


def test_a_server_that_breaks_in_the_middle_is_given_up_soon_and_the_next_sync_completes(
    root: Path, server: MlflowServer, net: Network
) -> None:
    ledger = make_ledger(root, *four_trials(), suite="broken")
    before = {path: path.read_bytes() for path in root.rglob("*.json")}

    def breaking(path: str) -> None:
        if net.writes().count("runs/log-batch") == 2:
            net.refusal = (500, "out of order")

    net.after = breaking
    begun = time.monotonic()
    with pytest.raises(TrackingError, match="500") as caught:
        sync(ledger, net.url, patience=IMPATIENT)
    assert time.monotonic() - begun < 10
    assert "\n" not in str(caught.value) and "`ganbench sync` brings the rest later" in str(caught.value)
    assert {path: path.read_bytes() for path in root.rglob("*.json")} == before
    net.refusal, net.after = None, lambda path: None
    report = sync(ledger, net.url)
    assert (report.trials_created, report.trials_unchanged, report.runs_removed) == (3, 1, 0)
    assert contents(server.store, "broken v1") == undisturbed(ledger)


@pytest.mark.parametrize("seed", [0, 1])
def test_errors_and_lost_answers_at_random_leave_no_second_run(
    root: Path, server: MlflowServer, net: Network, seed: int
) -> None:
    """A lost answer to `runs/create` would have MLflow's own repetition create a second run."""
    name = f"lossy{seed}"
    ledger = make_ledger(root, *four_trials(), suite=name)
    net.chance = random.Random(seed)
    net.failing, net.losing = 0.15, 0.25
    while True:  # the first request of a sync is not repeated: it finds out whether anybody is there
        try:
            report = sync(ledger, net.url, patience=Patience(seconds=30, sleep=lambda seconds: None))
            break
        except TrackingError:
            assert "runs/create" not in net.writes(), "a sync under way was given up"
    assert report.trials_created == 4 and report.runs_removed == 0
    assert len(net.asked) > 25, "nothing was repeated"
    net.failing = net.losing = 0.0
    assert runs_of(net.url, f"{name} v1") == 6
    assert sync(ledger, net.url).trials_unchanged == 4
    assert contents(server.store, f"{name} v1") == undisturbed(ledger)


def test_a_lost_answer_to_a_deletion_is_no_error(root: Path, server: MlflowServer, net: Network) -> None:
    ledger = make_ledger(root, make_record(0, 0), make_record(0, 1), suite="deleted")
    sync(ledger, net.url)
    changed = make_record(0, 0, unstable=True)
    ledger.path(changed.trial_id).unlink()
    ledger.commit(changed)

    def lose_deletions(path: str) -> None:
        net.losing = 1.0 if path.endswith("runs/delete") else 0.0

    net.after = lose_deletions
    assert sync(ledger, net.url).runs_removed == 2
    assert contents(server.store, "deleted v1") == undisturbed(ledger)


def test_a_slow_server_is_waited_for(root: Path, server: MlflowServer, net: Network) -> None:
    net.delay = 0.1
    ledger = make_ledger(root, make_record(), suite="slow")
    assert sync(ledger, net.url).trials_created == 1
    assert contents(server.store, "slow v1") == undisturbed(ledger)


def test_a_server_that_hangs_in_the_middle_is_given_up_after_one_timeout(
    root: Path, server: MlflowServer, net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    ledger = make_ledger(root, make_record(0, 0), make_record(0, 1), suite="hanging")
    net.after = lambda path: net.hanging.set() if path.endswith("runs/log-batch") else None
    begun = time.monotonic()
    with pytest.raises(TrackingError, match="timed out"):
        sync(ledger, net.url, patience=IMPATIENT)
    assert time.monotonic() - begun < 5
    net.hanging.clear()
    net.after = lambda path: None
    sync(ledger, net.url)
    assert contents(server.store, "hanging v1") == undisturbed(ledger)


def test_a_sync_of_nothing_new_writes_nothing(root: Path, net: Network) -> None:
    ledger = make_ledger(root, *four_trials(), suite="idle")
    sync(ledger, net.url)
    net.asked.clear()
    sync(ledger, net.url)
    assert net.writes() == [] and len(net.asked) == 3


def test_two_ledgers_of_one_suite_share_its_cells_and_leave_each_other_s_trials_alone(
    tmp_path: Path, server: MlflowServer
) -> None:
    one = make_ledger(tmp_path / "one", make_record(0, 0), make_record(1, 0), suite="shared")
    two = make_ledger(tmp_path / "two", make_record(0, 1, unstable=True), make_record(0, 2), suite="shared")
    all_of_it = make_ledger(tmp_path / "all", *one.records(), *two.records(), suite="shared")
    for ledger in (one, two, one, two):
        report = sync(ledger, server.url)
    assert (report.trials_created, report.cells_updated, report.runs_removed) == (0, 0, 0), "it does not come to rest"
    assert report.trials_elsewhere == 2
    assert newest(contents(server.store, "shared v1")) == newest(undisturbed(all_of_it))


def test_trials_that_were_judged_otherwise_are_not_counted_with_ours(tmp_path: Path, server: MlflowServer) -> None:
    old = make_ledger(tmp_path / "old", make_record(0, 0, unstable=True), suite="rules")
    sync(old, server.url)
    record = make_record(0, 1)
    new = make_ledger(tmp_path / "new", record, suite="rules", definition=2)
    report = sync(new, server.url)
    assert report.trials_elsewhere == 0
    tags = contents(server.url, "rules v1")["cell: ring8 · mlp · none · fast"]["tags"]
    assert tags["ganbench.trials"] == "1"


def test_passwords_reach_neither_the_terminal_nor_the_ledger_nor_mlflow(
    root: Path, tmp_path: Path, net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "alice")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct-horse")
    make_ledger(root, make_record(), suite="secret")
    address = net.url.replace("http://", "http://bob:battery-staple@")
    said = ""
    for refusal in (None, (401, "no entry for correct-horse of Basic YWxpY2U6Y29ycmVjdC1ob3JzZQ==")):
        net.refusal = refusal
        process = ganbench_process("sync", root, "--tracking-uri", address, cwd=tmp_path)
        said += "".join(process.communicate(timeout=60))
        assert process.returncode == (2 if refusal else 0), said
    assert any("Basic" in headers.get("Authorization", "") for headers in net.headers), "no password was ever sent"
    assert "no entry" in said
    net.refusal = None
    held = str(contents(net.url, "secret v1"))
    files = b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())
    for secret in ("correct-horse", "battery-staple", "YWxpY2U6Y29ycmVjdC1ob3JzZQ"):
        assert secret not in said and secret not in held and secret.encode() not in files


def test_a_refused_password_is_not_tried_for_ever(root: Path, net: Network) -> None:
    net.refusal = (401, "who are you")
    ledger = make_ledger(root, make_record(), suite="refused")
    with pytest.raises(AddressError, match="who are you"):
        sync(ledger, net.url)
    assert len(net.asked) == 1


def test_a_suite_s_name_may_be_in_any_script(root: Path, server: MlflowServer) -> None:
    ledger = make_ledger(root, make_record(), suite="größe · 大小")
    sync(ledger, server.url)
    assert contents(server.url, "größe · 大小 v1") == undisturbed(ledger)
