"""What makes no progress is ended, and only that: a hook that never returns is a result, a slow one is not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from endless import ENDLESS, NEVER_BACK, write_endless

from ganbench.harness.ledger import Ledger
from ganbench.harness.process import TooLongError
from ganbench.harness.sweeps import sweep
from ganbench.harness.worker import watch as watch_module
from ganbench.harness.worker.watch import Watch, stuck

SUITE = """
suite: endless
version: 1
seed: 7
seeds: 1
normalizers: [none, endless]
grid:
  - dataset: {name: ring8, std: 0.05}
    architecture: mlp
    metric: mode_coverage
    common: {loss: non_saturating, batch_size: 16, evaluations: 2, log_points: 5}
    settings:
      a: {lr_g: 1e-3, lr_d: 1e-3, steps: 20}
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(watch_module, "LOOK_SECONDS", 0.05)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "endless.yaml"
    path.write_text(SUITE)
    return path


def plugin(folder: Path, body: str) -> str:
    return str(write_endless(folder / "endless_norm.py", body))


@pytest.mark.parametrize("body", ENDLESS.values(), ids=ENDLESS)
def test_a_hook_that_does_not_return_twice_is_a_result_and_no_other_trial_waits_for_it(suite, tmp_path, body):
    events = []
    report = sweep.run(
        suite,
        tmp_path / "results",
        address="inline",
        plugins=[plugin(tmp_path, body)],
        hang_after=2,
        on_event=lambda report, event: events.append(event),
    )
    assert (report.missing, report.retried) == (0, 1)
    (failed,) = [record for record in Ledger(tmp_path / "results").records() if record.error]
    assert failed.error == "does not return: endless in endless_norm.py"
    assert failed.provenance["attempt"] == 3


def test_a_process_that_nothing_brings_back_ends_and_says_where_it_was(suite, tmp_path):
    code = f"""
from ganbench.harness.worker import watch
watch.GRACE_SECONDS = watch.LOOK_SECONDS = 0.2
from ganbench.harness.sweeps import sweep
from ganbench.harness.worker import attempt, inline
real = inline.attempt_each
from dataclasses import replace
inline.attempt_each = lambda tasks: real([replace(task, node="n1") for task in tasks])
sweep.run({str(suite)!r}, {str(tmp_path / "results")!r}, address="inline",
          plugins=[{plugin(tmp_path, NEVER_BACK)!r}], hang_after=2)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.returncode == watch_module.EXIT_CODE, done.stderr
    assert "endless_norm.py:" in done.stderr
    (path,) = (tmp_path / "results" / "running").glob("*.json")
    from ganbench.harness.ledger.running import left_behind
    from ganbench.harness.storage import open_storage

    left = left_behind(open_storage(tmp_path / "results"), path.stem)
    assert (left.node, left.attempt, left.result) == ("n1", 1, "does not return: endless in endless_norm.py")
    assert "(endless)" in left.stuck


def test_progress_keeps_what_is_slow_alive():
    with Watch(0.4).on_duty() as watch, watch:
        for _ in range(8):
            time.sleep(0.1)
            watch.progress()


def test_what_was_not_entered_may_take_as_long_as_it_likes():
    with Watch(0.2).on_duty() as watch:
        with watch:
            pass
        time.sleep(0.6)


def test_waits_that_were_normal_before_are_normal():
    with Watch(0.3).on_duty() as watch:
        with watch:
            time.sleep(0.25)
        with watch:  # longer than the least limit, and not than ten times what was
            time.sleep(0.7)


def test_no_limit_is_no_limit_and_leaves_that_of_others_alone():
    before = signal.getsignal(signal.SIGALRM)
    with Watch(0).on_duty() as watch, watch:
        assert watch.limit == float("inf")
        assert signal.getsignal(signal.SIGALRM) is before
        time.sleep(0.2)


def test_a_process_that_was_stopped_with_its_machine_has_not_been_slow(tmp_path):
    code = f"""
import pathlib, time
from ganbench.harness.worker import watch as module
module.LOOK_SECONDS = 0.1
with module.Watch(2.0).on_duty() as watch, watch:
    pathlib.Path({str(tmp_path / "there")!r}).touch()
    time.sleep(1.0)
print("sound")
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    while not (tmp_path / "there").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGSTOP)
    time.sleep(3.0)
    process.send_signal(signal.SIGCONT)
    assert process.communicate(timeout=30)[0] == "sound\n"


def test_only_a_hook_is_blamed_for_itself():
    found = {}

    def endless(where):
        with Watch(0.2).on_duty() as watch, watch, pytest.raises(TooLongError):
            where()
        found[where.__name__] = watch.stuck

    def in_a_metric():
        exec(compile("import time; time.sleep(5)", "metric.py", "exec"), {"__name__": "ganbench.harness.metrics.x"})

    def in_a_data_set():
        exec(compile("import time; time.sleep(5)", "data.py", "exec"), {"__name__": "ganbench.harness.data.x"})

    def in_a_hook():
        inner = {"__name__": "somebodys"}
        exec(compile("def hook():\n import time; time.sleep(5)", "somebodys.py", "exec"), inner)
        ours = {"__name__": "ganbench.harness.models.network", "hook": inner["hook"]}
        exec(compile("hook()", "network.py", "exec"), ours)

    for where in (in_a_metric, in_a_data_set, in_a_hook):
        endless(where)
    assert (found["in_a_metric"].in_hook, found["in_a_metric"].in_data) == (False, False)
    assert found["in_a_data_set"].in_data
    assert found["in_a_hook"].in_hook
    assert found["in_a_hook"].place == "somebodys.py:2 (hook)"


def test_a_stack_that_is_empty_has_no_place():
    assert stuck(None, 1.0).place == "no known place"
