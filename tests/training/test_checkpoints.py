"""Checkpoints: a training that is killed at any moment goes on to the same result, bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from cells import CATALOG, IMAGES, a_cell
from warm import WarmProcess, python

from ganbench.harness.cells.cell import Trial
from ganbench.harness.errors import Interrupted
from ganbench.harness.stability import load_definition
from ganbench.harness.training.checkpoint import HEADER, KEPT, Checkpoints
from ganbench.harness.training.workshop import Workshop
from ganbench.harness.worker.trial import run_trial

DEFINITION = load_definition(2)
CELLS = {
    "images": {**IMAGES, "normalizer": "spectral_norm + gradient_penalty", "optimizer": "adam"},
    "averaged": {"ema": 0.9, "lr_decay_from": 0.5, "optimizer": "rmsprop", "normalizer": "weight_norm_strict"},
    "growing": {
        **IMAGES,
        "architecture": {"name": "progressive", "base": 16, "widest": 4, "latent": 4},
        "dataset": {"name": "digits", "side": 8},
        "normalizer": "equalized_learning_rate",
    },
}


def trial_of(name: str) -> Trial:
    return Trial(a_cell(steps=24, log_points=24, evaluations=4, **CELLS[name]), 3, 0)


def run(trial: Trial, checkpoints: Path | None = None, interrupted=lambda: False):
    return run_trial(Workshop(CATALOG), trial, DEFINITION, checkpoints=checkpoints, interrupted=interrupted)


def after(steps: int):
    """Ask to stop after so many steps of this attempt."""
    left = iter([False] * (steps - 1))
    return lambda: next(left, True)


def checkpoints_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.ckpt"))


@pytest.mark.parametrize("name", CELLS)
def test_a_training_stopped_again_and_again_has_the_result_of_one_that_never_stopped(name, tmp_path):
    trial = trial_of(name)
    undisturbed = run(trial)
    stopped = 0
    while True:
        try:
            record = run(trial, tmp_path, after(5))
            break
        except Interrupted:
            stopped += 1
    assert stopped == 4
    assert record.provenance["resumed_from"] == 20
    assert record.sha256 == undisturbed.sha256
    assert undisturbed.provenance["resumed_from"] is None


def test_the_two_newest_are_kept_and_older_ones_dropped(tmp_path):
    kept = Checkpoints(tmp_path, "x")
    for step in (5, 900, 1000, 20_000):
        kept.save(step, {"at": step})
    assert [path.name for path in checkpoints_in(tmp_path)] == ["000001000.ckpt", "000020000.ckpt"]
    assert len(checkpoints_in(tmp_path)) == KEPT
    assert kept.newest() == {"at": 20_000}
    kept.remove()
    assert not tmp_path.exists()


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign"])
def test_one_that_cannot_be_read_falls_back_to_the_one_before(damage, tmp_path):
    kept = Checkpoints(tmp_path, "x")
    kept.save(1, {"at": 1})
    kept.save(2, {"at": 2})
    newest = checkpoints_in(tmp_path)[-1]
    content = newest.read_bytes()
    middle = len(content) // 2
    newest.write_bytes(
        {
            "truncated": content[:middle],
            "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "empty": b"",
            "foreign": b"PK" + content,
        }[damage]
    )
    assert kept.newest() == {"at": 1}
    assert kept.resumed_from == 1


def test_one_of_another_trial_or_another_version_is_not_continued(tmp_path):
    Checkpoints(tmp_path, "before the upgrade").save(7, {"at": 7})
    assert Checkpoints(tmp_path, "after it").newest() is None


def test_a_file_with_code_in_it_is_not_run(tmp_path):
    """A pickle can call anything; only tensors and plain values are read."""
    import hashlib
    import io

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trapped"),)

    buffer = io.BytesIO()
    torch.save({"identity": "x", "step": 1, "content": Trap()}, buffer)
    payload = buffer.getvalue()
    (tmp_path / "000000001.ckpt").write_bytes(HEADER + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)
    assert Checkpoints(tmp_path, "x").newest() is None
    assert not (tmp_path / "trapped").exists()


def test_time_decides_when_one_is_due():
    now = 0.0
    kept = Checkpoints(Path("unused"), "x", every=300, clock=lambda: now)
    assert not kept.due()
    now = 299.0
    assert not kept.due()
    now = 300.0
    assert kept.due()


def test_a_growing_network_leaves_one_before_each_new_phase(tmp_path):
    trial = trial_of("growing")
    phases = trial.cell.architecture.phases((1, 8, 8), trial.cell.steps)
    saved = []

    class Watched(Checkpoints):
        def save(self, step, content):
            saved.append(step)

    from ganbench.harness.training.loop import train
    from ganbench.harness.training.training import Training

    workshop = Workshop(CATALOG)
    train(Training(trial, workshop.material(trial)), Watched(tmp_path, "x"))
    assert saved == [phase.last for phase in phases[:-1]]


def test_a_full_disk_leaves_the_older_one_whole(tmp_path, monkeypatch):
    kept = Checkpoints(tmp_path, "x")
    kept.save(1, {"at": 1})
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        kept.save(2, {"at": 2})
    assert kept.newest() == {"at": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["000000001.ckpt"]


def killed() -> Trial:
    """Whose steps are quick and many, so that three moments of the training are far apart."""
    return Trial(a_cell(steps=300, log_points=24, evaluations=1, **CELLS["averaged"]), 3, 0)


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {support!r})
from test_checkpoints import killed, run
from ganbench.harness.training.checkpoint import Checkpoints
Checkpoints.due = lambda self: True
record = run(killed(), Path({folder!r}))
Path({folder!r}, "result").write_text(record.sha256)
"""


def test_a_process_killed_at_random_while_it_writes_checkpoints_goes_on_to_the_same_result(tmp_path):
    """SIGKILL at three random moments, with a checkpoint after every step."""
    import random

    undisturbed = run(killed())
    tests = Path(__file__).parent
    code = KILLED.format(support=str(tests / "support"), folder=str(tmp_path))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), *sys.path])}
    draw = random.Random(7)
    kills = 0
    while not (tmp_path / "result").exists():
        process = python("-c", code, env=environment)
        if kills < 3:
            _wait_for_progress(tmp_path, process)
            time.sleep(draw.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
            kills += process.wait(60) == -signal.SIGKILL
        else:
            assert process.wait(120) == 0
    assert kills == 3
    assert (tmp_path / "result").read_text() == undisturbed.sha256


def _wait_for_progress(folder: Path, process: WarmProcess | subprocess.Popen[str]) -> None:
    before = checkpoints_in(folder)
    deadline = time.monotonic() + 60
    while checkpoints_in(folder) == before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
