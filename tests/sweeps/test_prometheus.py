"""What Prometheus reads from a driver."""

from __future__ import annotations

import itertools
import json
import platform
import socket
from types import SimpleNamespace

import pytest
from cells import a_cell
from prometheus_client.parser import text_string_to_metric_families
from ray_nodes import _free_port
from tiny import write_rings
from warm import run_python

from ganbench import run
from ganbench.harness.cells.cell import Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.errors import InputError
from ganbench.harness.scheduling.drive import Round, drive
from ganbench.harness.scheduling.endings import UNFIT, Done, Failed
from ganbench.harness.scheduling.schedule import Node
from ganbench.harness.sweeps.prometheus import SweepMetrics, served

HERE = platform.node()

FATAL = """
import os
from pathlib import Path
from ganbench import normalizer

@normalizer
def fatal(weight, mark=Path(__file__).with_name("mark")):
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), 9)
    return weight
"""

SCRAPED = """
import json, sys
from urllib.request import urlopen
from ganbench import run
from ganbench.harness.ledger.running import announced
from ganbench.harness.sweeps.prometheus import served

suite, out, plugin, port = sys.argv[1:]
with served(port) as metrics:
    report = run(suite, out, plugins=[plugin], metrics=metrics, limit=5)
    with announced(out, "0" * 20, 1):
        text = urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
print(json.dumps([text, report.outcomes, report.retried]))
"""


def values(families):
    samples = [sample for family in families for sample in family.samples]
    return {(item.name.removeprefix("ganbench_"), *item.labels.values()): item.value for item in samples}


def test_a_scrape_of_a_sweep_on_ray_names_the_host_whose_worker_was_killed(tmp_path):
    suite, plugin, port = write_rings(tmp_path / "rings.yaml", seeds=2, steps=40), tmp_path / "fatal.py", _free_port()
    suite.write_text(suite.read_text().replace("spectral_norm]", "spectral_norm, fatal]"))
    plugin.write_text(FATAL.replace("__file__", repr(str(plugin))))
    # In a process of its own: Ray keeps what it was told of tokens for as long as a process lives.
    done = run_python("-c", SCRAPED, suite, tmp_path / "out", plugin, str(port))
    assert done.returncode == 0, done.stderr
    text, outcomes, retried = json.loads(done.stdout.splitlines()[-1])
    found = values(text_string_to_metric_families(text))
    committed = {key[2]: value for key, value in found.items() if key[:2] == ("trials_committed_total", HERE)}
    assert committed == outcomes
    lost = {key[1]: value for key, value in found.items() if key[0] == "attempts_lost_total"}
    assert lost[HERE] >= 1, text  # a task that waited for that process is lost with it, before it began
    assert sum(lost.values()) == retried, text
    assert (found["trials_running", HERE], found["trials_waiting",]) == (1, 0)
    assert found["node_set_aside", HERE] == 0


def test_without_ray_trials_are_counted_too(tiny, tmp_path):
    metrics = SweepMetrics()
    before = values(metrics.collect())["last_commit_timestamp_seconds",]
    report = run(tiny, tmp_path / "out", address="inline", metrics=metrics, limit=1)
    found = values(metrics.collect())
    assert [found["trials_committed_total", HERE, outcome] for outcome in report.outcomes] == [1]
    assert found["last_commit_timestamp_seconds",] > before
    assert found["trials_waiting",] == 11


def test_a_host_is_set_aside_for_as_long_as_its_node_gets_no_trials():
    flying, nodes = [], [Node("a", Resources(1)), Node("b", Resources(1))]

    def wait(seconds):
        task = flying.pop(0)
        done = Done(task.attempts[0].trial.id, "stable", (), 1.0, True, node="b", host="well")
        return [(task, [done if "a" in task.avoid else Failed(UNFIT, "because", "a", "sick")])]

    cluster = SimpleNamespace(nodes=lambda: nodes, submit=flying.append, wait=wait)
    metrics, trials = SweepMetrics(), [Trial(a_cell(), 0, seed) for seed in range(40)]
    events = drive(Round(trials, str, observe=metrics.observe), cluster, iter(range(0, 10**6, 40)).__next__)
    seen = [values(metrics.collect())["node_set_aside", "sick"] for _ in events]
    assert [value for value, _ in itertools.groupby(seen)][:3] == [0, 1, 0]


@pytest.mark.parametrize("where", ["here", "99999", "127.0.0.1:", "{taken}"])
def test_an_address_that_cannot_be_listened_to_is_bad_input(where):
    with socket.create_server(("127.0.0.1", 0)) as other:
        where = where.format(taken=other.getsockname()[1])
        with pytest.raises(InputError, match="expected a free PORT"), served(where):
            pass
