"""Arrays made once from a data set's files: whole or not at all, shared, resident or on disk."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import torch
from published import pictures
from warm import python

import ganbench.harness.data.prepared as module
from ganbench.harness.data.prepared import Prepared, fingerprint_of, key_of, prepare
from ganbench.harness.data.streamed import Streamed
from ganbench.harness.errors import InputError

IMAGES = pictures(50, 3, 8, 8)
SHAPE = IMAGES.shape[1:]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "prepared" / "small-0123"


def made(folder, images=IMAGES):
    return prepare(folder, lambda: iter(images), SHAPE, {"name": "small"})


def never():
    raise AssertionError("made again")


def test_what_was_prepared_is_what_was_given_and_an_ordinary_npy_file(folder):
    assert np.array_equal(np.load(made(folder).array), IMAGES)
    about = json.loads((folder / "about.json").read_text())
    assert about["shape"] == [50, 3, 8, 8]
    assert about["made_from"] == {"name": "small"}


def test_the_checksum_is_that_of_the_images_bytes(folder):
    import hashlib

    assert made(folder).sha256 == hashlib.sha256(IMAGES.tobytes()).hexdigest()


def test_blocks_do_not_change_what_is_written(folder, tmp_path, monkeypatch):
    once = made(folder)
    monkeypatch.setattr(module, "CHUNK", 7 * 192)
    again = made(tmp_path / "other")
    assert again.sha256 == once.sha256
    assert again.array.read_bytes() == once.array.read_bytes()


def test_images_are_made_only_once(folder):
    made(folder)
    assert prepare(folder, never, SHAPE, {}) == Prepared.find(folder)


def test_nothing_is_left_after_an_error(folder):
    def broken():
        yield from IMAGES[:30]
        raise InputError("train.parquet, row 30: cannot be decoded")

    with pytest.raises(InputError, match="row 30"):
        prepare(folder, broken, SHAPE, {"name": "small"})
    assert [path.name for path in folder.parent.iterdir()] == [".small-0123.lock"]
    made(folder)


def test_no_images_are_an_error_and_leave_nothing(folder):
    with pytest.raises(InputError, match="small: there are no images"):
        made(folder, [])
    assert not folder.exists()


@pytest.mark.parametrize("harm", ["cut", "grown", "no description", "other description", "no array"])
def test_an_array_that_is_not_as_long_as_described_is_made_anew(folder, harm):
    array, about = made(folder).array, folder / "about.json"
    if harm == "cut":
        os.truncate(array, 5000)
    elif harm == "grown":
        array.write_bytes(array.read_bytes() + b"x")
    elif harm == "no description":
        about.unlink()
    elif harm == "other description":
        about.write_text(about.read_text().replace("50", "49"))
    else:
        array.unlink()
    assert Prepared.find(folder) is None
    assert np.array_equal(np.load(made(folder).array), IMAGES)


def test_what_a_killed_process_left_is_cleared(folder):
    aside = folder.parent / ".small-0123.tmp"
    aside.mkdir(parents=True)
    (aside / "images.npy").write_bytes(b"half")
    made(folder)
    assert not aside.exists()


def test_resident_and_streamed_images_are_equal(folder):
    prepared = made(folder)
    resident, streamed = prepared.open(IMAGES.nbytes), prepared.open(IMAGES.nbytes - 1)
    assert isinstance(resident, torch.Tensor)
    assert isinstance(streamed, Streamed)
    chosen = torch.tensor([[3, 3, 49], [0, 17, 8]])
    assert torch.equal(resident[chosen], streamed[chosen])
    assert torch.equal(resident, streamed[:])


def test_writing_to_a_resident_array_changes_neither_the_file_nor_another_reader(folder):
    prepared = made(folder)
    one, other = prepared.open(), prepared.open()
    one.zero_()
    assert torch.equal(other, torch.from_numpy(IMAGES))
    prepared.check()


def test_a_changed_byte_is_found_by_reading_everything(folder):
    prepared = made(folder)
    prepared.check()
    with prepared.array.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(bytes([255 - IMAGES[-1, -1, -1, -1]]))
    with pytest.raises(InputError, match=f"{prepared.array}: is damaged"):
        prepared.check()


def test_of_two_processes_one_prepares_and_the_other_waits(folder):
    code = (
        "import sys, time, numpy as np; from pathlib import Path; from ganbench.harness.data.prepared import prepare\n"
        "def images():\n"
        "    print('made', flush=True); time.sleep(1)\n"
        "    yield from np.zeros((5, 3, 8, 8), np.uint8)\n"
        "prepare(Path(sys.argv[1]), images, (3, 8, 8), {})\n"
    )
    processes = [python("-c", code, folder) for _ in range(2)]
    told = "".join(process.communicate(timeout=60)[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert told == "made\n"


def test_an_array_that_is_there_is_opened_where_nothing_can_be_written(folder):
    made(folder)
    (folder.parent / ".small-0123.lock").unlink()
    prepare(folder, never, SHAPE, {})
    assert not (folder.parent / ".small-0123.lock").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "prepared").write_text("a file where a folder should be")
    with pytest.raises(InputError, match=f"{tmp_path / 'prepared'}: cannot be written"):
        made(tmp_path / "prepared" / "small-0123")


def test_the_key_follows_parameters_split_and_files(tmp_path):
    file = tmp_path / "a.bin"
    file.write_bytes(b"1")
    keys = {key_of({"side": 32}, "train", fingerprint_of([file], tmp_path))}
    keys.add(key_of({"side": 64}, "train", fingerprint_of([file], tmp_path)))
    keys.add(key_of({"side": 32}, "test", fingerprint_of([file], tmp_path)))
    os.utime(file, ns=(0, 0))
    keys.add(key_of({"side": 32}, "train", fingerprint_of([file], tmp_path)))
    assert len(keys) == 4
