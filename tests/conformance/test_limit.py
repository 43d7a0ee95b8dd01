"""`ganbench check` ends where a normalizer does not return, and says in which check and at which line."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from endless import ENDLESS, write_endless
from in_process import ganbench_here, printed

from ganbench.harness.conformance import CHECKS, check_normalizer
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.plugins.source import PluginSource

LIMIT = 3


@pytest.fixture(params=ENDLESS.values(), ids=ENDLESS)
def plugin(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_endless(tmp_path / "endless.py", request.param)


def test_a_check_that_does_not_return_fails_with_its_line_and_no_other_is_tried(plugin):
    catalog = Catalog([PluginSource.read(str(plugin))])
    begun = time.monotonic()
    found = list(check_normalizer(catalog.create("normalizer", "endless"), catalog, limit=LIMIT))
    assert time.monotonic() - begun < 20
    assert len(found) == len(CHECKS)
    (failed,) = [item for item in found if item.failed]
    assert failed.detail.startswith("did not return within 3 seconds")
    assert f"{plugin}:" in failed.detail
    after = found[found.index(failed) + 1 :]
    assert after and all(item.waiting for item in after)


@pytest.mark.parametrize("plugin", [ENDLESS["sleeps"]], indirect=True)
def test_the_command_names_the_check_and_fails(plugin):
    done = ganbench_here("check", plugin, "--limit", str(LIMIT))
    assert done.exit_code == 2
    assert "keeps shape, dtype and device" in printed(done)
    assert "did not return within 3 seconds" in " ".join(printed(done).split())


def test_what_never_comes_back_to_python_ends_the_process_with_where_it_is():
    # A blocked signal is one that C code never lets Python see.
    code = """
import signal, threading, time
from ganbench.harness import process
process.GRACE_SECONDS = 0.5
def stuck():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(60)
with process.limited(0.5, threading.Event()):
    stuck()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "in stuck" in done.stderr
