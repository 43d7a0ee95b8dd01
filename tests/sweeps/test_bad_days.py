"""What happens to a ledger on bad days: a clear message or correct work, and never a damaged ledger."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from namespace import run_in_namespace
from records import PLAN, flip_record, of_several_groups, record, trial
from tiny import end_session, ganbench_process, write_tiny

from ganbench import read_ledger, run
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.merging import merge
from ganbench.harness.ledger.part_file import ROWS, table_of
from ganbench.harness.ledger.repairing import repair
from ganbench.harness.ledger.row import to_text
from ganbench.harness.ledger.running import announced
from ganbench.harness.worker.interruption import ask_to_stop


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """A suite, and its six trials in `out`."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run(write_tiny(folder / "tiny.yaml", seeds=1), folder / "out", address="inline")
    return folder


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    """Five trials in a part, three single ones."""
    made = Ledger(tmp_path / "ledger")
    made.write_plan(PLAN)
    for number in range(8):
        made.commit(record(number))
        if number == 4:
            made.compact()
    return made


def hashes(folder: Path) -> dict[str, str]:
    return {item.trial_id: item.sha256 for item in read_ledger(folder).records()}


FULL = """
import json, subprocess, sys
from pathlib import Path
from ganbench import read_ledger, run
from ganbench.harness.errors import LedgerError
suite, folder = sys.argv[1], Path(sys.argv[2])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "none", str(folder)], check=True)
try:
    run(suite, folder / "out", address="inline")
    told = ""
except LedgerError as error:
    told = str(error)
full = read_ledger(folder / "out")
found, held = full.verify(), len(full.committed())
subprocess.run(["mount", "-o", "remount,size=60k", str(folder)], check=True)
try:
    full.compact()
except LedgerError as error:
    told += "\\n" + str(error)
subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
report = run(suite, folder / "out", address="inline")
hashes = {item.trial_id: item.sha256 for item in read_ledger(folder / "out").records()}
print(json.dumps([told, held, found.problems, report.before, report.missing, report.lost, hashes]))
"""


def test_a_full_disk_is_one_message_and_with_room_again_the_sweep_goes_on_to_the_same_ledger(undisturbed, tmp_path):
    """A real one: a file system of 40 kB, with room for the plan and one or two records."""
    done = run_in_namespace(FULL, undisturbed / "tiny.yaml", tmp_path)
    assert done.returncode == 0, done.stderr
    told, held, problems, before, missing, lost, found = json.loads(done.stdout.splitlines()[-1])
    assert "cannot be written" in told and "No space left on device" in told
    assert 0 < held < 6
    assert problems == []
    assert (before, missing, lost) == (held, 0, {})
    assert found == hashes(undisturbed / "out")


READ_ONLY = """
import contextlib, io, subprocess, sys
from ganbench.harness.cli import main
folder, suite = sys.argv[1:]
subprocess.run(["mount", "--bind", folder, folder], check=True)
subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
def ganbench(*arguments):
    sys.argv[1:], told, code = arguments, io.StringIO(), 0
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        try:
            main()
        except SystemExit as error:
            code = error.code or 0
    print(code, told.getvalue().replace("\\n", " | "))
ganbench("run", suite, "--results", folder, "--address", "inline", "--tracking-uri", "off")
ganbench("stop", folder)
ganbench("ledger", "compact", folder)
ganbench("ledger", "verify", folder)
ganbench("status", folder)
"""


