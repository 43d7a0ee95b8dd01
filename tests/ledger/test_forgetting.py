"""Forgetting: trials leave a ledger for good, a line stays that says why, and the next run makes them anew."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from killed import copies_before_each_step
from records import CELL, PLAN, record, trial

from ganbench import read_ledger, run
from ganbench.harness.canonical import digest
from ganbench.harness.errors import InputError, LedgerError
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.forgetting import Chosen, forget
from ganbench.harness.ledger.forgotten import Forgotten, read_forgotten
from ganbench.harness.ledger.merging import merge
from ganbench.harness.ledger.row import to_text

WHY = "the machine's memory is broken"
NOW = 1_800_000_000.0
WHEN = "2027-01-15T08:00:00+00:00"

OTHERS = {
    "bssn": {**CELL, "normalizer": {"name": "bssn"}},
    "bssn + r1": {**CELL, "normalizer": {"name": "composed", "parts": [{"name": "bssn"}, {"name": "r1"}]}},
}


def started(item: Record, when: float) -> Record:
    return replace(item, provenance={**item.provenance, "started": when})


def made_by(normalizer: str, number: int) -> Record:
    return record(number, loss=0.1 + number, cell=OTHERS[normalizer])


TRIALS = [
    *(started(record(number), 100.0 * number) for number in range(8)),
    *(made_by("bssn", number) for number in (20, 21)),
    *(made_by("bssn + r1", number) for number in (30, 31)),
]
"""On two machines, begun one after the other; the last four of other normalizers."""


def plan() -> dict:
    (about,) = PLAN["cells"]
    cells = [
        {**about, "id": digest(spec), "normalizer": name, "setting": name, "spec": spec}
        for name, spec in OTHERS.items()
    ]
    return {**PLAN, "cells": [about, *cells]}


@pytest.fixture(params=["in parts", "alone", "both"])
def ledger(request, tmp_path) -> Ledger:
    made = Ledger(tmp_path / "out")
    made.write_plan(plan())
    for number, item in enumerate(TRIALS):
        made.commit(item)
        if request.param == "in parts" and number % 4 == 3:
            made.compact()
        if request.param == "both" and number == 5:
            made.compact()
    return Ledger(made.root)


def files(ledger: Ledger) -> dict[Path, bytes]:
    return {
        path: path.read_bytes() for path in ledger.root.rglob("*") if path.is_file() and path.name != ".lock"
    }  # fmt: skip


def kept(ledger: Ledger) -> dict[str, str]:
    return {item.trial_id: to_text(item) for item in Ledger(ledger.root).records()}


WAYS: dict[str, tuple[Chosen, Callable[[Record], bool]]] = {
    "trials": (Chosen(frozenset({trial(2), trial(6)})), lambda item: item.seed in (2, 6)),
    "host": (Chosen(host="node1"), lambda item: item.provenance["host"] == "node1"),
    "normalizer": (Chosen(normalizer="none"), lambda item: item.spec["cell"] == CELL),
    "a part of a combination": (Chosen(normalizer="r1"), lambda item: item.seed in (30, 31)),
    "alone and in a combination": (Chosen(normalizer="bssn"), lambda item: item.seed >= 20),
    "since": (Chosen(since=500.0), lambda item: item.seed in (5, 6, 7)),
    "all of several": (
        Chosen(host="node1", normalizer="none", since=300.0),
        lambda item: item.seed in (3, 5, 7),
    ),
    "everything": (Chosen(since=0.0), lambda item: True),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_chosen_leaves_and_everything_else_stays_as_it_was(way, ledger):
    chosen, leaves = WAYS[way]
    before = kept(ledger)
    expected = {item.trial_id for item in TRIALS if leaves(item)}
    gone = forget(ledger, chosen, WHY, clock=lambda: NOW)
    assert {line.trial for line in gone} == expected
    assert kept(ledger) == {name: text for name, text in before.items() if name not in expected}
    for again in (ledger, Ledger(ledger.root)):
        assert again.committed() == before.keys() - expected
        assert not any(map(again.holds, expected))
        assert {row["trial"] for row in again.summary()} == before.keys() - expected
    found = Ledger(ledger.root).verify()
    assert (found.whole, found.problems) == (len(before) - len(expected), ())
    assert found.forgotten == len(expected)
    with pytest.raises(LedgerError, match="no such record"):
        Ledger(ledger.root).read(min(expected))


def test_the_line_says_which_when_and_why_and_stays(ledger):
    records = {item.trial_id: item for item in TRIALS}
    gone = forget(ledger, WAYS["a part of a combination"][0], f"  {WHY}\n", clock=lambda: NOW)
    assert len(gone) == 2
    for line in gone:
        item = records[line.trial]
        assert line == Forgotten(
            trial=item.trial_id,
            cell=item.cell_id,
            normalizer="bssn + r1",
            seed=item.seed,
            host=item.provenance["host"],
            sha256=item.sha256,
            checksum=item.checksum,
            why=WHY,
            when=WHEN,
        )
    assert read_forgotten(ledger.storage) == tuple(gone)
    lines = (ledger.root / "forgotten.jsonl").read_text().splitlines()
    assert [json.loads(line)["why"] for line in lines] == [WHY, WHY]
    forget(ledger, Chosen(host="node0"), "another reason", clock=lambda: NOW + 60)
    Ledger(ledger.root).compact()
    assert read_forgotten(Ledger(ledger.root).storage)[:2] == tuple(gone)
    assert [line["why"] for line in Ledger(ledger.root).plan()["forgotten"]][:2] == [WHY, WHY]


def test_what_left_is_still_there_for_people_and_read_by_nobody(ledger):
    gone = forget(ledger, Chosen(frozenset({trial(2)})), WHY)
    assert [line.trial for line in gone] == [trial(2)]
    (path,) = (ledger.root / "forgotten").iterdir()
    if path.suffix == ".parquet":
        aside = Ledger(ledger.root.with_name("aside"))
        (aside.root / "parts").mkdir(parents=True)
        shutil.copy(path, aside.root / "parts" / "part-00001.parquet")
        assert to_text(aside.read(trial(2))) == to_text(TRIALS[2])
    else:
        assert path.read_text() == to_text(TRIALS[2])
    ledger.compact()
    ledger.set_damaged_aside()
    assert trial(2) not in Ledger(ledger.root).committed()


def test_a_trial_that_was_forgotten_is_committed_anew_and_nothing_is_wrong_with_it(ledger):
    forget(ledger, Chosen(frozenset({trial(2)})), WHY)
    new = replace(record(2), provenance={"host": "mended", "definition": 2})
    assert ledger.commit(new)
    ledger.compact()
    again = Ledger(ledger.root)
    assert to_text(again.read(trial(2))) == to_text(new)
    assert (again.verify().problems, again.verify().duplicates) == ((), 0)
    assert again.verify().forgotten == 1


def test_the_next_run_makes_it_anew_with_the_same_result(tiny, tmp_path):
    out = tmp_path / "out"
    run(tiny, out, address="inline", seeds=1)
    before = {item.trial_id: item for item in read_ledger(out).records()}
    read_ledger(out).compact()
    gone = read_ledger(out).forget(Chosen(normalizer="none"), WHY)
    assert len(gone) == 3
    report = run(tiny, out, address="inline", seeds=1)
    assert (report.before, report.committed, report.missing) == (3, 3, 0)
    after = {item.trial_id: item for item in read_ledger(out).records()}
    assert {name: item.sha256 for name, item in after.items()} == {name: item.sha256 for name, item in before.items()}
    anew = {name for name, item in after.items() if item.checksum != before[name].checksum}
    assert anew == {line.trial for line in gone}
    assert read_ledger(out).verify().problems == ()
    assert len(read_forgotten(read_ledger(out).storage)) == 3


# --- merging ----------------------------------------------------------------------------------------------------------


def copied(ledger: Ledger, place: Path) -> Ledger:
    made = Ledger(place)
    merge([ledger], made)
    return made


def test_a_merge_does_not_bring_back_from_a_copy_what_was_forgotten(ledger, tmp_path):
    copy = copied(ledger, tmp_path / "copy")
    forget(ledger, Chosen(host="node1"), WHY)
    left = kept(ledger)
    expected = {item.trial_id for item in TRIALS if item.provenance["host"] == "node1"}
    done = merge([copy], ledger)
    assert (done.added, set(done.forgotten), done.different, done.refused) == (0, expected, (), {})
    assert kept(ledger) == left
    assert Ledger(ledger.root).verify().problems == ()


@pytest.mark.parametrize("order", [1, -1])
def test_of_a_ledger_that_forgot_and_a_copy_that_did_not_a_merge_takes_neither(order, ledger, tmp_path):
    copy = copied(ledger, tmp_path / "copy")
    forget(ledger, Chosen(frozenset({trial(2)})), WHY, clock=lambda: NOW)
    both = Ledger(tmp_path / "both")
    done = merge([ledger, copy][::order], both)
    assert (done.added, done.forgotten) == (len(TRIALS) - 1, (trial(2),))
    assert trial(2) not in both.committed()
    assert [(line.trial, line.why) for line in read_forgotten(both.storage)] == [(trial(2), WHY)]
    assert both.verify().problems == ()
    merge([ledger, copy], both)
    assert len(read_forgotten(both.storage)) == 1


def test_a_merge_takes_the_same_trial_made_anew(ledger, tmp_path):
    copy = copied(ledger, tmp_path / "copy")
    forget(ledger, Chosen(frozenset({trial(2)})), WHY)
    new = replace(record(2), provenance={"host": "mended", "definition": 2})
    elsewhere = Ledger(tmp_path / "elsewhere")
    elsewhere.write_plan(plan())
    elsewhere.commit(new)
    done = merge([copy, elsewhere], ledger)
    assert (done.added, done.forgotten) == (1, (trial(2),))
    assert to_text(Ledger(ledger.root).read(trial(2))) == to_text(new)


def test_a_target_that_still_has_what_another_ledger_forgot_is_told_so(ledger, tmp_path):
    target = copied(ledger, tmp_path / "target")
    forget(ledger, Chosen(frozenset({trial(2)})), WHY)
    merge([ledger], target)
    (problem,) = target.verify().problems
    assert trial(2) in problem and "forgotten" in problem
    forget(target, Chosen(frozenset({trial(2)})), WHY)
    assert target.verify().problems == ()
    assert len(read_forgotten(target.storage)) == 1


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["", "  \n\t "])
def test_without_a_reason_nothing_is_forgotten(why, ledger):
    before = files(ledger)
    with pytest.raises(InputError, match="--why"):
        forget(ledger, Chosen(host="node1"), why)
    assert files(ledger) == before


@pytest.mark.parametrize(
    "chosen",
    [
        Chosen(frozenset({trial(2), "0" * 20})),
        Chosen(frozenset({"../../etc/passwd"})),
        Chosen(frozenset({trial(2)}), host="node1"),  # it ran on the other one
    ],
)
def test_a_trial_that_is_not_there_is_named_and_nothing_is_forgotten(chosen, ledger):
    before = files(ledger)
    with pytest.raises(InputError, match="--trial"):
        forget(ledger, chosen, WHY)
    assert files(ledger) == before


def test_choosing_nothing_is_refused():
    with pytest.raises(InputError, match="--trial, --host, --normalizer or --since"):
        Chosen()


def test_what_matches_no_trial_changes_nothing(ledger):
    before = files(ledger)
    assert forget(ledger, Chosen(host="nowhere"), WHY) == []
    assert files(ledger) == before


def test_beside_a_compaction_nothing_is_forgotten(ledger):
    from filelock import FileLock

    (ledger.root / "parts").mkdir(exist_ok=True)
    before = files(ledger)
    with FileLock(ledger.root / "parts" / ".lock"), pytest.raises(LedgerError, match="another process is compacting"):
        forget(ledger, Chosen(host="node1"), WHY)
    assert files(ledger) == before


def test_a_damaged_record_is_named_before_anything_is_forgotten(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.write_plan(plan())
    for item in TRIALS[:4]:
        ledger.commit(item)
    path = ledger.path(trial(1))
    path.write_bytes(path.read_bytes()[:-30])
    before = files(ledger)
    with pytest.raises(LedgerError, match=trial(1)):
        forget(ledger, Chosen(host="node0"), WHY)
    assert files(ledger) == before


def test_a_spoilt_line_is_named_and_not_passed_over(ledger):
    forget(ledger, Chosen(host="node1"), WHY)
    with (ledger.root / "forgotten.jsonl").open("a") as file:
        file.write('{"trial": "half a li')  # of a process that was cut off: there was no such line yet
    assert len(read_forgotten(ledger.storage)) == 4 + 2
    (ledger.root / "forgotten.jsonl").write_text('{"trial": "a"}\n')
    with pytest.raises(LedgerError, match=re.escape("forgotten.jsonl")):
        read_forgotten(ledger.storage)


# --- a process that is cut off ----------------------------------------------------------------------------------------


def test_a_line_whose_record_is_still_there_is_reported_and_a_second_call_completes(ledger, monkeypatch):
    from ganbench.harness.ledger import forgetting

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(forgetting, "_take_out", _interrupt)
        forget(ledger, Chosen(host="node1"), WHY, clock=lambda: NOW)
    expected = {item.trial_id for item in TRIALS if item.provenance["host"] == "node1"}
    problems = Ledger(ledger.root).verify().problems
    assert len(problems) == len(expected)
    assert all(any(name in problem and "forget it again" in problem for problem in problems) for name in expected)
    gone = forget(Ledger(ledger.root), Chosen(host="node1"), WHY, clock=lambda: NOW + 60)
    assert {line.trial for line in gone} == expected
    found = Ledger(ledger.root).verify()
    assert (found.whole, found.problems, found.forgotten) == (len(TRIALS) - len(expected), (), len(expected))


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_process_killed_before_any_step_loses_nothing_else_and_a_second_call_completes(ledger):
    chosen, expected = Chosen(host="node1"), {x.trial_id for x in TRIALS if x.provenance["host"] == "node1"}
    whole = kept(ledger)
    left = {name: text for name, text in whole.items() if name not in expected}
    copies = copies_before_each_step(ledger.root, lambda: forget(ledger, chosen, WHY))
    assert kept(Ledger(ledger.root)) == left
    for point, place in enumerate(copies):
        killed = Ledger(place)
        found = kept(killed)
        assert found.items() >= left.items(), f"point {point}: a record was lost that was not to be forgotten"
        assert found.items() <= whole.items()
        still = found.keys() & expected
        lines = {line.trial for line in read_forgotten(killed.storage)}
        assert len(killed.verify().problems) == len(still & lines)
        assert expected - still <= lines, f"point {point}: a record left without a line"
        if still:
            forget(Ledger(place), Chosen(frozenset(still)), WHY)
        assert kept(killed) == left
        again = Ledger(place).verify()
        assert (again.problems, again.forgotten) == ((), len(expected)), f"point {point}"
    assert len(copies) >= 8
