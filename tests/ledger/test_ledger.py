"""The ledger's commit: atomic, first wins, comparable, and never half there."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace

import numpy as np
import pytest

from ganbench.harness.canonical import digest
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import Ledger, Record, read_ledger
from ganbench.harness.ledger.row import to_text
from ganbench.harness.stability.look import series_of
from ganbench.harness.traces.trace import LayerTrace, Samples, Trace

SPEC = {"cell": {"lr_g": 1e-3}, "suite_seed": 1, "seed": 0}
TRIAL = digest(SPEC)


def trace(loss: float = 0.1) -> Trace:
    steps = np.array([10.0, 20.0])
    return Trace(
        budget=20,
        stopped=20,
        steps=steps,
        scalars={"d_loss": np.array([loss, np.nan])},
        probe_steps=np.array([0.0]),
        layers={"conv1": LayerTrace((4, 9), np.array([0.25]), np.array([np.inf]))},
        evaluation_steps=steps,
        evaluations={"fid[x]": np.array([1 / 3, 1e-300])},
        better={"fid[x]": "lower"},
        samples=Samples(np.arange(8, dtype=np.uint8).reshape(2, 1, 2, 2)),
    )


def record(loss: float = 0.1) -> Record:
    return Record.of(SPEC, trace(loss), {"host": "a", "seconds": 1.5})


def test_a_record_read_back_is_the_record_that_was_committed(tmp_path):
    ledger = Ledger(tmp_path)
    assert ledger.commit(record())
    again = ledger.read(TRIAL)
    assert to_text(again) == to_text(record())
    assert again.sha256 == record().sha256
    np.testing.assert_array_equal(again.trace.scalars["d_loss"], [0.1, np.nan])
    np.testing.assert_array_equal(again.trace.samples.values, np.arange(8).reshape(2, 1, 2, 2))
    assert again.verdict.modes[0] == "diverged"
    assert str(again.verdict) == str(record().verdict)  # NaN is not equal to itself


def test_measures_keep_their_order_though_a_record_sorts_its_keys(tmp_path):
    """The first measure is the one that trials are ranked and judged by."""
    values = {"fid[z]": np.array([3.0]), "fid[a]": np.array([2.0]), "coverage": np.array([0.5])}
    better = {"fid[z]": "lower", "fid[a]": "lower", "coverage": "higher"}
    steps = np.array([20.0])
    ledger = Ledger(tmp_path)
    ledger.commit(Record.of(SPEC, replace(trace(), evaluation_steps=steps, evaluations=values, better=better), {}))
    again = ledger.read(TRIAL).trace
    assert list(again.evaluations) == list(again.better) == list(better)
    assert series_of(again, "fid").values == [3.0]


def test_provenance_does_not_change_a_records_hash_but_any_result_does():
    original = record()
    assert replace(original, provenance={"host": "b"}).sha256 == original.sha256
    assert record(loss=0.2).sha256 != original.sha256


def test_the_first_commit_wins_and_later_ones_are_compared_and_noted(tmp_path):
    ledger = Ledger(tmp_path)
    assert ledger.commit(record())
    assert not ledger.commit(record())
    assert not ledger.commit(record(loss=0.2))
    assert ledger.read(TRIAL).sha256 == record().sha256
    noted = (tmp_path / "duplicates.jsonl").read_text().splitlines()
    assert ['"equal":true' in line for line in noted] == [True, False]


def _commit_in_another_process(root, loss, barrier):
    barrier.wait()
    Ledger(root).commit(record(loss=loss))


def test_of_processes_that_commit_one_trial_at_once_exactly_one_wins(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(6)
    processes = [
        context.Process(target=_commit_in_another_process, args=(tmp_path, 0.1 * n, barrier)) for n in range(6)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [found.trial_id for found in Ledger(tmp_path).records()] == [TRIAL]
    assert len((tmp_path / "duplicates.jsonl").read_text().splitlines()) == 5
    assert not list(tmp_path.glob("trials/*/.*"))


@pytest.mark.parametrize("step", ["fsync", "link"])
def test_a_process_that_dies_within_a_commit_leaves_no_record_and_harms_no_later_one(tmp_path, step):
    """The process ends without any clean-up, as by `kill -9`, just before the step."""
    child = os.fork()
    if child == 0:
        setattr(os, step, lambda *arguments: os._exit(9))
        Ledger(tmp_path).commit(record())
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    ledger = Ledger(tmp_path)
    assert ledger.committed() == set()
    assert list(ledger.records()) == []
    assert ledger.commit(record())
    assert ledger.committed() == {TRIAL}


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[: len(b) // 2],
        lambda b: b"",
        lambda b: b.replace(b"1.5", b"2.5"),
        lambda b: b.replace(b'"single":"', b'"single":"AAAA'),
        lambda b: b"[]",
        lambda b: b"\xff",
    ],
)
def test_a_damaged_record_is_named_and_not_believed(tmp_path, damage):
    ledger = Ledger(tmp_path)
    ledger.commit(record())
    path = ledger.path(TRIAL)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(LedgerError, match=f"{TRIAL}.json: the record is damaged"):
        ledger.read(TRIAL)


@pytest.mark.parametrize("identity", ["../../etc/passwd", "", "ABCDEF0123456789abcd", "0123", "a" * 21])
def test_an_identity_cannot_leave_the_results_folder(tmp_path, identity):
    with pytest.raises(LedgerError, match="is not a trial's identity"):
        Ledger(tmp_path).path(identity)


def test_a_folder_without_a_plan_is_no_ledger(tmp_path):
    with pytest.raises(LedgerError, match="is no results folder"):
        read_ledger(tmp_path)


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot be written"):
        Ledger(tmp_path / "file" / "results").write_plan({"suite": "x"})
