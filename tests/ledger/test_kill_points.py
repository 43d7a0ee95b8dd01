"""SIGKILL before every single step of everything that writes a ledger: nothing is lost, nothing is there twice.

What a process leaves that is killed before a step (``killed.py``) must be readable as it is, and the same work done again
must end in the undisturbed ledger.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from killed import copies_before_each_step, kill_before
from records import PLAN, flip_record, of_several_groups, record, trial

from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.duplicates import duplicates
from ganbench.harness.ledger.merging import merge
from ganbench.harness.ledger.repairing import repair
from ganbench.harness.ledger.row import from_text, to_text
from ganbench.harness.training.checkpoint import Checkpoints

LATE = replace(record(2), provenance={"host": "late"})


def base(folder: Path) -> Ledger:
    """Five trials in a part, and three single ones."""
    ledger = Ledger(folder)
    ledger.write_plan(PLAN)
    for number in range(8):
        ledger.commit(record(number))
        if number == 4:
            ledger.compact()
    return ledger


def damaged(folder: Path) -> Ledger:
    """The same, with a single record cut short, and a part that ends too early beside the good one."""
    ledger = base(folder)
    path = ledger.path(trial(6))
    path.write_bytes(path.read_bytes()[:-30])
    part = folder / ledger.parts.names()[0]
    part.with_name("part-00002.parquet").write_bytes(part.read_bytes()[:-30])
    return ledger


def flipped(folder: Path) -> Ledger:
    """A part with three row groups, of which one's pages have lost a bit."""
    ledger = Ledger(folder)
    ledger.write_plan(PLAN)
    ledger.parts.write(of_several_groups())
    part = folder / ledger.parts.names()[0]
    part.write_bytes(flip_record(part, 1))
    assert ledger.verify().problems
    return ledger


def interrupted_twins(folder: Path) -> Ledger:
    """What a compaction that was cut off and a late commit leave: singles of compacted trials, equal and not."""
    ledger = base(folder)
    for made in (record(1), LATE, record(3, loss=0.2)):
        path = ledger.path(made.trial_id)
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(to_text(made))
    return ledger


def run_again(ledger: Ledger) -> None:
    """Do what the next sweep does: set aside what is damaged, run what is missing, compact."""
    ledger.write_plan(PLAN)
    ledger.drop_checkpoints()
    ledger.set_damaged_aside()
    for number in range(8):
        if not ledger.holds(trial(number)):
            ledger.commit(record(number))


def commit_as_a_worker(ledger: Ledger) -> None:
    if not ledger.holds(record(13).trial_id):
        ledger.commit(record(13))


def save_checkpoints(ledger: Ledger) -> None:
    kept = Checkpoints(ledger.checkpoints("a" * 20), "x")
    begun = kept.newest()
    for step in range(1 + (begun["at"] if begun else 0), 5):
        kept.save(step, {"at": step})


def merged(ledger: Ledger) -> None:
    """Bring in another laboratory's: two trials that are there already, one of them with another result, and three new."""
    other = Ledger(ledger.root.parent / "other")
    if not other.storage.exists("suite.json"):
        other.write_plan(PLAN)
        for made in (record(4), record(5, loss=0.2), *(record(number) for number in (20, 21, 22))):
            other.commit(made)
    done = merge([other], ledger)
    assert done.different == (trial(5),)


WORK: dict[str, tuple[Callable[[Path], Ledger], Callable[[Ledger], object]]] = {
    "commit": (base, commit_as_a_worker),
    "first commit of all": (Ledger, commit_as_a_worker),
    "second commit": (base, lambda ledger: ledger.commit(replace(record(7), provenance={"host": "late"}))),
    "late commit of a compacted trial": (base, lambda ledger: ledger.commit(LATE)),
    "compaction": (base, lambda ledger: ledger.compact()),
    "compaction of leftovers": (interrupted_twins, lambda ledger: ledger.compact()),
    "plan": (base, lambda ledger: ledger.write_plan(PLAN)),
    "relabel": (base, lambda ledger: ledger.relabel(1)),
    "set aside": (damaged, run_again),
    "repair": (flipped, repair),
    "checkpoints": (base, save_checkpoints),
    "merge": (base, merged),
}


LEAST = {
    "commit": 4,
    "first commit of all": 6,
    "second commit": 4,
    "late commit of a compacted trial": 1,
    "compaction": 8,
    "compaction of leftovers": 12,
    "plan": 4,
    "relabel": 3,
    "set aside": 10,
    "repair": 5,
    "checkpoints": 17,
    "merge": 16,
}
"""Points that there are at least: were they not seen, the test would check nothing."""


def content(ledger: Ledger) -> dict[str, object]:
    """Return all that readers can see; names of files that hold the same may differ."""
    plan = ledger.plan() if ledger.storage.exists("suite.json") else None
    kept = Checkpoints(ledger.checkpoints("a" * 20), "x").newest()
    return {
        "records": [to_text(item) for item in ledger.records()],
        "committed": sorted(ledger.committed()),
        "summary": sorted(map(str, ledger.summary())),
        "duplicates": sorted(map(str, duplicates(ledger.storage))),
        "plan": plan,
        "checkpoint": kept,
        "verified": str(ledger.verify()).replace(str(ledger.root), "here"),
    }


@pytest.mark.parametrize("name", WORK)
def test_a_process_killed_before_any_step_leaves_a_ledger_that_the_next_run_completes(name, tmp_path):
    prepare, work = WORK[name]
    prepare(tmp_path / "before")
    (tmp_path / "before").mkdir(exist_ok=True)
    if work is merged:
        merged(Ledger(_copied(tmp_path, "unused")))
    undisturbed = Ledger(_copied(tmp_path, "undisturbed"))
    whole_before = _whole_records(undisturbed)
    left = copies_before_each_step(undisturbed.root, lambda: work(undisturbed))
    expected = content(Ledger(undisturbed.root))
    assert len(left) >= LEAST[name]
    middle = len(left) // 2
    really = _copied(tmp_path, "killed")
    kill_before(middle, really, lambda: work(Ledger(really)))
    assert files(really) == files(left[middle]), "a copy is not what a killed process leaves"
    for point, folder in enumerate(left):
        seen = _whole_records(Ledger(folder))
        assert seen.items() >= whole_before.items(), f"point {point}: a record was lost"
        work(Ledger(folder))
        assert content(Ledger(folder)) == expected, f"point {point}"


def files(folder: Path) -> dict[str, bytes]:
    """Return all files; what is not finished has a random name."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {re.sub(r"(\.\d+\.|-)[0-9a-f]{8,}$", "", name): data for name, data in found.items()}


def _copied(folder: Path, name: str) -> Path:
    shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(folder / "before", folder / name)
    return folder / name


def _whole_records(ledger: Ledger) -> dict[str, str]:
    """Return the records that can be read, without what is known to be damaged."""
    found = {}
    for part in ledger.parts.names():
        try:
            found |= {name: to_text(item) for name, item in ledger.parts.examined(part) if isinstance(item, Record)}
        except Exception:  # the part that was made to be damaged
            continue
    for name, files in ledger.singles.all().items():
        try:
            if name not in found:
                found[name] = to_text(from_text(name, ledger.storage.read(files[0]).decode()))
        except ValueError:
            continue
    return found