def test_a_read_only_ledger_can_be_read_and_what_would_write_is_one_message(undisturbed, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(undisturbed / "out", out)
    done = run_in_namespace(READ_ONLY, out, undisturbed / "tiny.yaml")
    assert done.returncode == 0, done.stderr
    started, stopped, compacted, verified, status = done.stdout.splitlines()
    for line in (started, stopped, compacted):
        assert line.startswith("2 error: ") and "Read-only file system" in line and str(out) in line, line
        assert "Traceback" not in line
    assert verified.startswith("0 6 records are whole, 0 problems")
    assert "6 of 6 trials committed" in status


def test_two_drivers_on_one_sweep_both_end_well_and_every_trial_is_there_once(undisturbed, tmp_path):
    out = tmp_path / "out"
    command = ("run", undisturbed / "tiny.yaml", "--results", out, "--address", "inline", "--tracking-uri", "off")
    drivers = [ganbench_process(*command, cwd=tmp_path) for _ in range(2)]
    for driver in drivers:
        told, errors = driver.communicate(timeout=200)
        end_session(driver.pid)
        assert driver.returncode == 0, told + errors
    assert hashes(out) == hashes(undisturbed / "out")
    found = read_ledger(out).verify()
    assert (found.whole, found.problems, found.unequal) == (6, (), 0)
    assert not list(out.glob("trials/*/.*")) and not list((out / "running").iterdir())
    assert not (out / "checkpoints").exists() or not list((out / "checkpoints").iterdir())


FILES = {
    "plan": lambda ledger: ledger.root / "suite.json",
    "choice": lambda ledger: ledger.root / "definition.json",
    "record": lambda ledger: ledger.path(trial(6)),
    "part": lambda ledger: ledger.root / ledger.parts.names()[0],
    "duplicates": lambda ledger: ledger.root / "duplicates.jsonl",
    "running": lambda ledger: ledger.root / "running" / f"{trial(9)}.json",
    "checkpoint": lambda ledger: ledger.root / "checkpoints" / trial(9) / "000000001.ckpt",
}
DAMAGE = {
    "truncated": lambda content: content[: len(content) * 2 // 3],
    "flipped": lambda content: (
        content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 0x10]) + content[len(content) // 2 + 1 :]
    ),
    "empty": lambda content: b"",
    "foreign": lambda content: b"\xff\x00[]" * 50,
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("file", FILES)
def test_any_damaged_file_is_a_message_or_correct_work_and_nothing_else_is_harmed(file, damage, ledger, monkeypatch):
    from ganbench.harness.sweeps.status import status
    from ganbench.harness.training.checkpoint import Checkpoints

    ledger.relabel(2)
    ledger.commit(replace(record(7), provenance={"host": "late"}))
    Checkpoints(ledger.checkpoints(trial(9)), "x").save(1, {"at": 1})
    path = FILES[file](ledger)
    if file == "running":
        path.parent.mkdir()
        path.write_text(json.dumps({"host": "h", "attempt": 1, "started": 1.0, "clock": 1.0}))
    everything = {other: other.read_bytes() for other in ledger.root.rglob("*") if other.is_file() and other != path}
    good = {item.trial_id: to_text(item) for item in ledger.records()}
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    again = Ledger(ledger.root)
    for look in (again.plan, lambda: list(again.records()), again.summary, again.verify, lambda: status(again)):
        try:
            look()
        except LedgerError as error:
            assert str(path) in str(error)
    assert Checkpoints(again.checkpoints(trial(9)), "x").newest() in (None, {"at": 1})
    assert {other: other.read_bytes() for other in everything} == everything
    again.set_damaged_aside()
    for number in range(8):
        try:
            if not again.holds(trial(number)):
                again.commit(record(number))
        except LedgerError as error:
            assert str(path) in str(error)
    problems = again.verify().problems
    assert all(str(path) in problem for problem in problems)
    assert not problems or file in ("part", "plan", "choice")
    if not problems or file != "part":  # what is damaged within a part that opens is named, and repaired
        assert {item.trial_id: to_text(item) for item in again.records()} == good


def test_a_sweep_sets_a_part_that_does_not_open_aside_and_repeats_its_trials(undisturbed, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(undisturbed / "out", out)
    ledger = read_ledger(out)
    ledger.compact()
    part = out / ledger.parts.names()[0]
    part.write_bytes(part.read_bytes()[:-50])
    report = run(undisturbed / "tiny.yaml", out, address="inline")
    assert (report.before, report.committed, len(report.set_aside)) == (0, 6, 1)
    assert hashes(out) == hashes(undisturbed / "out")


def test_a_store_that_fails_for_a_moment_costs_no_part(ledger, monkeypatch):
    """What cannot be fetched is not damaged: nothing is set aside for it."""

    def fail(*_):
        raise OSError("AWS Error NETWORK_CONNECTION")

    for name in ("source", "read"):
        with monkeypatch.context() as patch:
            patch.setattr(type(ledger.storage), name, fail)
            if name == "read":
                for work in (Ledger(ledger.root).set_damaged_aside, lambda: repair(Ledger(ledger.root))):
                    with pytest.raises(LedgerError, match="NETWORK_CONNECTION"):
                        work()
            else:
                with pytest.raises(LedgerError, match="NETWORK_CONNECTION"):
                    list(Ledger(ledger.root).records())
    assert not (ledger.root / "damaged").exists()
    assert len(list(Ledger(ledger.root).records())) == 8


def test_a_part_with_a_flipped_bit_is_repaired_and_only_what_was_lost_runs_again(ledger, tmp_path):
    big, made = Ledger(tmp_path / "big"), of_several_groups()
    big.write_plan(PLAN)
    big.parts.write(made)
    part = big.root / big.parts.names()[0]
    part.write_bytes(flip_record(part, 1))
    with pytest.raises(LedgerError, match="ganbench ledger repair"):
        list(Ledger(big.root).records())
    assert len(big.verify().problems) == 1
    assert big.verify().whole == len(made) - ROWS
    done = repair(big)
    assert (done.saved, len(done.lost), len(done.aside)) == (len(made) - ROWS, ROWS, 1)
    again = Ledger(big.root)
    assert again.verify().problems == ()
    assert made[ROWS].trial_id not in again.committed()
    for item in made[ROWS : 2 * ROWS]:
        assert again.commit(item)
    assert list(map(to_text, again.records())) == list(map(to_text, made))


HOSTILE = ["../../x", "/tmp/x", "a" * 20 + "\n", "..", "", "A" * 20, "a" * 19 + "/", "a\0" * 10]


def hostile(name: str) -> Record:
    """A record that says it is of a trial which leads elsewhere."""
    made = record(20)
    made.__dict__["trial_id"] = name
    return made


@pytest.mark.parametrize("name", HOSTILE)
def test_no_identity_leads_out_of_the_ledger(name, ledger, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    for use in (
        lambda: ledger.path(name),
        lambda: ledger.checkpoints(name),
        lambda: ledger.read(name),
        lambda: ledger.commit(hostile(name)),
        lambda: announced(ledger.storage, name, 1).__enter__(),
    ):
        with pytest.raises(LedgerError, match="is not a trial's identity"):
            use()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("place", ["single", "part"])
def test_a_hostile_ledger_is_refused_by_a_merge_and_nothing_is_written(place, ledger, tmp_path):
    """Its record has checksums that fit and names a trial that leads elsewhere."""
    other, bad = Ledger(tmp_path / "hostile"), hostile("../../x")
    other.write_plan(PLAN)
    if place == "part":
        with pytest.raises(LedgerError):
            other.parts.write([bad])
        part = other.root / "parts" / "part-00001.parquet"
        parquet.write_table(table_of([bad]), part)
    else:
        path = other.path(trial(20))
        path.parent.mkdir(parents=True)
        path.write_text(to_text(bad))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    if place == "part":
        with pytest.raises(LedgerError, match="damaged"):
            merge([other], ledger)
    else:
        done = merge([other], ledger)
        assert (done.added, done.equal) == (0, 0)
        assert list(done.refused) == [trial(20)]
        assert "../../x" in done.refused[trial(20)]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert other.verify().problems


def test_a_suites_name_cannot_lead_what_is_written_beside_a_bucket_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ledger = Ledger(tmp_path)
    monkeypatch.setattr(Ledger, "folder", None)
    for name in ("../../x", "..", "/etc", ".hidden", "a b"):
        monkeypatch.setattr(Ledger, "plan", lambda self, name=name: {"suite": name})
        assert ledger.beside("leaderboard").parent == tmp_path
        assert not ledger.beside("leaderboard").name.startswith(".")


def test_a_request_to_stop_that_cannot_be_written_is_a_message(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot be written"):
        ask_to_stop(tmp_path / "file" / "results")


def test_files_of_another_kind_among_the_records_are_named_by_verify(ledger):
    ledger.path(trial(6)).with_name(f"{trial(6)}.{'a' * 32}.json").write_text("{}")
    assert "is no record by its name" in ledger.verify().problems[0]
    assert len(ledger.committed()) == 8
