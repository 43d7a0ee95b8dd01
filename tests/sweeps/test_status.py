"""How a sweep stands, read from outside while it runs."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections import Counter
from dataclasses import replace

import pytest
from in_process import ganbench_here, printed
from records import CELL, PLAN
from records import record as a_record
from tiny import end_session, ganbench_process, write_rings

from ganbench import read_ledger
from ganbench.harness.canonical import digest
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.running import SILENT_SECONDS, Running, announced, running
from ganbench.harness.sweeps.status import in_words, status

NOW = 1_000_000.0


CELLS = {name: {**CELL, "lr_g": rate} for name, rate in (("a", 1e-3), ("b", 1e-4), ("c", 1e-5))}


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    """Six of ten planned trials, and one that the plan does not know."""
    made = Ledger(tmp_path / "out")
    (about,) = PLAN["cells"]
    cells = [{**about, "id": digest(CELLS[name]), "setting": name, "spec": CELLS[name]} for name in "ab"]
    made.write_plan({**PLAN, "version": 3, "cells": cells})
    for number in range(6):
        made.commit(record(number, "ab"[number % 2]))
    made.commit(record(9, "c"))
    return made


def record(number: int, cell: str) -> Record:
    """Two of them failed, by their traces."""
    trace = a_record(0 if number < 2 else 1).trace
    provenance = {"started": NOW - 1800 + 300 * number, "seconds": 120.0, "host": f"node{number % 3}", "device": "cpu"}
    return Record.of({"cell": CELLS[cell], "suite_seed": 1, "seed": number}, trace, provenance)


@pytest.mark.parametrize("compacted", [False, True])
def test_counts_rate_and_time_left_are_those_of_the_plans_trials(ledger, compacted):
    if compacted:
        ledger.compact()
    found = status(ledger, clock=lambda: NOW)
    assert (found.planned, found.done) == (10, 6)
    assert found.outcomes == Counter(unstable=2, stable=4)
    assert found.modes == Counter(diverged=2)
    assert found.per_hour == pytest.approx(6 / 0.5)  # six since half an hour ago
    assert found.seconds_left == pytest.approx(4 / 6 * 1800)
    assert found.hours == pytest.approx({"cpu": 6 * 120 / 3600})
    assert found.hosts == Counter(node0=2, node1=2, node2=2)
    assert in_words(found)[0] == "suite s version 3: 6 of 10 trials committed, 2 unstable (diverged 2)"


@pytest.mark.parametrize("compacted", [False, True])
def test_what_is_not_learnt_or_undecided_is_told_apart_from_what_is_unstable(ledger, compacted):
    """By definition 3 a trial without a measure of quality is undecided."""
    for number in (6, 7):
        made = record(number, "a")
        ledger.commit(replace(made, provenance={**made.provenance, "definition": 3}))
    if compacted:
        ledger.compact()
    found = status(ledger, clock=lambda: NOW)
    assert found.outcomes == Counter(unstable=2, stable=4, undecided=2)
    assert in_words(found)[0].endswith("8 of 10 trials committed, 2 unstable (diverged 2), 2 undecided")


def test_an_hour_without_commits_is_no_rate(ledger):
    found = status(ledger, clock=lambda: NOW + 10_000)
    assert found.per_hour == 0
    assert found.seconds_left is None


def test_a_trial_is_running_as_long_as_its_process_says_so(tmp_path):
    with announced(tmp_path, "a" * 20, 2):
        (item,) = running(tmp_path)
        assert (item.trial_id, item.attempt) == ("a" * 20, 2)
        assert abs(item.behind) < 1
        assert not item.silent(time.time())
        path = tmp_path / "running" / f"{'a' * 20}.json"
        os.utime(path, (0, time.time() - SILENT_SECONDS - 1))
        assert running(tmp_path)[0].silent(time.time())
    assert running(tmp_path) == []


def test_a_trial_under_way_says_how_many_steps_it_has_made_and_for_how_long_none(tmp_path, monkeypatch):
    monkeypatch.setattr("ganbench.harness.ledger.running.RENEW_SECONDS", 0.05)
    with announced(tmp_path, "a" * 20, 1) as pulse:
        step = pulse.step
        assert running(tmp_path)[0].steps == 0
        step(), step()
        wait_until(lambda: running(tmp_path)[0].steps == 2)
        before = running(tmp_path)[0].still()
        wait_until(lambda: running(tmp_path)[0].still() > before + 0.2)
        step()
        wait_until(lambda: running(tmp_path)[0].steps == 3 and running(tmp_path)[0].still() < before + 0.2)


def test_a_trial_without_a_step_for_long_is_named_and_others_are_not(ledger):
    found = status(ledger, clock=lambda: NOW)
    item = Running("a" * 20, "node1", 1, NOW - 5000, NOW, steps=200, moved=NOW - 1200)
    (line,) = [line for line in in_words(replace(found, running=(item,))) if "without progress" in line]
    assert line.startswith(f"trial {'a' * 20} on node1 is under way, without progress for 20 min after 200 steps")
    for moved in (NOW - 60, None):
        lines = in_words(replace(found, running=(replace(item, moved=moved),)))
        assert not [line for line in lines if "without progress" in line]
    assert replace(found, running=(item,)).to_json()["running"][0]["steps"] == 200


HANGS = """
import time
from ganbench import normalizer

