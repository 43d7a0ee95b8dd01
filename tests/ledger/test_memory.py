"""What was made of a part before: taken from this machine's memory, and made anew where anything has changed."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest
from records import flip_record
from tracked import four_trials, make_ledger

from ganbench.harness.ledger import Ledger, memory, processes
from ganbench.harness.ledger.audit import verify
from ganbench.harness.ledger.memory import Memory
from ganbench.harness.ledger.processes import Lasting, each_part
from ganbench.harness.stability import load_definition
from ganbench.reports.evidence.gathering import Sieve, gather


@dataclass(frozen=True)
class Trials(Lasting):
    """Notes that it was asked, and returns the trials of a part."""

    log: list[str]
    depends: str = "trials"
    lasting: bool = True

    def __call__(self, ledger, part):
        self.log.append(part)
        return [trial for trial, _ in ledger.parts.records(part)]

    def lasts(self, result):
        return self.lasting


@pytest.fixture
def ledger(tmp_path, monkeypatch) -> Ledger:
    """A ledger of two parts that counts as large, and whose memory is its own."""
    monkeypatch.setattr(processes, "PAYS", 1)
    monkeypatch.setattr(processes, "processes", lambda trials: 1)
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "data"))
    first, *rest = four_trials()
    made = make_ledger(tmp_path / "ledger", first)
    made.compact()
    for record in rest:
        made.commit(record)
    made.compact()
    return Ledger(made.root)


def asked(ledger: Ledger, **task: object) -> list[str]:
    """Which parts a task reads."""
    log: list[str] = []
    found = list(each_part(ledger, Trials(log, **task)))
    assert sorted(trial for some in found for trial in some) == sorted(ledger.committed())
    return log


def test_what_was_made_of_a_part_is_not_made_again(ledger):
    assert asked(ledger) == ledger.parts.names()
    assert asked(ledger) == []


def test_a_part_that_is_new_or_another_one_is_read(ledger):
    asked(ledger)
    second = ledger.parts.names()[1]
    (ledger.root / second).unlink()
    for record in four_trials()[1:]:
        ledger.commit(record)
    ledger.compact(least=1)
    assert asked(Ledger(ledger.root)) == []  # the same records are the same bytes
    other = four_trials()[1:3]
    (ledger.root / second).unlink()
    for record in other:
        ledger.commit(record)
    ledger.compact(least=1)
    assert asked(Ledger(ledger.root)) == [second]


def test_another_task_another_place_and_other_code_are_other_results(ledger, monkeypatch):
    asked(ledger)
    assert asked(ledger, depends="other") == ledger.parts.names()
    ledger.root.rename(ledger.root.with_name("moved"))  # problems name the file
    moved = Ledger(ledger.root.with_name("moved"))
    assert asked(moved) == moved.parts.names()
    monkeypatch.setattr(memory, "code", lambda: "changed")
    assert asked(moved) == moved.parts.names()


def test_what_does_not_last_is_not_kept(ledger):
    assert asked(ledger, lasting=False) == asked(ledger, lasting=False) == ledger.parts.names()


def test_a_remembered_result_that_cannot_be_read_is_made_again(ledger):
    asked(ledger)
    for path in (ledger.root.parent / "data/parts").iterdir():
        path.write_bytes(path.read_bytes()[:-4])
    assert asked(ledger) == ledger.parts.names()


def test_a_report_from_memory_is_the_same(ledger, monkeypatch):
    before = gather(ledger)
    monkeypatch.setattr(Sieve, "take", lambda *_: iter(()))
    after = gather(ledger)
    assert after.results.keys() == before.results.keys()
    for cell, results in before.results.items():
        for seed, result in results.items():
            again = after.results[cell][seed]
            assert (again.verdict, again.sha256, again.measured) == (result.verdict, result.sha256, result.measured)


def test_each_definition_has_a_memory_of_its_own(ledger):
    def definitions(version):
        evidence = gather(ledger, version)
        return {result.verdict.definition for results in evidence.results.values() for result in results.values()}

    assert [definitions(version) for version in (2, 1, 2)] == [{2}, {1}, {2}]
    assert load_definition(1) != load_definition(2)


def test_damage_is_found_also_in_what_was_verified_before(ledger):
    part = ledger.parts.names()[1]

    def found():
        return [problem for problem in verify(Ledger(ledger.root)).problems if part in problem]

    assert found() == found() == []
    (ledger.root / part).write_bytes(flip_record(ledger.root / part))
    assert found()
    assert found() == found()


def test_nothing_is_written_for_a_small_ledger(ledger, monkeypatch):
    monkeypatch.setattr(processes, "PAYS", 5)
    assert asked(ledger) == asked(ledger) == ledger.parts.names()
    assert not (ledger.root.parent / "data/parts").exists()


def test_what_was_used_least_recently_goes_first(tmp_path):
    kept = Memory(tmp_path)
    for number in range(4):
        kept.keep(str(number), bytes(1000))
        os.utime(tmp_path / str(number), (number, number))
    assert kept.recall("0") == bytes(1000)  # used just now
    kept.tidy(2500)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "3"]
