"""Downloading from a real server on this machine, which breaks connections, ignores ranges and refuses."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time

import pytest
from file_server import serving

from ganbench.harness.data.checksum import Checksum
from ganbench.harness.data.download import ATTEMPTS, download
from ganbench.harness.errors import InputError

CONTENT = bytes(range(256)) * 40  # 10,240 bytes
RIGHT = Checksum("sha256", hashlib.sha256(CONTENT).hexdigest())
MD5 = Checksum("md5", hashlib.md5(CONTENT).hexdigest())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cifar" / "file.bin"


@pytest.fixture
def part(path):
    path.parent.mkdir()
    return path.with_name("file.bin.part")


@pytest.mark.parametrize("checksum", [RIGHT, MD5])
def test_a_file_arrives_under_its_name_and_is_not_asked_for_again(path, checksum):
    with serving(CONTENT) as served:
        assert download(served.url, path, checksum) == path
        download(served.url, path, checksum)
    assert path.read_bytes() == CONTENT
    assert served.asked == [None]
    assert not list(path.parent.glob("*.part"))


def test_a_broken_connection_is_continued_where_it_broke(path):
    with serving(CONTENT, cut_after=4000) as served:
        download(served.url, path, RIGHT, pause=0)
    assert path.read_bytes() == CONTENT
    assert served.asked == [None, "bytes=4000-", "bytes=8000-"]


def test_a_part_left_by_an_earlier_process_is_continued(path, part):
    part.write_bytes(CONTENT[:7000])
    with serving(CONTENT) as served:
        download(served.url, path, RIGHT)
    assert path.read_bytes() == CONTENT
    assert served.asked == ["bytes=7000-"]


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_part_that_is_complete_is_taken_as_it_is(path, part, size):
    part.write_bytes(CONTENT)
    with serving(CONTENT) as served:
        download(served.url, path, RIGHT, size)
    assert path.read_bytes() == CONTENT
    assert len(served.asked) == (size is None)


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_part_longer_than_the_file_is_begun_anew(path, part, size):
    part.write_bytes(CONTENT + b"more")
    with serving(CONTENT) as served:
        download(served.url, path, RIGHT, size, pause=0)
    assert path.read_bytes() == CONTENT
    assert served.asked[-1] is None


def test_a_server_that_ignores_ranges_sends_everything_and_nothing_is_doubled(path, part):
    part.write_bytes(CONTENT[:7000])
    with serving(CONTENT, ranges=False) as served:
        download(served.url, path, RIGHT)
    assert path.read_bytes() == CONTENT


def test_a_server_that_always_breaks_and_ignores_ranges_is_given_up(path):
    with serving(CONTENT, ranges=False, cut_after=4000) as served, pytest.raises(InputError, match="4,000 bytes are k"):
        download(served.url, path, RIGHT, pause=0)
    assert len(served.asked) == 1 + ATTEMPTS
    assert not path.exists()


def test_a_wrong_checksum_names_address_expected_and_found_and_removes_the_part(path):
    with serving(CONTENT + b"!") as served, pytest.raises(InputError) as told:
        download(served.url, path, RIGHT)
    for word in (served.url, RIGHT.expected, hashlib.sha256(CONTENT + b"!").hexdigest()):
        assert word in str(told.value)
    assert [file.name for file in path.parent.iterdir()] == [".file.bin.lock"]


def test_a_damaged_file_that_is_there_is_replaced(path, part):
    path.write_bytes(b"damaged")
    with serving(CONTENT) as served:
        download(served.url, path, RIGHT)
    assert path.read_bytes() == CONTENT


def test_a_refusal_is_told_at_once_and_an_overloaded_server_is_asked_again(path):
    with serving(CONTENT, status=404) as served, pytest.raises(InputError, match="answers 404"):
        download(served.url, path, RIGHT, pause=0)
    assert len(served.asked) == 1
    with serving(CONTENT, status=503) as served, pytest.raises(InputError, match="answers 503"):
        download(served.url, path, RIGHT, pause=0)
    assert len(served.asked) == ATTEMPTS


def test_a_server_that_is_not_there_and_an_address_of_another_kind_are_named(path):
    with serving(CONTENT) as served:
        url = served.url
    with pytest.raises(InputError, match=url):
        download(url, path, RIGHT, pause=0)
    with pytest.raises(InputError, match="ftp://example.org/x: expected an address"):
        download("ftp://example.org/x", path, RIGHT)


def test_progress_ends_at_the_size_of_the_file(path):
    told = []
    with serving(CONTENT, cut_after=6000) as served:
        download(served.url, path, RIGHT, progress=lambda done, total: told.append((done, total)), pause=0)
    assert told == [(6000, len(CONTENT)), (len(CONTENT), len(CONTENT))]


def test_of_two_processes_one_downloads_and_the_other_finds_the_file(path):
    code = (
        "import sys; from pathlib import Path; from ganbench.harness.data.checksum import Checksum\n"
        "from ganbench.harness.data.download import download\n"
        "print('ready', flush=True)\n"
        "download(sys.argv[1], Path(sys.argv[2]), Checksum('sha256', sys.argv[3]))\n"
    )
    with serving(CONTENT) as served:
        served.wait.clear()
        arguments = [sys.executable, "-c", code, served.url, str(path), RIGHT.expected]
        processes = [subprocess.Popen(arguments, stdout=subprocess.PIPE, env=os.environ) for _ in range(2)]
        for process in processes:
            assert process.stdout.readline() == b"ready\n"
        time.sleep(1)  # both have asked for the lock; the one that holds it waits for the server
        served.wait.set()
        assert [process.wait(30) for process in processes] == [0, 0]
    assert served.asked == [None]
    assert path.read_bytes() == CONTENT