CALLS = 0

@normalizer
def hangs(weight):
    '''Does not return after some calls.'''
    global CALLS
    CALLS += 1
    if CALLS > 100:
        time.sleep(1e6)
    return weight
"""


@pytest.mark.long
def test_of_a_hook_that_never_returns_status_and_stop_say_since_when_no_step_was_made(tmp_path, ganbench):
    (tmp_path / "hangs.py").write_text(HANGS)
    suite = write_rings(tmp_path / "tiny.yaml", seeds=1, steps=2000)
    suite.write_text(
        suite.read_text().replace("[none, spectral_norm]", "[hangs]").replace("baseline: spectral_norm", "")
    )
    options = ("--plugin", "hangs.py", "--results", "out", "--address", "inline", "--tracking-uri", "off")
    process = ganbench_process("run", suite, *options, "--exact", cwd=tmp_path)
    try:
        wait_until(lambda: any(item.still() > 5 for item in running(tmp_path / "out")), 90)
        (item,) = running(tmp_path / "out")
        assert 0 < item.steps < 600
        stopped = ganbench("stop", tmp_path / "out", "--wait", "1")
        assert stopped.returncode == 3
        assert f"after {item.steps} steps of this attempt" in " ".join(stopped.stderr.split() + stopped.stdout.split())
    finally:
        process.kill()


def wait_until(condition, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_file_that_is_being_written_is_passed_over(tmp_path):
    (tmp_path / "running").mkdir()
    path = tmp_path / "running" / f"{'a' * 20}.json"
    path.write_text('{"host": "a"')
    assert running(tmp_path) == []
    path.write_text(json.dumps({"host": "a"}))
    assert running(tmp_path) == []
    (path.parent / "somebody's.json").write_text(json.dumps({"host": "a", "attempt": 1, "started": 1.0}))
    assert running(tmp_path) == []


def test_a_running_sweep_is_seen_from_another_process(tmp_path, ganbench):
    suite = write_rings(tmp_path / "tiny.yaml", seeds=1, steps=2000)
    process = ganbench_process(
        "run", suite, "--results", "out", "--address", "inline", "--tracking-uri", "off", cwd=tmp_path
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out" / "running").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    seen = ganbench("status", tmp_path / "out")
    assert seen.returncode == 0, seen.stderr
    assert re.search(r"suite tiny version 1: \d of 2 trials committed", seen.stdout)
    assert f"1 running, on {platform.node()}" in seen.stdout
    assert process.wait(120) == 0
    end_session(process.pid)
    after = ganbench("status", tmp_path / "out", "--watch")
    assert "2 of 2 trials committed" in after.stdout
    assert "running" not in after.stdout
    assert running(read_ledger(tmp_path / "out").storage) == []


def _announce(ledger: Ledger, number: int, *, host: str, said: float, changed: float) -> None:
    """Leave what a machine leaves whose clock says one thing while the file server's says another."""
    path = ledger.root / "running" / f"{number:020x}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"host": host, "pid": 1, "attempt": 1, "started": said - 30, "clock": said}))
    os.utime(path, (changed, changed))


