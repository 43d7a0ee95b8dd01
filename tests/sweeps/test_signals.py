"""Signals to a driver do what `ganbench stop` does, with a deadline; a second one ends at once."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from tiny import end_session, ganbench_process, write_rings

from ganbench import read_ledger
from ganbench.harness.errors import ClusterError
from ganbench.harness.ledger import Ledger
from ganbench.harness.sweeps.signals import stopping
from ganbench.harness.worker.interruption import SIGNALS, interruption


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_first_signal_asks_once_and_says_so_and_a_second_one_ends_at_once(number):
    told, asked = [], []
    with stopping(lambda: asked.append(True), told.append) as look:
        assert not look()
        signal.raise_signal(number)
        assert look() and look()
        assert len(asked) == len(told) == 1 and told[0].startswith(f"{number.name}: trainings leave checkpoints")
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


def test_trainings_that_do_not_end_after_a_signal_are_left_at_the_deadline():
    now = 0.0
    with stopping(lambda: None, lambda text: None, seconds=5, clock=lambda: now) as look:
        signal.raise_signal(signal.SIGTERM)
        now = 5.0
        assert look()
        now = 5.1
        with pytest.raises(ClusterError, match=r"SIGTERM: some trainings did not end within 5 seconds"):
            look()


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_handlers_are_put_back(number, tmp_path):
    before = signal.getsignal(number)
    with stopping(lambda: None, lambda text: None), interruption(tmp_path) as asked:
        signal.raise_signal(number)
        assert asked(), "inline, the training itself is what ends"
    assert signal.getsignal(number) is before


@pytest.mark.parametrize(
    "name", ["SIGTERM", pytest.param("SIGINT", marks=pytest.mark.long), pytest.param("SIGHUP", marks=pytest.mark.long)]
)
def test_a_driver_that_gets_a_signal_leaves_checkpoints_and_ends_with_3_without_a_dump(name, tmp_path):
    suite, out = write_rings(tmp_path / "tiny.yaml", seeds=1, steps=50_000), tmp_path / "out"
    process = ganbench_process(
        "run", suite, "--results", out, "--address", "local", "--tracking-uri", "off", cwd=tmp_path
    )
    deadline = time.monotonic() + 90
    while not list((out / "running").glob("*.json")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)  # into its steps
    os.kill(process.pid, getattr(signal, name))
    told, errors = process.communicate(timeout=90)
    end_session(process.pid)
    assert process.returncode == 3, told + errors
    assert f"{name}: trainings leave checkpoints and end" in told
    assert not errors.strip(), "a stack dump"
    assert _checkpoints(out)
    assert not read_ledger(out).committed()


def _checkpoints(out: Path) -> list[Path]:
    return [path for trial in Ledger(out).root.joinpath("checkpoints").glob("*") for path in trial.glob("*.ckpt")]
