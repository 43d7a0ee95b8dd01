"""What verifying says beside problems, and what it must not take for damage."""

from __future__ import annotations

from dataclasses import replace

import pytest
from records import CELL, PLAN, record

from ganbench.harness.errors import InputError
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.repairing import repair
from ganbench.harness.stability.references import DIGITS

OTHER = {**CELL, "normalizer": {"name": "identity"}}


def ledger_of(folder, *records) -> Ledger:
    ledger = Ledger(folder)
    ledger.write_plan(PLAN)
    for one in records:
        ledger.commit(one)
    return ledger


def test_two_normalizers_with_one_training_are_named_and_no_problem(tmp_path):
    """Where the random numbers are the same, two methods that do the same have the same trace; so has a copy."""
    found = ledger_of(tmp_path, *map(record, range(4)), *(record(seed, cell=OTHER) for seed in range(3))).verify()
    assert found.alike == {("identity", "none"): 3}
    assert found.problems == ()


def test_trials_that_the_plan_does_not_name_are_listed(tmp_path):
    strange = record(1, cell=OTHER)
    found = ledger_of(tmp_path, record(0), strange, record(77)).verify()
    assert found.outside == tuple(sorted((strange.trial_id, record(77).trial_id)))
    assert found.problems == ()


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize("work", [repair, Ledger.set_damaged_aside], ids=["repair", "a sweep's start"])
def test_a_record_of_a_later_version_is_no_damage_and_nothing_is_set_aside(tmp_path, monkeypatch, work, compacted):
    later = record(1)
    ledger = ledger_of(tmp_path, record(0), later)
    if compacted:
        ledger.compact()
    monkeypatch.setattr("ganbench.harness.ledger.repairing.known_definitions", lambda: [1])
    if compacted and work is not repair:  # what is in parts is looked at when it is read
        assert work(ledger) == []
    else:
        with pytest.raises(InputError, match="judged by definition 2, which this version of ganbench does not know"):
            work(ledger)
    assert not (tmp_path / "damaged").exists()
    assert len(ledger.committed()) == 2


def test_a_verdict_is_no_part_of_what_is_compared(tmp_path):
    """The same training under another definition's sweep is the same result."""
    first = record(3)
    second = replace(first, provenance={**first.provenance, "definition": 1})
    assert first.sha256 == second.sha256
    assert first.checksum != second.checksum


def referring(seed: int, cell: dict = CELL, **references: float):
    """A record whose provenance says what its data say of a generator that has learnt next to nothing."""
    made = record(seed, cell=cell)
    return replace(made, provenance={**made.provenance, "references": references})


def test_a_bar_that_is_another_one_than_that_of_the_same_data_is_a_problem(tmp_path):
    good = ledger_of(tmp_path / "good", *(referring(seed, fid=37.0 + 1e-9 * seed) for seed in range(3)))
    assert good.verify().problems == ()
    found = ledger_of(tmp_path / "bad", referring(0, fid=37.0), referring(1, fid=370.0)).verify()
    assert len(found.problems) == 1
    assert "its bar is another one than that of trial" in found.problems[0]


def test_a_bar_that_is_not_that_of_known_data_does_not_prove_itself(tmp_path):
    metric = {"name": "fidelity", "extractor": "digits-cnn", "samples": 500, "real": None, "split": "train"}
    cell = {**CELL, "dataset": {"name": "digits", "held_out": 0}, "metric": metric}
    key = "fid[digits-cnn:500_full]"
    for value, problems in ((DIGITS[0], 0), (2 * DIGITS[0], 1)):
        found = ledger_of(tmp_path / str(problems), referring(0, cell, **{key: value})).verify()
        assert len(found.problems) == problems
        assert all("its bar is not that of its data" in problem for problem in found.problems)


def test_a_bar_that_was_taken_out_of_a_record_does_not_prove_itself(tmp_path):
    metric = {"name": "fidelity", "extractor": "digits-cnn", "samples": 500, "real": None, "split": "train"}
    cell = {**CELL, "dataset": {"name": "digits", "held_out": 0}, "metric": metric}
    found = ledger_of(tmp_path / "known", referring(0, cell)).verify()
    assert "its bar is not that of its data" in found.problems[0]
    found = ledger_of(tmp_path / "unknown", referring(0, fid=37.0), referring(1)).verify()
    assert "its bar is another one than that of trial" in found.problems[0]


@pytest.mark.parametrize("value", [10**400, "37", None, [37.0]])
def test_a_bar_that_is_no_number_is_reported(tmp_path, value):
    found = ledger_of(tmp_path, referring(0, fid=37.0), referring(1, fid=value)).verify()
    assert "its bar is another one than that of trial" in found.problems[0]


def test_damaged_data_of_a_record_are_reported(tmp_path):
    cell = {**CELL, "dataset": {"name": "digits", "held_out": [1]}}
    assert ledger_of(tmp_path, record(0, cell=cell)).verify() is not None
