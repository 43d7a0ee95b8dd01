"""A real cluster of several hosts: where trials run, and a sweep under which workers, hosts and drivers are killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos import SUITE, Chaos, runs_by_trial
from hosts import Hosts, cluster_of_hosts, why_not
from tracking_servers import mlflow_server

from ganbench import read_ledger, run
from ganbench.harness.tracking import sync

pytestmark = [pytest.mark.long, pytest.mark.skipif(why_not() is not None, reason=str(why_not()))]
SUPPORT = Path(__file__).parent / "support"


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """A head, a spot host and an on-demand host, each of these with two cores and, so they say, two GPUs."""
    with cluster_of_hosts(61, "market=spot", "market=on-demand", cpus=2, gpus=2) as made:
        yield made


@pytest.fixture(scope="module")
def seen(hosts: Hosts) -> dict[str, list[dict]]:
    """Where trials ran, by what they asked for."""
    environment = {**os.environ, **hosts.environment, "PYTHONPATH": f"{SUPPORT}:{SUPPORT.parent.parent}"}
    command = [sys.executable, str(SUPPORT / "where_tasks_run.py"), hosts.address]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_shares_of_a_gpu_are_kept_to_one_gpu_and_each_gets_a_new_process(seen):
    shares = seen["shares"]
    assert len(shares) == 8
    assert len({item["pid"] for item in shares}) == 8, "a process that was used keeps its GPU"
    assert {item["gpus"] for item in shares} == {"0", "1"}
    assert {item["resources"]["gpus"] for item in shares} == {0.4}
    for item in shares:
        beside = [
            other
            for other in shares
            if (other["node"], other["gpus"]) == (item["node"], item["gpus"])
            and other["begun"] < item["ended"]
            and item["begun"] < other["ended"]
        ]
        assert len(beside) <= 2, "two shares of 0.4 on a GPU, not three"


def test_trials_without_a_gpu_share_processes(seen):
    assert len({item["pid"] for item in seen["anywhere"]}) < len(seen["anywhere"]) == 8


@pytest.mark.parametrize("case", ["steady", "avoiding"])
def test_what_is_to_keep_off_a_node_keeps_off_it(seen, case):
    assert [item["market"] for item in seen[case]] == ["on-demand"] * 6


def test_a_need_of_memory_is_known_to_the_cluster(seen):
    assert [item["resources"]["memory"] for item in seen["memory"]] == [1.0, 1.0]


def test_a_sweep_under_which_everything_is_killed_is_in_the_end_what_it_would_have_been(hosts, tmp_path):
    """The short form of `tools/chaos.py`: some of each blow, with the real parts."""
    suite = tmp_path / "chaos.yaml"
    suite.write_text(SUITE.format(seeds=5, steps=200))
    run(suite, tmp_path / "calm", address="inline")
    expected = {record.trial_id: record.sha256 for record in read_ledger(tmp_path / "calm").records()}
    with mlflow_server(f"sqlite:///{tmp_path}/mlflow.db", tmp_path) as server:
        chaos = Chaos(hosts, suite, tmp_path / "out", server)
        chaos.start()
        try:
            chaos.live_through_commits(4)
            for kind in ("worker killed", "driver killed", "sync killed", "host killed", "tracking server killed"):
                assert chaos.running, "the sweep was over before it was hurt"
                chaos.strike(kind)
                chaos.live_through_commits(3)
            chaos.finish(120)
        finally:
            chaos.end()
        if not server.running:
            server.start()
        sync(read_ledger(tmp_path / "out"), server.url)
        runs = runs_by_trial(server.url, "chaos v1")
    ledger = read_ledger(tmp_path / "out")
    assert {record.trial_id: record.sha256 for record in ledger.records()} == expected
    assert runs == Counter(expected.keys())
    verified = ledger.verify()
    assert (verified.problems, verified.unequal) == ((), 0)
    assert not list((tmp_path / "out" / "checkpoints").glob("*/*"))
