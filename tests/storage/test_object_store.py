"""A ledger in an object store: the same promises as in a folder, against a real S3 server on this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from records import PLAN, in_order, record, trial
from s3 import SECRET, s3_server
from tiny import end_session, ganbench_process, write_tiny

from ganbench import read_ledger, run
from ganbench.harness.errors import InputError, LedgerError
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.forgetting import Chosen
from ganbench.harness.ledger.merging import merge
from ganbench.harness.ledger.row import to_text
from ganbench.harness.ledger.running import announced, running
from ganbench.harness.storage import open_storage
from ganbench.harness.training.checkpoint import Checkpoints
from ganbench.harness.worker.interruption import ask_to_stop, go_on, is_asked_to_stop


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as options:
        yield options


@pytest.fixture
def address(server) -> str:
    return f"s3://bucket/some/{uuid.uuid4().hex[:8]}{server}"


@pytest.fixture
def ledger(address) -> Ledger:
    return Ledger(address)


def texts(ledger: Ledger) -> list[str]:
    return [to_text(item) for item in ledger.records()]


def candidate(ledger: Ledger, committed) -> str:
    """Write what a process leaves that commits without seeing anybody else."""
    name = f"trials/{committed.trial_id[:2]}/{committed.trial_id}.{uuid.uuid4().hex}.json"
    ledger.storage.write(name, to_text(committed).encode())
    return name


def test_what_is_committed_is_read_back_and_the_second_commit_is_noted(ledger):
    ledger.write_plan(PLAN)
    assert ledger.commit(record(3))
    assert not ledger.commit(record(3))
    assert not ledger.commit(record(3, loss=0.2))
    again = read_ledger(ledger.where)
    assert to_text(again.read(trial(3))) == to_text(record(3))
    assert again.committed() == {trial(3)}
    assert again.holds(trial(3)) and not again.holds(trial(4))
    found = again.verify()
    assert (found.whole, found.problems, found.duplicates, found.unequal) == (1, (), 2, 1)


COMMIT = """
import sys
from dataclasses import replace
from records import record
from ganbench.harness.ledger import Ledger
ledger = Ledger(sys.argv[1])
mine = [replace(record(n, loss=float(sys.argv[2])), provenance={"host": sys.argv[2]}) for n in range(6)]
ledger.committed()  # connected
print("ready", flush=True)
sys.stdin.readline()
print(sum(ledger.commit(item) for item in mine), flush=True)
"""


def test_of_processes_that_commit_the_same_trials_at_once_one_wins_each_for_all_readers(ledger, address):
    """The losers are reported as duplicates, by whichever way they came to be noticed."""
    path = os.pathsep.join([str(Path(__file__).parent / "support"), *sys.path])
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", COMMIT, address, loss],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for loss in ("0.1", "0.2")
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    first = sum(int(process.communicate(timeout=60)[0]) for process in processes)
    assert first >= 6
    seen = texts(ledger)
    assert len(seen) == 6
    assert texts(Ledger(address)) == seen
    found = ledger.verify()
    assert (found.whole, found.duplicates, found.unequal) == (6, 6, 6)
    ledger.compact()
    assert texts(Ledger(address)) == seen
    assert (ledger.verify().whole, ledger.verify().duplicates) == (6, 6)


def test_candidates_are_elected_alike_by_every_reader_and_each_loser_is_noted_once(ledger, address):
    """What six writers leave that did not see each other; the same again after the winner was compacted."""
    names = [candidate(ledger, record(1, loss=0.1 * number)) for number in range(6)]
    times = {entry.name: entry.changed for entry in ledger.storage.entries("trials", 2)}
    winner = min(names, key=lambda name: (times[name], name))
    expected = ledger.storage.read(winner).decode()
    for reader in (ledger, Ledger(address)):
        assert to_text(reader.read(trial(1))) == expected
        assert texts(reader) == [expected]
        assert [row["trial"] for row in reader.summary()] == [trial(1)]
    assert (ledger.verify().whole, ledger.verify().duplicates, ledger.verify().unequal) == (1, 5, 5)
    assert ledger.compact() == 1
    candidate(ledger, replace(record(1), provenance={"host": "late"}))
    assert texts(Ledger(address)) == [expected]
    assert ledger.verify().duplicates == 6
    ledger.compact()
    assert ledger.storage.names("trials", 2) == []
    assert ledger.verify().duplicates == 6
    assert texts(Ledger(address)) == [expected]


def test_a_commit_overtaken_by_its_own_compaction_is_no_duplicate(ledger, monkeypatch):
    real = type(ledger.storage).create

    def create(self, name, content):
        done = real(self, name, content)
        if name.startswith("trials"):
            Ledger(ledger.where).compact()
        return done

    monkeypatch.setattr(type(ledger.storage), "create", create)
    assert ledger.commit(record(2))
    assert ledger.verify().duplicates == 0
    assert [item.seed for item in ledger.records()] == [2]


def test_two_compactions_at_once_do_no_harm(ledger, monkeypatch):
    """The second begins and ends while the first has read the records and not yet written its part."""
    for number in range(5):
        ledger.commit(record(number))
    before = texts(ledger)
    first, real = [True], type(ledger.parts).write

    def write(self, records):
        if first.pop() if first else False:
            assert Ledger(ledger.where).compact() == 5
        return real(self, records)

    monkeypatch.setattr(type(ledger.parts), "write", write)
    assert ledger.compact() == 5
    assert len(ledger.parts.names()) == 2
    assert texts(Ledger(ledger.where)) == before
    found = ledger.verify()
    assert (found.whole, found.duplicates) == (5, 0)


def test_of_two_parts_with_other_commits_of_a_trial_the_same_one_counts_for_all_readers(ledger):
    first = {1: record(1), 2: record(2)}
    other = {**first, 1: replace(record(1), provenance={"host": "other", "seconds": 9.0})}
    ledger.parts.write([first[1]])
    ledger.parts.write([other[item.seed] for item in in_order(range(1, 3))])
    for reader in (ledger, Ledger(ledger.where)):
        assert to_text(reader.read(trial(1))) == to_text(record(1))
        assert texts(reader) == list(map(to_text, in_order(range(1, 3))))
        assert [row["host"] for row in reader.summary() if row["seed"] == 1] == ["node1"]
    assert ledger.verify().whole == 2


def test_a_damaged_candidate_is_set_aside_and_the_next_one_counts(ledger):
    spoilt = candidate(ledger, record(1))
    ledger.storage.write(spoilt, to_text(record(1)).encode()[:-40])
    with pytest.raises(LedgerError, match="the record is damaged"):
        ledger.read(trial(1))
    assert len(ledger.set_damaged_aside()) == 1
    assert ledger.committed() == set()
    assert ledger.commit(record(1))
    assert len(ledger.storage.names("damaged")) == 1


def test_a_folder_and_a_bucket_are_merged_into_each_other(ledger, tmp_path):
    local = Ledger(tmp_path / "local")
    for number, target in enumerate((local, ledger)):
        target.write_plan(PLAN)
        target.commit(record(number))
        target.commit(record(7))
    done = merge([local], ledger)
    assert (done.added, done.equal, done.different) == (1, 1, ())
    done = merge([ledger], local)
    assert (done.added, done.equal, done.different) == (1, 2, ())
    assert texts(local) == texts(ledger)


def test_what_was_forgotten_in_a_bucket_leaves_a_line_and_the_ledger_is_read(ledger):
    """The records that left stand beside the lines that say so."""
    ledger.write_plan(PLAN)
    for number in range(3):
        ledger.commit(record(number))
    ledger.forget(Chosen(trials=frozenset({trial(0)})), "a broken node")
    ledger.compact()
    ledger.forget(Chosen(trials=frozenset({trial(1)})), "another one")
    again = read_ledger(ledger.where)
    assert again.committed() == {trial(2)}
    assert sorted(line["trial"] for line in again.plan()["forgotten"]) == sorted([trial(0), trial(1)])


def test_checkpoints_are_continued_from_a_bucket(ledger):
    place = ledger.checkpoints(trial(0))
    kept = Checkpoints(place, "x")
    for step in (1, 2, 3):
        kept.save(step, {"at": step})
    assert Checkpoints(ledger.checkpoints(trial(0)), "x").newest() == {"at": 3}
    assert place.names("") == ["000000002.ckpt", "000000003.ckpt"]
    place.write("000000003.ckpt", b"spoilt")
    assert Checkpoints(place, "x").newest() == {"at": 2}
    ledger.commit(record(0))
    ledger.drop_checkpoints()
    assert place.names("") == []


def test_what_is_under_way_and_a_request_to_stop_are_seen_from_elsewhere(ledger, address):
    with announced(address, "a" * 20, 2):
        (item,) = running(Ledger(address).storage)
        assert (item.trial_id, item.attempt) == ("a" * 20, 2)
        assert abs(item.behind) < 5
    assert running(address) == []
    assert not is_asked_to_stop(address)
    ask_to_stop(address)
    assert is_asked_to_stop(ledger.storage)
    go_on(address)
    assert not is_asked_to_stop(address)


@pytest.mark.long
def test_a_sweep_into_a_bucket_is_stopped_goes_on_and_equals_the_local_ledger(address, tmp_path, ganbench, monkeypatch):
    """And every other command works on its address; what they write for people stands in the working directory."""
    suite = write_tiny(tmp_path / "tiny.yaml", seeds=1, steps=200)
    run(suite, tmp_path / "local", address="inline")
    expected = {item.trial_id: item.sha256 for item in read_ledger(tmp_path / "local").records()}
    process = ganbench_process(
        "run", suite, "--results", address, "--address", "inline", "--tracking-uri", "off", cwd=tmp_path
    )
    deadline = time.monotonic() + 90
    while not Ledger(address).committed() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    said("stop", address)
    told, errors = process.communicate(timeout=90)
    end_session(process.pid)
    assert process.returncode == 3, told + errors
    assert 0 < len(read_ledger(address).committed()) < 6
    left = {name.split("/")[1] for name in read_ledger(address).storage.names("checkpoints", 2)}
    report = run(suite, address, address="inline")
    assert (report.missing, report.lost) == (0, {})
    ledger = read_ledger(address)
    assert {item.trial_id: item.sha256 for item in ledger.records()} == expected
    # Nothing is left where the request came between two trials; a checkpoint in a bucket has a test of its own above.
    assert {item.trial_id for item in ledger.records() if item.provenance["resumed_from"]} == left
    assert ledger.storage.names("checkpoints", 2) == []
    monkeypatch.chdir(tmp_path)
    assert "6 records moved" in said("ledger", "compact", address)
    assert "6 records are whole, 0 problems" in said("ledger", "verify", address)
    assert "6 of 6 trials committed" in said("status", address)
    said("relabel", address, "--definition", "1")
    assert read_ledger(address).plan()["definition"] == 1
    assert "tiny-leaderboard" in said("report", address)
    assert (tmp_path / "tiny-leaderboard" / "leaderboard.html").exists()
    said("sync", address)
    assert (tmp_path / "tiny-mlflow.db").exists()
    said("ledger", "export", address, "--out", "trials.csv")
    assert "6 trials added" in said("ledger", "merge", address, "--into", "copy")
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET.encode() not in content
    everything = b"".join(open_storage(address).read(name) for name in _all_names(address))
    assert b"trial" in everything and SECRET.encode() not in everything


def said(*arguments: object) -> str:
    """Run a command in this process, which takes seconds less, and return what it printed."""
    from typer.testing import CliRunner

    from ganbench.harness.cli import app

    done = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.output


def _all_names(address: str) -> list[str]:
    storage = open_storage(address)
    return [name for depth in (1, 2, 3) for name in storage.names("", depth)]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("s3://KEY:hidden@bucket/x", "must not hold a name or a password"),
        ("s3://KEY@bucket/x", "must not hold a name or a password"),
        ("gs://user:hidden@bucket/x", "must not hold a name or a password"),
        ("s3://bucket/x?endpoint_override=u:hidden@host", "must not hold a name or a password"),
        ("s3://bucket/x?secret_key=hidden", "unknown option 'secret_key'"),
        ("s3://bucket/x?endpoint_overide=h", "did you mean 'endpoint_override'"),
        ("s3://bucket/x?request_timeout=soon", "request_timeout: expected seconds, as 10, found 'soon'"),
        ("s3://bucket/x?connect_timeout=0", "connect_timeout: expected seconds, as 10, found '0'"),
        ("gs://bucket/x?request_timeout=1", "unknown option 'request_timeout'"),
        ("s3:///x", "found no bucket"),
        ("ftp://host/x", "expected a folder, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_message_without_its_secrets(address, expected, ganbench):
    with pytest.raises(InputError, match=expected) as caught:
        Ledger(address)
    assert "hidden" not in str(caught.value)


def test_an_address_given_as_a_path_is_refused():
    with pytest.raises(InputError, match="as text"):
        Ledger(Path("s3://bucket/x"))


def test_a_google_address_is_opened_and_its_objects_are_named():
    """Without a server: what is asked of it is what S3 is asked."""
    storage = open_storage(
        "gs://anonymous@bucket/some/where?endpoint_override=127.0.0.1:9&scheme=http&retry_limit_seconds=1"
    )
    assert storage.at("suite.json").startswith("gs://anonymous@bucket/some/where/suite.json?")
    with pytest.raises(OSError):
        storage.read("suite.json")


def test_a_bucket_that_is_not_there_and_a_server_that_does_not_answer_are_one_message(server, tiny, ganbench):
    done = ganbench("run", tiny, "--results", f"s3://nowhere/x{server}", "--address", "inline", "--tracking-uri", "off")
    assert done.returncode == 2
    assert "s3://nowhere/x" in done.stderr and "bucket" in done.stderr
    assert SECRET not in done.stderr + done.stdout
    with pytest.raises(LedgerError, match="cannot be read"):
        read_ledger("s3://bucket/x?endpoint_override=127.0.0.1:9&scheme=http")


@pytest.mark.parametrize(("options", "seconds"), [("", 3), ("&request_timeout=1", 1)])
def test_a_store_that_accepts_and_never_answers_is_one_message_after_three_attempts(options, seconds, server):
    """Each as long as the address says."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        address = f"s3://bucket/x?endpoint_override=127.0.0.1:{silent.getsockname()[1]}&scheme=http{options}"
        with pytest.raises(LedgerError, match=rf"cannot be read .* the last {seconds} seconds"):
            read_ledger(address)
        silent.setblocking(False)
        attempts = 0
        with pytest.raises(BlockingIOError):
            while True:
                silent.accept()[0].close()
                attempts += 1
    assert attempts == 3


