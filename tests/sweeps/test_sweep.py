"""Sweeps: the same ledger inline and under Ray, and after any kill followed by the same command."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import end_session, ganbench_process, write_tiny

from ganbench import load_suite, read_ledger, run
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.row import row_of


def hashes(results: Path) -> dict[str, str]:
    """The whole of a ledger that must be reproduced: every trial's result, verdict and trace."""
    return {record.trial_id: record.sha256 for record in read_ledger(results).records()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """The tiny suite's ledger as one process made it, without Ray and without anything going wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    suite = write_tiny(folder / "tiny.yaml")
    report = run(suite, folder / "results", address="inline")
    assert report.missing == 0
    return suite, hashes(folder / "results")


def test_inline_and_ray_give_bitwise_identical_results(undisturbed, ganbench, tmp_path):
    suite, expected = undisturbed
    done = ganbench("run", suite, "--results", tmp_path / "ray", "--tracking-uri", "off", "--seeds", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    found = hashes(tmp_path / "ray")
    assert len(found) == 6 and found.items() <= expected.items()


def test_the_same_trials_run_twice_are_bitwise_identical(undisturbed, tmp_path):
    suite, expected = undisturbed
    run(suite, tmp_path / "again", address="inline", limit=6)  # one of each cell
    again = hashes(tmp_path / "again")
    assert len(again) == 6 and again.items() <= expected.items()


def test_running_a_finished_sweep_again_trains_nothing(tiny, tmp_path):
    run(tiny, tmp_path / "out", address="inline", limit=3)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("trials/*/*")}
    report = run(tiny, tmp_path / "out", address="inline", limit=2)
    assert (report.before, report.committed, report.missing) == (3, 2, 7)
    assert all(path.stat().st_mtime_ns == time_ for path, time_ in before.items())


def test_an_incomplete_sweep_ends_with_3_and_a_complete_one_with_0(ganbench, tmp_path):
    suite = write_tiny(tmp_path / "tiny.yaml", seeds=1, steps=5)
    options = ("run", suite, "--results", tmp_path / "out", "--address", "inline", "--tracking-uri", "off")
    assert ganbench(*options, "--limit", "2").returncode == 3
    assert ganbench(*options).returncode == 0


def _wait_for_commits(results: Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while len(list(results.glob("trials/*/[!.]*.json"))) < count:
        assert process.poll() is None, "the sweep ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _ray_workers(session: int) -> list[int]:
    """The processes of one session that execute tasks at this moment, as Ray names them."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                title = (folder / "cmdline").read_bytes().decode(errors="replace")
                if title.startswith("ray::_execute") and os.getsid(int(folder.name)) == session:
                    found.append(int(folder.name))
            except (OSError, ProcessLookupError):
                continue
    return found


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Commands that a test starts; nothing of them, Ray's processes included, outlives it."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        end_session(process.pid)


@pytest.mark.long
def test_a_killed_worker_costs_nothing_but_time(undisturbed, started, tmp_path):
    _, expected = undisturbed
    suite = write_tiny(tmp_path / "tiny.yaml")
    results = tmp_path / "out"
    process = ganbench_process("run", suite, "--results", results, "--tracking-uri", "off", cwd=tmp_path)
    started.append(process)
    _wait_for_commits(results, 1, process)
    killed = 0
    while process.poll() is None and killed < 2:
        for pid in _ray_workers(process.pid)[:1]:
            os.kill(pid, signal.SIGKILL)
            killed += 1
            time.sleep(1.0)
    out, err = process.communicate(timeout=120)
    assert killed, "no worker was there to be killed"
    assert process.returncode == 0, out + err
    assert "queued again" in out
    assert hashes(results) == expected


@pytest.mark.parametrize("address", ["local", pytest.param("inline", marks=pytest.mark.long)])
def test_a_killed_command_continues_where_it_was(undisturbed, ganbench, started, tmp_path, address):
    _, expected = undisturbed
    suite = write_tiny(tmp_path / "tiny.yaml")
    results = tmp_path / "out"
    options = ("run", suite, "--results", results, "--address", address, "--tracking-uri", "off")
    process = ganbench_process(*options, cwd=tmp_path)
    started.append(process)
    _wait_for_commits(results, 3, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    held = hashes(results)
    assert 3 <= len(held) < len(expected)
    done = ganbench(*options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert hashes(results) == expected
    # A worker that outlives its driver for a moment may commit once more; the ledger is what it would have been.
    assert int(re.search(r"(\d+) already committed", done.stdout)[1]) >= len(held)
    notes = results / "duplicates.jsonl"
    assert not notes.exists() or all('"equal":true' in line for line in notes.read_text().splitlines())


def test_a_damaged_record_is_named_set_aside_and_its_trial_runs_again(undisturbed, tmp_path):
    suite, expected = undisturbed
    shutil.copytree(suite.parent / "results", tmp_path / "out")
    truncated, flipped = sorted((tmp_path / "out").glob("trials/*/*.json"))[:2]
    truncated.write_bytes(truncated.read_bytes()[:1000])
    flipped.write_text(flipped.read_text().replace(r"\"stopped\":40", r"\"stopped\":41"))
    report = run(suite, tmp_path / "out", address="inline")
    assert (report.committed, len(report.set_aside)) == (2, 2)
    assert all(Path(path).exists() for path in report.set_aside)
    assert hashes(tmp_path / "out") == expected


def test_a_damaged_part_is_named_set_aside_and_its_trials_run_again(undisturbed, tmp_path):
    suite, expected = undisturbed
    run(suite, tmp_path / "out", address="inline", limit=2)
    read_ledger(tmp_path / "out").compact()
    (part,) = (tmp_path / "out" / "parts").glob("part-*.parquet")
    before = hashes(tmp_path / "out")
    part.write_bytes(part.read_bytes()[:-100])
    report = run(suite, tmp_path / "out", address="inline", limit=2)
    assert [Path(path).exists() for path in report.set_aside] == [True]
    assert (report.before, report.committed) == (0, 2)
    assert hashes(tmp_path / "out") == before and before.items() <= expected.items()


def test_a_results_folder_of_another_suite_is_refused_and_left_alone(tiny, tmp_path, ganbench):
    run(tiny, tmp_path / "out", address="inline", limit=1)
    before = (tmp_path / "out" / "suite.json").read_bytes()
    other = tmp_path / "other.yaml"
    other.write_text(tiny.read_text().replace("suite: tiny", "suite: other"))
    done = ganbench("run", other, "--results", tmp_path / "out", "--address", "inline")
    assert done.returncode == 2
    assert "holds results of suite 'tiny', not of 'other'" in done.stderr
    assert (tmp_path / "out" / "suite.json").read_bytes() == before


@pytest.mark.parametrize(
    ("address", "told"), [("127.0.0.1:1", "no Ray cluster answers"), ("lcoal", "expected 'local'")]
)
def test_an_address_that_is_no_cluster_is_one_message_and_nothing_is_written(tiny, ganbench, tmp_path, address, told):
    done = ganbench("run", tiny, "--results", tmp_path / "out", "--address", address)
    assert done.returncode == 2
    assert f"--address {address}: {told}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_every_seed_is_planned_for_all_cells_before_the_next(tiny):
    suite = load_suite(tiny)
    assert [trial.seed for trial in suite.trials()] == [0] * 6 + [1] * 6


def test_the_ledgers_records_are_plain_json_with_provenance_beside_the_result(undisturbed, tmp_path):
    suite, _ = undisturbed
    run(suite, tmp_path / "out", address="inline", limit=1)
    (path,) = (tmp_path / "out").glob("trials/*/*.json")
    record = json.loads(path.read_text())
    read = Ledger(tmp_path / "out").read(path.stem)
    assert set(record) == {"schema", *row_of(read)}
    provenance = json.loads(record["provenance"])
    assert {"host", "seconds", "packages", "sources", "attempt", "definition"} <= set(provenance)
    assert json.loads(record["spec"]) == read.spec["cell"]
    assert (read.sha256, read.provenance) == (record["sha256"], provenance)
