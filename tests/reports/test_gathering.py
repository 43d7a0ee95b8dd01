"""From a ledger to evidence: in whatever way its records are kept, and in however many processes they are read."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
from pyarrow import array, parquet

from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger.processes import run, shares, started
from ganbench.harness.stability import Finding, Verdict
from ganbench.reports.evidence import D_GRADIENT, QUALITY, VARIANCE, lasted
from ganbench.reports.evidence.gathering import gather
from ganbench.reports.evidence.packing import pack, unpack
from ganbench.reports.evidence.thinning import CURVE_POINTS, thinned

OUTCOMES = {"a": ("..c.", "...."), "b": ("cdcc", ".e. ")}


def same(one, other):
    assert one.hash() == other.hash()
    assert (one.software, one.sources, one.plugins, one.relabelled, one.wanted) == (
        other.software,
        other.sources,
        other.plugins,
        other.relabelled,
        other.wanted,
    )
    for cell, results in one.results.items():
        assert results.keys() == other.results[cell].keys()
        for seed, result in results.items():
            found = other.results[cell][seed]
            assert repr(replace(result, curves=None)) == repr(replace(found, curves=None))
            assert (result.curves is None) == (found.curves is None)
            if result.curves is not None:
                np.testing.assert_array_equal(result.curves.numbers, found.curves.numbers)
                assert result.curves.layout.key == found.curves.layout.key


def test_evidence_is_the_same_from_single_records_from_parts_and_from_several_processes(ledgers, monkeypatch):
    ledger = ledgers(OUTCOMES)
    singles = gather(ledger)
    records = list(ledger.records())
    ledger.compact()
    same(singles, gather(ledger))
    more = ledgers(OUTCOMES, change=lambda record: None)
    for some in (records[:5], records[5:9], records[9:]):
        for record in some:
            more.commit(record)
        more.compact()
    assert len(more.parts.names()) == 3
    monkeypatch.setattr("ganbench.harness.ledger.processes.processes", lambda trials: 2)
    same(singles, gather(more))


def test_a_damaged_record_is_refused_by_name_in_whichever_process_it_is_read(ledgers, monkeypatch):
    records = list(ledgers(OUTCOMES).records())
    more = ledgers(OUTCOMES, change=lambda record: None)
    broken = records[9]
    for some in (records[:5], records[5:]):
        damage(more.root / more.parts.write(some), broken.trial_id)
    monkeypatch.setattr("ganbench.harness.ledger.processes.processes", lambda trials: 2)
    with pytest.raises(LedgerError, match=f"record of trial {broken.trial_id} is damaged"):
        gather(more)


def test_curves_have_their_values_at_their_steps(ledgers):
    evidence = gather(ledgers({"a": ("....",)}, points=30))
    results = next(iter(evidence.results.values()))
    steps, values = results[0].curves.quality
    np.testing.assert_allclose(steps, np.linspace(0, 100, 6))
    np.testing.assert_allclose(values, [0, 0.81, 0.837, 0.864, 0.882, 0.9], rtol=1e-6)
    assert results[0].curves.line(VARIANCE, "first")[1].shape == (6,)
    assert results[0].curves.line(VARIANCE, "nowhere")[1].shape == (0,)
    assert results[0].curves.bounds == {"first": 0.125, "last": 0.125}
    assert results[0].curves.layout is results[1].curves.layout  # kept once
    assert results[0].curves.numbers.dtype == np.float32
    assert len(results[0].curves.line(D_GRADIENT)[0]) == 30


def test_a_long_trace_is_thinned_and_what_is_not_finite_stays_so(ledgers):
    evidence = gather(ledgers({"a": ("d",)}, points=100))
    curves = next(iter(evidence.results.values()))[0].curves
    steps, values = curves.line(D_GRADIENT)
    assert len(steps) == CURVE_POINTS
    assert (steps[0], steps[-1]) == (1, 100)
    assert np.isfinite(values[steps < 40]).all()
    assert np.isnan(values[steps >= 40]).all()
    assert curves.line(QUALITY)[0].shape == (6,)


@pytest.mark.parametrize("count", [1, 2, 20, 49, 50, 51, 201, 5000])
def test_thinning_keeps_the_first_and_the_last_and_the_steps_that_others_keep(count):
    steps = np.linspace(1000 / count, 1000, count)
    kept = thinned(steps, 1000)
    assert kept[0] == 0
    assert kept[-1] == count - 1
    assert len(kept) <= CURVE_POINTS
    assert len(kept) == count or count > CURVE_POINTS * 0.9
    cut = steps[: count // 2]
    if len(cut):
        assert set(thinned(cut, 1000)[:-1]) <= set(kept)
    assert len(thinned(np.empty(0), 1000)) == 0


def test_results_arrive_as_they_were_sent(ledgers):
    evidence = gather(ledgers(OUTCOMES))
    sent = [result for results in evidence.results.values() for result in results.values()]
    arrived = unpack(pickle.loads(pickle.dumps(pack(sent))))
    assert [repr(replace(item, curves=None)) for item in sent] == [repr(replace(item, curves=None)) for item in arrived]
    for one, other in zip(sent, arrived, strict=True):
        if one.curves is not None:
            np.testing.assert_array_equal(one.curves.numbers, other.curves.numbers)
    assert unpack(pack([])) == []


def test_shares_hold_everything_once_and_are_about_equal():
    sizes = [5, 1, 1, 1, 9, 3, 3, 1]
    dealt = shares(sizes, 3)
    assert sorted(index for share in dealt for index in share) == list(range(8))
    assert max(sum(sizes[index] for index in share) for share in dealt) == 9
    assert shares([1], 4) == [[0]]
    assert shares([], 2) == [[]]


def test_tasks_are_done_in_other_processes_and_here_if_one_is_lost():
    assert run([Number(1), Number(2), Number(3)]) == [1, 2, 3]
    with started([Number(1), Number(2)]) as results:
        assert results() == [1, 2]
    with started([Number(1)]) as results:
        assert results() == [1]
    assert run([Number(1), OnlyHere()]) == [1, "here"]


def test_an_error_of_a_task_elsewhere_is_raised_here():
    with pytest.raises(LedgerError, match="nothing there"):
        run([Number(1), Fails()])


def damage(part, trial_id):
    """Write a part anew, with a wrong digit in one of its records if it has it."""
    table = parquet.read_table(part)
    layouts = [
        text.replace('"budget":100', '"budget":101') if trial == trial_id else text
        for trial, text in zip(table["trial"].to_pylist(), table["layout"].to_pylist(), strict=True)
    ]
    place = table.schema.get_field_index("layout")
    parquet.write_table(table.set_column(place, table.schema.field(place), array(layouts)), part)


class Number:
    def __init__(self, value):
        self.value = value

    def __call__(self):
        return self.value


class OnlyHere:
    def __init__(self):
        self.process = os.getpid()

    def __call__(self):
        assert os.getpid() == self.process
        return "here"


class Fails:
    def __call__(self):
        raise LedgerError("nothing there")


@pytest.mark.parametrize(
    ("verdict", "budget", "stopped", "share"),
    [
        (Verdict("stable", 3), 200, 200, 1.0),
        (Verdict("not_learnt", 3), 200, 200, 1.0),
        (Verdict("undecided", 3, needs="log"), 200, 50, 0.25),
        (Verdict("undecided", 3, needs="steps"), 200, 200, 1.0),
        (Verdict("unstable", 3, (Finding("diverged", 100, 1.0, 1.0, ""),)), 200, 120, 0.5),
        (Verdict("method_error", 3), None, None, 0.0),
        (Verdict("stable", 2), 200, 50, 1.0),
    ],
)
def test_a_trial_lasted_until_it_failed_and_an_undecided_one_as_long_as_it_was_seen(verdict, budget, stopped, share):
    assert lasted(verdict, budget, stopped) == share
