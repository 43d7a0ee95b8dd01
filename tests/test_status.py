"""How a sweep stands, read from outside while it runs."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections import Counter

import pytest
from tiny import end_session, ganbench_process, write_tiny

from harness import read_ledger
from harness.ledger import Ledger, Record
from harness.ledger.running import SILENT_SECONDS, announced, running
from harness.stability import STABLE, UNSTABLE, Finding, Verdict
from harness.status import in_words, status

NOW = 1_000_000.0


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    """Six of ten planned trials, and one that the plan does not know."""
    made = Ledger(tmp_path / "out")
    made.write_plan({"suite": "s", "version": 3, "seeds": 5, "cells": [{"id": "a" * 20}, {"id": "b" * 20}]})
    for number in range(6):
        made.commit(record(number, "ab"[number % 2] * 20))
    made.commit(record(9, "c" * 20))
    return made


def record(number: int, cell: str) -> Record:
    findings = (Finding("diverged", 1, 0.0, 0.0, "why"),) if number < 2 else ()
    verdict = Verdict(UNSTABLE if findings else STABLE, 2, findings)
    provenance = {"started": NOW - 1800 + 300 * number, "seconds": 120.0, "host": f"node{number % 3}", "device": "cpu"}
    return Record(f"{number:020x}", cell, {"seed": number}, verdict, None, provenance)


@pytest.mark.parametrize("compacted", [False, True])
def test_counts_rate_and_time_left_are_those_of_the_plans_trials(ledger, compacted):
    if compacted:
        ledger.compact()
    found = status(ledger, clock=lambda: NOW)
    assert (found.planned, found.done, found.failed) == (10, 6, 2)
    assert found.modes == Counter(diverged=2)
    assert found.per_hour == pytest.approx(6 / 0.5)  # six since half an hour ago
    assert found.seconds_left == pytest.approx(4 / 6 * 1800)
    assert found.hours == pytest.approx({"cpu": 6 * 120 / 3600})
    assert found.hosts == Counter(node0=2, node1=2, node2=2)
    assert in_words(found)[0] == "suite s version 3: 6 of 10 trials committed, 2 failed"


def test_an_hour_without_commits_is_no_rate(ledger):
    found = status(ledger, clock=lambda: NOW + 10_000)
    assert found.per_hour == 0
    assert found.seconds_left is None


def test_a_trial_is_running_as_long_as_its_process_says_so(tmp_path):
    with announced(tmp_path, "a" * 20, 2):
        (item,) = running(tmp_path)
        assert (item.trial_id, item.attempt) == ("a" * 20, 2)
        assert not item.silent(time.time())
        path = tmp_path / "running" / f"{'a' * 20}.json"
        os.utime(path, (0, time.time() - SILENT_SECONDS - 1))
        assert running(tmp_path)[0].silent(time.time())
    assert running(tmp_path) == []


def test_a_file_that_is_being_written_is_passed_over(tmp_path):
    (tmp_path / "running").mkdir()
    (tmp_path / "running" / "x.json").write_text('{"host": "a"')
    assert running(tmp_path) == []
    (tmp_path / "running" / "x.json").write_text(json.dumps({"host": "a"}))
    assert running(tmp_path) == []


def test_a_running_sweep_is_seen_from_another_process(tmp_path, ganbench):
    suite = write_tiny(tmp_path / "tiny.yaml", seeds=1, steps=600)
    process = ganbench_process(
        "run", suite, "--results", "out", "--address", "inline", "--tracking-uri", "off", cwd=tmp_path
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out" / "running").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    seen = ganbench("status", tmp_path / "out")
    assert seen.returncode == 0, seen.stderr
    assert re.search(r"suite tiny version 1: \d of 6 trials committed", seen.stdout)
    assert f"1 running, on {platform.node()}" in seen.stdout
    assert process.wait(120) == 0
    end_session(process.pid)
    after = ganbench("status", tmp_path / "out", "--watch")
    assert "6 of 6 trials committed" in after.stdout
    assert "running" not in after.stdout
    assert running(read_ledger(tmp_path / "out").root) == []
