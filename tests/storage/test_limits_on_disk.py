"""What may stand on a disk, and what goes first."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from ganbench import run
from ganbench.harness.data.prepared import prepare
from ganbench.harness.data.store import Store
from ganbench.harness.errors import InputError
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.running import announced
from ganbench.harness.process import DISK

MIB = 2**20


def aged(path, minutes, size=MIB):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (1e9, 1e9 - 60 * minutes))
    return path


def test_caches_are_dropped_from_the_one_that_was_used_least_recently(tmp_path, monkeypatch):
    store = Store(tmp_path)
    new, middle, old = (store.statistics / "new.npz", store.parts / "middle", store.prepared / "old" / "images.npy")
    kept = [aged(tmp_path / "cifar10" / "train.parquet", 99), aged(store.extractors / "weights.pth", 99)]
    for minutes, path in enumerate((new, middle, old)):
        aged(path, minutes)
    store.tidy()
    assert old.exists(), "without a limit nothing goes"
    monkeypatch.setenv(DISK, str(2.5 / 1024))
    store.tidy()
    assert new.exists() and middle.exists() and not old.parent.exists()
    monkeypatch.setenv(DISK, "0")
    store.tidy()
    assert [path.exists() for path in (new, middle, *kept)] == [False, False, True, True]


def test_an_array_that_a_process_uses_stays_and_goes_when_that_process_has_ended(tmp_path, monkeypatch):
    store = Store(tmp_path)
    images = np.zeros((4, 1, 2, 2), np.uint8)
    monkeypatch.setenv(DISK, "0")
    held = prepare(store.prepared / "held", lambda: images, (1, 2, 2), {})
    code = "import sys; from pathlib import Path; from ganbench.harness.data.prepared import Prepared as P\n"
    code += "assert P.find(Path(sys.argv[1])); print(flush=True); input()"
    other = aged(store.prepared / "other" / "images.npy", 1)
    (store.prepared / "other" / "about.json").write_text((held.folder / "about.json").read_text())
    other.write_bytes(held.array.read_bytes())
    command = [sys.executable, "-c", code, str(other.parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as user:
        user.stdout.readline()
        store.tidy()
        assert held.array.exists() and other.exists()
        user.communicate(b"\n")
    store.tidy()
    assert held.array.exists() and not other.exists()


def test_the_oldest_checkpoints_go_first_and_never_one_of_a_trial_under_way(tiny, tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "out")
    new, middle, old, busy = (
        aged(ledger.folder / "checkpoints" / (digit * 20) / "000000010.ckpt", minutes)
        for minutes, digit in enumerate("abcd")
    )
    with announced(ledger.storage, "d" * 20, 1):
        monkeypatch.setenv(DISK, str(2.5 / 1024))
        run(tiny, tmp_path / "out", address="inline", limit=1)
        assert [path.exists() for path in (new, middle, old, busy)] == [True, False, False, True]
        ledger.drop_checkpoints(0)
        assert [path.exists() for path in (new, busy)] == [False, True]
    monkeypatch.setenv(DISK, "much")
    with pytest.raises(InputError, match="GANBENCH_DISK=much: expected a number of GiB"):
        run(tiny, tmp_path / "other", address="inline")
    assert not (tmp_path / "other").exists()
