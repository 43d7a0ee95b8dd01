"""A results folder that several people write to, and one that cannot be a ledger's."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from records import PLAN, record
from tiny import write_tiny

from ganbench import run
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.running import announced


@pytest.fixture(params=[0o022, 0o077], ids=["umask 022", "umask 077"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def use(root: Path) -> None:
    """Write everything that a sweep writes."""
    ledger = Ledger(root)
    ledger.write_plan(PLAN)
    for number in range(3):
        ledger.commit(record(number))
    ledger.commit(record(0))  # a duplicate: a line of its own
    ledger.compact()
    ledger.commit(record(3))
    ledger.checkpoints("a" * 20).write("state", b"half way")
    with announced(root, "b" * 20, 1):
        assert len(list(root.rglob("*"))) > 8
        check(root)
    check(root)


def check(root: Path) -> None:
    mode = root.stat().st_mode
    for path in root.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == mode & (0o7777 if path.is_dir() else 0o666), path


@pytest.mark.parametrize("mode", [0o775, 0o2770, 0o755, 0o700], ids=oct)
def test_what_a_sweep_writes_has_the_permissions_of_the_results_folder(mode, umask, tmp_path):
    root = tmp_path / "out"
    root.mkdir()
    root.chmod(mode)
    use(root)


def test_a_results_folder_that_a_sweep_makes_follows_the_umask_and_not_the_folder_around_it(umask, tmp_path):
    tmp_path.chmod(0o1777)
    use(tmp_path / "some" / "out")
    assert not (tmp_path / "some" / "out").stat().st_mode & 0o022


def test_a_file_system_without_hard_links_is_refused_before_anything_trains(tmp_path, monkeypatch):
    def no_links(*names: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(LedgerError, match="has no hard links, which a ledger needs"):
        run(write_tiny(tmp_path / "tiny.yaml"), tmp_path / "out", address="inline")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
