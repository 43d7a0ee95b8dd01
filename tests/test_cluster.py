"""The cluster file, and what the scheduler does with a cluster's answers."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from tiny import end_session

from harness import read_ledger
from harness.cluster.environment import QUIET
from harness.cluster.executor import ATTEMPTS, _Sweep
from harness.errors import LedgerError
from harness.execution import Lost, Retried
from harness.worker import Done, Task

ROOT = Path(__file__).parent.parent


def test_the_cluster_file_is_valid_by_rays_own_schema():
    import jsonschema
    import ray.autoscaler

    schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    jsonschema.validate(yaml.safe_load((ROOT / "ray_cluster.yaml").read_text()), schema)


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


class FakeReference:
    def __init__(self, answer: object) -> None:
        self.answer = answer


class FakeRay:
    """Answers as Ray does, from a script: for each trial what its attempts come to."""

    class RayError(Exception):
        pass

    class RayTaskError(RayError):
        def __init__(self, cause):
            super().__init__(str(cause))
            self.cause = cause

    def __init__(self, script: dict[str, list[object]], slots: int = 2) -> None:
        self.exceptions = SimpleNamespace(RayError=self.RayError, RayTaskError=self.RayTaskError)
        self.script = {trial: iter(answers) for trial, answers in script.items()}
        self.slots = slots
        self.most_in_flight = 0
        self.flying = 0
        self.started: list[tuple[str, int]] = []

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": self.slots}

    def remote(self, **options):
        assert options["max_retries"] == 0, "Ray's own retries cannot tell a lost worker from a result"
        return lambda function: SimpleNamespace(remote=self._submit)

    def _submit(self, task: Task) -> FakeReference:
        self.flying += 1
        self.most_in_flight = max(self.most_in_flight, self.flying)
        self.started.append((task.trial_id, task.attempt))
        return FakeReference(next(self.script[task.trial_id]))

    def wait(self, references, num_returns, timeout):
        return references[:1], references[1:]

    def get(self, reference):
        self.flying -= 1
        if isinstance(reference.answer, Exception):
            raise reference.answer
        return reference.answer


def task(name: str) -> Task:
    return Task(name, {}, "", (), 1, "nowhere")


def done(name: str) -> Done:
    return Done(name, "stable", (), 1.0, True)


def test_a_lost_worker_is_retried_and_a_fault_of_ours_is_not():
    lost = FakeRay.RayError("worker died")
    fault = FakeRay.RayTaskError(RuntimeError("a bug"))
    ray = FakeRay({"a": [lost, lost, done("a")], "b": [fault], "c": [done("c")]})
    events = list(_Sweep(ray, [task("a"), task("b"), task("c")]).events())
    assert [event.trial_id for event in events if isinstance(event, Retried)] == ["a", "a"]
    assert [event.trial_id for event in events if isinstance(event, Done)] in (["a", "c"], ["c", "a"])
    (given_up,) = [event for event in events if isinstance(event, Lost)]
    assert given_up.trial_id == "b"
    assert "RuntimeError: a bug" in given_up.reason
    assert [attempt for name, attempt in ray.started if name == "a"] == [1, 2, 3]


def test_a_trial_that_infrastructure_takes_every_time_is_given_up_and_the_others_finish():
    lost = FakeRay.RayError("node died")
    ray = FakeRay({"a": [lost] * ATTEMPTS, "b": [done("b")]})
    events = list(_Sweep(ray, [task("a"), task("b")]).events())
    (given_up,) = [event for event in events if isinstance(event, Lost)]
    assert f"given up after {ATTEMPTS} attempts" in given_up.reason
    assert done("b") in events


def test_the_window_bounds_what_ray_holds():
    names = [f"t{index}" for index in range(100)]
    ray = FakeRay({name: [done(name)] for name in names}, slots=3)
    assert len(list(_Sweep(ray, [task(name) for name in names]).events())) == 100
    assert ray.most_in_flight == 6


def test_a_results_folder_that_cannot_be_written_ends_the_sweep():
    ray = FakeRay({"a": [LedgerError("disk full")], "b": [done("b")]})
    with pytest.raises(LedgerError, match="disk full"):
        list(_Sweep(ray, [task("a"), task("b")]).events())
