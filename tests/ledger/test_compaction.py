"""Compaction: records move into Parquet parts, and readers, late commits and cut-off writers notice nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from killed import kill_before
from records import flip_record, in_order, record, trial

from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.row import to_text


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    made = Ledger(tmp_path / "ledger")
    for number in range(20):
        made.commit(record(number * 7919 % 20))
    return made


def texts(ledger: Ledger) -> list[str]:
    return [to_text(item) for item in ledger.records()]


def test_readers_see_the_same_records_in_the_same_order_before_and_after(ledger):
    before, ids, summary = texts(ledger), ledger.committed(), ledger.summary()
    assert ledger.compact() == 20
    assert texts(ledger) == before
    assert ledger.committed() == ids
    assert to_text(ledger.read(trial(3))) == to_text(record(3))
    by_trial = {row["trial"]: row for row in ledger.summary()}
    assert by_trial == {row["trial"]: row for row in summary}
    assert by_trial[trial(3)]["modes"] == ["diverged"]
    assert texts(Ledger(ledger.root)) == before


def test_single_records_and_several_parts_are_read_as_one_ledger(ledger):
    ledger.compact()
    for number in range(20, 30):
        ledger.commit(record(number))
    ledger.compact()
    for number in range(30, 35):
        ledger.commit(record(number))
    assert len(ledger.parts.names()) == 2
    assert sorted(item.seed for item in ledger.records()) == list(range(35))
    assert len(ledger.summary()) == 35
    assert ledger.compact(least=6) == 0
    assert ledger.compact(least=5) == 5


def test_a_late_commit_of_a_compacted_trial_finds_its_name_taken(ledger):
    ledger.compact()
    assert not ledger.commit(record(4))
    assert not ledger.commit(record(5, loss=0.2))
    noted = [json.loads(line) for line in (ledger.root / "duplicates.jsonl").read_text().splitlines()]
    assert [line["equal"] for line in noted] == [True, False]
    assert ledger.read(trial(5)).sha256 == record(5).sha256


def test_a_process_killed_while_it_compacts_loses_nothing(ledger):
    """The lock of a dead process is nobody's."""
    before = texts(ledger)
    for point in (3, 4, 8, 16):
        kill_before(point, ledger.root, lambda: Ledger(ledger.root).compact())
        assert texts(Ledger(ledger.root)) == before
    ledger.compact()
    assert texts(Ledger(ledger.root)) == before


def test_two_compactions_at_once_are_refused(ledger):
    from filelock import FileLock

    (ledger.root / "parts").mkdir()
    with FileLock(ledger.root / "parts" / ".lock"), pytest.raises(LedgerError, match="another process is compacting"):
        Ledger(ledger.root).compact()


def test_a_damaged_single_record_is_left_out_of_the_part_and_set_aside_by_the_next_sweep(ledger):
    path = ledger.path(trial(4))
    path.write_text(path.read_text().replace('"seed":4', '"seed":5'))
    assert ledger.compact() == 19
    (aside,) = ledger.set_damaged_aside()
    assert Path(aside).parent == ledger.root / "damaged"
    assert len(ledger.committed()) == 19
    assert ledger.commit(record(4))


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_part_is_named_and_set_aside_and_its_trials_run_again(damage, ledger):
    ledger.compact()
    ledger.commit(record(99))
    part = ledger.root / ledger.parts.names()[0]
    part.write_bytes(part.read_bytes()[:-100] if damage == "truncated" else flip_record(part))
    fresh = Ledger(ledger.root)
    with pytest.raises(LedgerError, match=r"part-00001\.parquet"):
        list(fresh.records())
    if damage == "flipped":
        return  # every page has a checksum: it is found when it is read, see test_verify
    moved = fresh.set_damaged_aside()
    assert len(moved) == 1
    again = Ledger(ledger.root)
    assert again.committed() == {trial(99)}
    assert again.commit(record(3))
    assert {item.seed for item in again.records()} == {3, 99}


def test_an_empty_file_without_a_part_is_damage(ledger):
    ledger.path(trial(4)).write_text("")
    with pytest.raises(LedgerError, match="damaged"):
        ledger.read(trial(4))
    assert len(ledger.set_damaged_aside()) == 1


def test_a_record_that_is_not_read_back_as_written_is_not_emptied(ledger, monkeypatch):
    """A disk that spoils what it is given: the part is refused, the single files stay."""
    import pyarrow.parquet as parquet

    before = texts(ledger)
    real = parquet.read_table
    monkeypatch.setattr(parquet, "read_table", lambda *args, **kwargs: real(*args, **kwargs).slice(1))
    with pytest.raises(LedgerError, match="not read back"):
        ledger.compact()
    assert not ledger.parts.names()
    assert texts(ledger) == before


def test_a_sweep_compacts_what_would_slow_the_next_one_down(tiny, tmp_path, monkeypatch):
    from ganbench import run
    from ganbench.harness.sweeps import sweep

    monkeypatch.setattr(sweep, "COMPACT_FROM", 4)
    out = tmp_path / "out"
    run(tiny, out, address="inline", seeds=1, limit=3)
    assert not Ledger(out).parts.names()
    run(tiny, out, address="inline", seeds=1)
    assert len(Ledger(out).parts.trials()) == 6
    report = run(tiny, out, address="inline", seeds=2, limit=3)
    assert (report.before, report.committed) == (6, 3)
    assert len(Ledger(out).parts.names()) == 1


def test_a_sweep_beside_another_that_compacts_ends_as_it_should(tiny, tmp_path, monkeypatch):
    from filelock import FileLock

    from ganbench import run
    from ganbench.harness.sweeps import sweep

    monkeypatch.setattr(sweep, "COMPACT_FROM", 1)
    parts = tmp_path / "out" / "parts"
    parts.mkdir(parents=True)
    with FileLock(parts / ".lock"):
        assert run(tiny, tmp_path / "out", address="inline", seeds=1).missing == 0
    assert len(Ledger(tmp_path / "out").committed()) == 6


def test_a_ledger_that_was_deleted_and_begun_anew_is_not_taken_for_the_old_one(tmp_path):
    """A process keeps what it knows of parts; these have the names of the old ones."""
    kept = Ledger(tmp_path / "out")
    kept.parts.write(in_order(range(1, 3)))
    assert kept.holds(trial(1))
    shutil.rmtree(tmp_path / "out")
    Ledger(tmp_path / "out").parts.write(in_order(range(2, 4)))
    assert not kept.holds(trial(1))
    assert to_text(kept.read(trial(2))) == to_text(record(2))
    assert {item.seed for item in kept.records()} == {2, 3}
