"""What every place for a ledger promises: a folder, a bucket, and one that is written here, to show how little it takes."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator

import pyarrow
import pytest
from pyarrow import parquet
from records import PLAN, record, trial
from s3 import s3_server
from tiny import write_tiny

from ganbench import leaderboard, read_ledger, run
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.forgetting import Chosen
from ganbench.harness.ledger.merging import merge
from ganbench.harness.storage import Storage, objects, open_storage
from ganbench.harness.storage.base import StoredFile, at_depth


class MemoryStorage(Storage):
    """Files in a dictionary: all that a ledger needs of a new backend."""

    def __init__(self, where: str) -> None:
        super().__init__(where, where)
        self.files: dict[str, tuple[bytes, float]] = {}

    def read(self, name: str) -> bytes:
        try:
            return self.files[self.path(name)][0]
        except KeyError:
            raise FileNotFoundError(self.at(name)) from None

    def write(self, name: str, content: bytes) -> None:
        self.files[self.path(name)] = content, time.time()

    def create(self, name: str, content: bytes) -> bool:
        mine = content, time.time()
        return self.files.setdefault(self.path(name), mine) is mine

    def entries(self, folder: str, depth: int = 1) -> list[StoredFile]:
        start = len(self.prefix) + 1
        below = f"{self.path(folder)}/" if folder else f"{self.prefix}/"
        found = [(path, *about) for path, about in list(self.files.items()) if path.startswith(below)]
        return at_depth((StoredFile(path[start:], len(content), when) for path, content, when in found), folder, depth)

    def delete(self, name: str) -> None:
        self.files.pop(self.path(name), None)


class WithoutCreate(MemoryStorage):
    """The same where the first of several writers cannot be told: readers elect."""

    exclusive = False

    def create(self, name: str, content: bytes) -> bool:
        self.write(name, content)
        return True


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as options:
        yield options


@pytest.fixture(params=["folder", "bucket", "memory", "memory without create"])
def storage(request, tmp_path) -> Storage:
    if request.param == "folder":
        return open_storage(tmp_path / "ledger")
    if request.param == "bucket":
        return open_storage(f"s3://bucket/{uuid.uuid4().hex}{request.getfixturevalue('server')}")
    return {"memory": MemoryStorage, "memory without create": WithoutCreate}[request.param]("memory://here")


def test_what_was_written_last_is_read_and_what_is_absent_is_not_found(storage):
    assert (storage.exists("a/b"), storage.names("a"), storage.entries("")) == (False, [], [])
    with pytest.raises(FileNotFoundError):
        storage.read("a/b")
    storage.delete("a/b")
    for content in (b"one", b"", b"three"):
        storage.write("a/b", content)
        assert storage.read("a/b") == content
        assert storage.exists("a/b")
    assert list(storage.read_all(["a/c", "a/b", "d"])) == [None, b"three", None]
    storage.move("a/b", "c/d")
    assert (storage.exists("a/b"), storage.read("c/d")) == (False, b"three")
    storage.delete("c/d")
    assert not storage.exists("c/d")


def test_of_many_that_create_one_name_one_is_told_that_it_was_the_first_and_its_content_stays(storage):
    if not storage.exclusive:
        assert storage.create("a", b"one")
        return
    told: dict[bytes, bool] = {}
    start = threading.Barrier(8)

    def create(content: bytes) -> None:
        start.wait()
        told[content] = storage.create("a", content)

    threads = [threading.Thread(target=create, args=(str(number).encode(),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(told.values()) == 1
    assert told[storage.read("a")]


def test_a_listing_has_the_files_of_one_depth_with_size_and_time_and_no_hidden_ones(storage):
    for name in ("x", "t/a", "t/b/c", "t/b/.d", "t/.e/f", "tt/g"):
        storage.write(name, name.encode())
    assert storage.names("") == ["x"]
    assert storage.names("t") == ["t/a"]
    assert storage.names("t", 2) == storage.names("t/b") == ["t/b/c"]
    assert storage.names("", 2) == ["t/a", "tt/g"]
    (entry,) = storage.entries("t/b")
    assert (entry.name, entry.size) == ("t/b/c", 5)
    now = storage.clock()
    assert now is not None and abs(now - entry.changed) < 60
    assert storage.names("") == ["x"]


def test_what_is_in_a_subfolder_is_the_storages_and_is_cleared_alone(storage):
    inner = storage.subfolder("c/d")
    inner.write("e", b"1")
    storage.write("c/f", b"2")
    assert (storage.read("c/d/e"), inner.names(""), inner.at("e")) == (b"1", ["e"], storage.at("c/d/e"))
    inner.clear()
    assert (inner.names(""), storage.read("c/f")) == ([], b"2")


def test_the_folders_in_a_folder_are_named(storage):
    for name in ("k/a/x", "k/b/y", "k/z", "other/c/x"):
        storage.write(name, b"")
    assert storage.folders("k") == ["a", "b"]


def test_checkpoints_of_a_committed_trial_go_also_where_a_process_died_writing_one(tmp_path):
    ledger, committed = Ledger(tmp_path), record(1)
    ledger.commit(committed)
    left = tmp_path / "checkpoints" / committed.trial_id / ".100.ckpt.tmp"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    ledger.drop_checkpoints()
    assert not left.parent.exists()


def test_lines_are_added_and_read_back(storage):
    assert storage.lines("x.jsonl") == []
    for line in ("one", "two"):
        storage.append("x.jsonl", line)
    assert sorted(storage.lines("x.jsonl")) == ["one", "two"]


def test_what_does_not_hold_a_check_is_not_created(storage):
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table({"a": [1, 2]}), sink)
    content = sink.getvalue().to_pybytes()
    seen = []
    assert storage.create_checked("p", content, lambda source: seen.append(parquet.read_table(source).num_rows))
    assert seen == [2]
    assert parquet.ParquetFile(storage.source("p")).read_row_group(0).num_rows == 2
    with pytest.raises(pyarrow.ArrowInvalid):
        storage.create_checked("q", b"no parquet", parquet.read_table)
    assert not storage.exists("q")


def test_no_name_leads_out(storage):
    for name in ("../x", "a/../../x", "", "/etc/passwd", "a//b", "a/./b", "a\\b"):
        for use in (storage.read, storage.delete, storage.at, storage.subfolder, storage.path):
            with pytest.raises(LedgerError, match="is no name"):
                use(name)


def test_a_ledger_keeps_its_promises(storage):
    ledger = Ledger(storage)
    ledger.write_plan(PLAN)
    assert [ledger.commit(record(number)) for number in (1, 2, 2, 3)] == [True, True, False, True]
    assert ledger.compact() == 3
    assert not ledger.commit(record(3, loss=0.2))
    assert ledger.commit(record(4))
    ledger.forget(Chosen(trials=frozenset({trial(1), trial(4)})), "a broken node")
    again = Ledger(storage)
    assert again.committed() == {trial(2), trial(3)}
    assert {line["trial"] for line in again.plan()["forgotten"]} == {trial(1), trial(4)}
    found = again.verify()
    assert (found.whole, found.problems, found.duplicates, found.unequal) == (2, (), 2, 1)


def test_a_sweep_into_other_backends_equals_one_into_a_folder(tmp_path, monkeypatch):
    places = {f"s3://{kind.__name__}/quick": kind for kind in (MemoryStorage, WithoutCreate)}
    monkeypatch.setattr(objects, "connect", {where: kind(where) for where, kind in places.items()}.__getitem__)
    suite = write_tiny(tmp_path / "tiny.yaml", seeds=1, steps=20)
    run(suite, tmp_path / "local", address="inline")
    local = read_ledger(tmp_path / "local")
    results = {item.trial_id: item.sha256 for item in local.records()}
    assert len(results) == 6
    rows = len(leaderboard(local).table)
    for where in places:
        assert run(suite, where, address="inline").missing == 0
        ledger = read_ledger(where)
        assert {item.trial_id: item.sha256 for item in ledger.records()} == results
        assert ledger.compact() == 6
        assert (ledger.verify().whole, ledger.verify().problems) == (6, ())
        assert merge([ledger], local).equal == 6
        assert len(leaderboard(ledger).table) == rows
