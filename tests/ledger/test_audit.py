"""What verifying says beside problems, and what it must not take for damage."""

from __future__ import annotations

from dataclasses import replace

import pytest
from records import CELL, PLAN, record

from ganbench.harness.errors import InputError
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.repairing import repair

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