def test_times_to_wait_change_nothing_else_of_a_store(ledger, server):
    ledger.commit(record(1))
    address = f"{ledger.where}&region=eu-west-3&allow_bucket_creation=false"
    plain, patient = open_storage(address), open_storage(f"{address}&request_timeout=9&connect_timeout=8")
    assert texts(Ledger(patient)) == texts(ledger)
    before, after = (storage._files.__reduce__()[1][0] for storage in (plain, patient))
    assert after == before | {"request_timeout": 9.0, "connect_timeout": 8.0}


def test_an_older_folder_copied_into_a_bucket_is_read(ledger, tmp_path):
    """With its plain names, and its empty files in place of compacted records."""
    local = Ledger(tmp_path)
    ledger.write_plan(PLAN)
    for number in range(4):
        local.commit(record(number))
    before = texts(local)
    local.compact()
    local.commit(record(9))
    for number in range(4):
        ledger.storage.write(ledger.singles.plain(trial(number)), b"")
    for name in [*local.parts.names(), local.singles.plain(trial(9))]:
        ledger.storage.write(name, local.storage.read(name))
    ledger.storage.write("duplicates.jsonl", json.dumps({"trial": "x", "equal": True}).encode() + b"\n")
    assert texts(ledger) == sorted([*before, to_text(record(9))], key=lambda text: json.loads(text)["trial"])
    assert len(ledger.committed()) == 5
    assert (ledger.verify().whole, ledger.verify().problems, ledger.verify().duplicates) == (5, (), 1)
    assert ledger.set_damaged_aside() == []
    ledger.compact()
    assert ledger.storage.names("trials", 2) == []
    assert len(texts(ledger)) == 5
