"""The cluster file, and what the scheduler does with a cluster's answers."""

from __future__ import annotations

import itertools
import os
import pickle
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from cells import a_cell
from tiny import end_session, write_tiny

from ganbench import read_ledger
from ganbench.harness.cells.cell import Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.cluster.connection import HeadWatch
from ganbench.harness.cluster.environment import QUIET
from ganbench.harness.cluster.executor import KINDS, RayCluster, _failed
from ganbench.harness.errors import ClusterError, InputError, Interrupted, LedgerError
from ganbench.harness.scheduling.drive import Round, drive
from ganbench.harness.scheduling.endings import (
    FAULT,
    MEMORY,
    NODE,
    PREEMPTED,
    RESULTS,
    STOPPED,
    UNFIT,
    WORKER,
    Done,
    Ending,
    Failed,
    Retried,
)
from ganbench.harness.scheduling.schedule import Node, Submission
from ganbench.harness.scheduling.task import Task
from ganbench.harness.training.lanes import Turns
from ganbench.harness.worker.attempt import attempt, attempt_all

ROOT = Path(__file__).parents[2]


@pytest.fixture
def running_cluster() -> Iterator[tuple[str, dict[str, str]]]:
    """A Ray head as an operator starts it, with a token; its address, and the environment that may speak to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # listen on loopback only
        **QUIET,
    }
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # Ray's sockets need a short path
    port = address.rpartition(":")[2]
    command = [Path(sys.executable).with_name("ray"), "start", "--head", "--block", "--num-cpus=2", f"--port={port}"]
    head = subprocess.Popen(
        [*command, "--include-dashboard=false", "--node-ip-address=127.0.0.1", f"--temp-dir={folder}"],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    yield address, environment
    os.killpg(head.pid, signal.SIGTERM)
    head.wait(timeout=60)
    end_session(head.pid)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.long
def test_a_running_cluster_runs_a_sweep_and_is_left_running(running_cluster, tiny, tmp_path, ganbench, monkeypatch):
    address, environment = running_cluster
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    deadline = time.monotonic() + 60
    options = ("run", tiny, "--address", address, "--tracking-uri", "off", "--seeds", "1")
    while (done := ganbench(*options, "--results", "one")).returncode == 2 and time.monotonic() < deadline:
        assert "no Ray cluster answers" in done.stderr  # it is still starting
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(read_ledger(tmp_path / "one").committed()) == 6
    again = ganbench(*options, "--results", "two", "--limit", "1")
    assert again.returncode == 3, again.stdout + again.stderr
    (second,) = read_ledger(tmp_path / "two").records()
    assert second.sha256 == read_ledger(tmp_path / "one").read(second.trial_id).sha256


@pytest.mark.long
def test_with_one_job_one_trial_trains_at_a_time(tmp_path, ganbench):
    suite = write_tiny(tmp_path / "tiny.yaml", seeds=1, steps=300)
    done = ganbench("run", suite, "--jobs", "1", "--results", "out", "--tracking-uri", "off")
    assert done.returncode == 0, done.stdout + done.stderr
    found = [record.provenance for record in read_ledger(tmp_path / "out").records()]
    times = sorted((made["started"], made["started"] + made["seconds"]) for made in found)
    assert len(times) == 6
    assert all(end <= begin + 0.01 for (_, end), (begin, _) in itertools.pairwise(times))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (lambda errors: errors.NodeDiedError("node died"), NODE),
        (lambda errors: errors.WorkerCrashedError(), WORKER),
        (lambda errors: errors.OutOfMemoryError("the machine is full"), MEMORY),
        (lambda errors: errors.LocalRayletDiedError(), NODE),
        (lambda errors: errors.RuntimeEnvSetupError("no such package"), UNFIT),
        (lambda errors: errors.ObjectReconstructionFailedError("00" * 28), NODE),
        (lambda errors: errors.RaySystemError("something else"), WORKER),
        (lambda errors: errors.RayTaskError("execute", "Traceback ...", RuntimeError("a bug")), FAULT),
    ],
)
def test_what_ray_says_of_a_task_is_told_apart(error, kind):
    import ray.exceptions

    found = _failed(error(ray.exceptions))
    assert found.kind is kind
    assert "\n" not in found.reason


def test_every_exception_of_rays_that_we_name_exists_there():
    import ray.exceptions

    assert [name for name in KINDS if not hasattr(ray.exceptions, name)] == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (LedgerError("no space left on device"), RESULTS),
        (OSError(28, "No space left on device"), UNFIT),
        (InputError("data set 'x' is not here"), UNFIT),
        (MemoryError(), MEMORY),
        (Interrupted("stopped at step 5"), PREEMPTED),
        (RuntimeError("a bug"), FAULT),
    ],
)
def test_what_is_raised_in_a_worker_is_told_apart(error, kind, monkeypatch, tmp_path):
    def broken(task: Task, *rest: object) -> None:
        raise error

    monkeypatch.setattr("ganbench.harness.worker.attempt._train", broken)
    one = Task("a" * 20, {}, "", (), 1, str(tmp_path))
    assert attempt(one).kind is kind
    (tmp_path / "stop").touch()
    assert attempt(one).kind is (STOPPED if kind is PREEMPTED else kind)


def test_when_a_process_is_to_end_the_rest_of_its_trials_is_not_begun(monkeypatch, tmp_path):
    begun = []

    def interrupted_at_the_second(task: Task, *rest: object) -> Turns[Done]:
        yield from ()
        begun.append(task.trial_id)
        if len(begun) == 2:
            raise Interrupted("stopped at step 5")
        return Done(task.trial_id, "stable", (), 1.0, True)

    monkeypatch.setattr("ganbench.harness.worker.attempt._train", interrupted_at_the_second)
    endings = attempt_all([Task(name, {}, "", (), 1, str(tmp_path)) for name in "abcd"])
    assert begun == ["a", "b"]
    assert [getattr(ending, "kind", None) for ending in endings] == [None, PREEMPTED, PREEMPTED, PREEMPTED]


def from_elsewhere(ending: Ending) -> Ending:
    """As it arrives from another process."""
    return pickle.loads(pickle.dumps(ending))


class ScriptedCluster:
    """A cluster of one node that answers from a script: for each trial what its attempts come to."""

    def __init__(self, *endings: Ending) -> None:
        self.endings = iter(endings)
        self.flying: list[Submission] = []

    def nodes(self) -> list[Node]:
        return [Node("n", Resources(2))]

    def submit(self, submission: Submission) -> None:
        self.flying.append(submission)

    def wait(self, seconds: float) -> list[tuple[Submission, list[Ending]]]:
        return [(self.flying.pop(0), [from_elsewhere(next(self.endings))])] if self.flying else []


def test_a_results_folder_that_nobody_can_write_ends_the_sweep_and_one_that_a_node_cannot_does_not():
    def nobody_can() -> None:
        raise LedgerError("disk full")

    trial = Trial(a_cell(), 0, 0)
    full, well = Failed(RESULTS, "disk full", "n"), Done(trial.id, "stable", (), 1.0, True)
    with pytest.raises(LedgerError, match="disk full"):
        list(drive(Round([trial], str, check=nobody_can), ScriptedCluster(full, well), itertools.count().__next__))
    events = list(drive(Round([trial], str), ScriptedCluster(full, well), itertools.count().__next__))
    assert [type(event) for event in events] == [Retried, Done]


def test_a_head_that_is_gone_is_told_before_ray_ends_the_process():
    now = [0.0]

    def look(*moments: float) -> None:
        for moment in moments:
            now[0] = moment
            watch.look()

    with socket.socket() as head:
        head.bind(("127.0.0.1", 0))
        head.listen()
        watch = HeadWatch(f"127.0.0.1:{head.getsockname()[1]}", lambda: now[0])
        look(5, 10, 100)
    look(103, 110, 129)
    with pytest.raises(ClusterError, match="has not answered for 30 seconds; start the cluster again"):
        look(131)


def test_a_head_that_hangs_is_told_within_30_seconds_though_it_can_be_reached():
    """It accepts connections, and answers nothing."""
    now, asked = [0.0], threading.Event()
    ray = SimpleNamespace(remote=lambda **options: lambda made: made, nodes=lambda: asked.wait(60))
    watch = SimpleNamespace(look=lambda: None)
    cluster = RayCluster(ray, str, watch, lambda: now[0])
    cluster._nodes = [Node("n", Resources(2))]
    for moment in (0, 10, 24):
        now[0] = moment
        cluster.nodes()
    now[0] = 29
    with pytest.raises(ClusterError, match="has not answered for 25 seconds, though it can be reached"):
        cluster.nodes()
    asked.set()


def test_a_ray_of_our_own_leaves_no_token_on_the_disk_and_no_variable_behind(tmp_path):
    """In a process and a home of its own: a file there would be readable by every user of the machine."""
    code = """
import os
before = dict(os.environ)
from ganbench.harness.cluster.connection import connected
with connected("local", cpus=1) as ray:
    assert ray.get(ray.remote(lambda: os.environ["RAY_AUTH_MODE"]).remote()) == "token"
assert not {key for key in os.environ if key.startswith("RAY_")} - set(before) - {"RAY_CLIENT_MODE"}  # Ray's own
"""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    variables |= {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("auth_token*"))