@pytest.mark.parametrize("off", [-7200.0, -300.0, 300.0, 7200.0, 86400.0])
def test_a_readers_clock_that_is_off_makes_nobody_silent(ledger, off):
    """The storage's clock is asked where the reader's own makes something look lost."""
    now = time.time()
    _announce(ledger, 1, host="alive", said=now, changed=now - 5)
    _announce(ledger, 2, host="dead", said=now - 600, changed=now - 600)
    found = status(ledger, clock=lambda: now + off)
    assert [item.host for item in found.running] == ["alive"]
    assert [item.host for item in found.silent] == ["dead"]
    assert not list(ledger.root.glob(".*"))


@pytest.mark.parametrize("off", [-86400.0, -1800.0, 1800.0, 86400.0])
def test_a_node_whose_clock_is_off_does_not_spoil_the_rate(ledger, off):
    """Its records are moved by what its signs of life say of its clock."""
    real = time.time()
    plan = ledger.plan()
    other = Ledger(ledger.root.parent / "skewed")
    other.write_plan(plan)
    for number in range(6):
        made = record(number, "a")
        about = {**made.provenance, "host": "far", "started": real - 1800 + 300 * number + off}
        other.commit(replace(made, provenance=about))
    _announce(other, 9, host="far", said=real + off, changed=real)
    found = status(other, clock=lambda: real)
    assert found.per_hour == pytest.approx(6 / 0.5, rel=0.01)
    assert found.seconds_left == pytest.approx(4 / 6 * 1800, rel=0.01)
    assert found.running[0].started == pytest.approx(real - 30, abs=0.1)


def test_records_from_the_future_of_a_machine_that_is_gone_count_from_its_newest_one(ledger):
    """Two days ahead, over twenty hours: only what it did in its last hour is recent."""
    other = Ledger(ledger.root.parent / "future")
    other.write_plan(ledger.plan() | {"seeds": 50})
    for number in range(20):
        made = record(number, "a")
        about = {**made.provenance, "host": "far", "started": NOW + 2 * 86400 + 3600 * number}
        other.commit(replace(made, provenance=about))
    found = status(other, clock=lambda: NOW)
    assert 0 < found.per_hour <= 30


def test_what_a_method_that_cannot_run_said_first_is_there_and_in_how_many_trials(ledger):
    for seed in (1, 3):
        spec = {"cell": CELLS["a"], "suite_seed": 1, "seed": seed}
        about = {"started": NOW, "seconds": 1.0, "host": "node0", "device": "cpu"}
        ledger.commit(Record.of(spec, None, about, f"mine.reparameterize raised: no luck {seed}"))
    found = status(ledger, clock=lambda: NOW)
    ((name, (count, said)),) = found.errors.items()
    assert (name, count) == (PLAN["cells"][0]["normalizer"], 2) and "no luck" in said
    assert any(f"{name} could not run in 2 trials; the first said: {said}" in line for line in in_words(found))


def test_as_json_it_says_the_same(ledger):
    found = json.loads(ganbench_here("status", ledger.root, "--json").stdout)
    assert (found["planned"], found["done"], found["outcomes"]) == (10, 6, {"unstable": 2, "stable": 4})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_among_the_records_holds_nobody_up(ledger):
    trial = "ab" + "0" * 18
    (ledger.root / "trials" / "ab").mkdir(parents=True, exist_ok=True)
    os.mkfifo(ledger.root / "trials" / "ab" / f"{trial}.json")
    os.mkfifo(ledger.root / "running-pipe")
    for command in (("status",), ("ledger", "verify"), ("stop", "--wait", "0")):
        assert ganbench_here(*command, ledger.root).exit_code in (0, 2)  # these traces do not prove themselves
    assert trial not in Ledger(ledger.root).committed()
    with pytest.raises(OSError, match="is no regular file"):
        ledger.storage.read("running-pipe")


def test_a_stop_says_what_did_not_end_in_time(ledger):
    trial = next(iter(ledger.committed()))
    with announced(ledger.storage, trial, 1):
        done = ganbench_here("stop", ledger.root, "--wait", "1")
    assert done.exit_code == 3
    assert f"trial {trial} on {platform.node()} did not end within 1 seconds" in printed(done)
    assert ganbench_here("stop", ledger.root, "--wait", "5").exit_code == 0
