"""What several tests share."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rotating import ROTATION
from tiny import ganbench_process, write_tiny
from warm import FOLDER, warm_folder

from ganbench.harness.data.store import Store

# Tests train tiny networks, on which a second thread costs more than it does; set before torch is imported anywhere.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# To follow a step makes many objects that stay: looking through all of them again and again takes a sixth of the time.
gc.set_threshold(100_000, 50, 100)

# Ray's workers yield to every other process; alongside busy ones their tests take ten times as long.
os.environ.setdefault("RAY_worker_niceness", "0")

# No test cuts the power, and to flush what is written takes long; forks and commands flush as they do everywhere.
os.fsync = lambda _: None

# What tests download and compute is theirs alone.
os.environ["GANBENCH_DATA"] = tempfile.mkdtemp(prefix="ganbench-tests-")
atexit.register(shutil.rmtree, os.environ["GANBENCH_DATA"], ignore_errors=True)

Command = Callable[..., subprocess.CompletedProcess[str]]

LONG_FILES = (
    "test_interruption",
    "test_sweep",
    "test_conformance",
    "test_cli",
    "test_tracking_servers",
    "test_tracking_faults",
    "test_cluster",
    "test_doctor_cluster",
)
"""Files that take a minute or more: begun first, so that at the end no worker waits for another's last file."""


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # workers find the place of the process that started them
        place = warm_folder()
        place.__enter__()
        config.add_cleanup(lambda: place.__exit__(None, None, None))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {name: index for index, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    if exitstatus:
        terminalreporter.write_line(f"the day's turn of rotating parameters: GANBENCH_ROTATION={ROTATION}")


@pytest.fixture(scope="module", autouse=True)
def pictures(request: pytest.FixtureRequest) -> Iterator[None]:
    """Draw no files for papers, which take longer than a page, in modules that do not look at them (``LOOKS_AT_PAPER``)."""
    with pytest.MonkeyPatch.context() as patch:
        if not getattr(request.module, "LOOKS_AT_PAPER", False):
            patch.setattr("ganbench.reports.figures.drawing.print_pdf", lambda *_: b"%PDF")
            patch.setattr("ganbench.reports.figures.drawing.print_svg", lambda *_: b"<svg/>")
        yield


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A suite of 12 trials, each of a fraction of a second."""
    return write_tiny(tmp_path / "tiny.yaml")


@pytest.fixture
def ganbench(tmp_path: Path) -> Command:
    """Run the command in an empty folder and return what it printed."""

    def command(*arguments: str | Path, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        process = ganbench_process(*arguments, cwd=cwd)
        out, err = process.communicate(timeout=240)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return command


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with all of CIFAR-10 as JPEG; tests of it are skipped where that is not at hand."""
    beside = Path(__file__).parents[2] / "shared" / "data" / "cifar10-jpeg"
    folder = Path(os.environ.get("GANBENCH_CIFAR10_JPEG") or beside)
    if not folder.is_dir():
        pytest.skip(f"CIFAR-10 as JPEG is not in {folder} (GANBENCH_CIFAR10_JPEG names another folder)")
    store = Store(tmp_path_factory.mktemp("photographs"))
    store.files("cifar10_jpeg").mkdir()
    for name in ("train.parquet", "test.parquet"):
        (store.files("cifar10_jpeg") / name).symlink_to(folder / name)
    return store


@pytest.fixture(scope="session")
def empty_store() -> Path:
    """A database that MLflow has set up, which takes it two seconds: once for all workers, to be copied."""
    from ganbench.harness.tracking.connection import connected

    path = Path(os.environ[FOLDER]) / "mlflow.db"
    with connected(f"sqlite:///{path}"):
        pass
    return path


@pytest.fixture
def root(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a ledger, with an empty store at the default place."""
    folder = tmp_path / "results"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    elsewhere = tmp_path / "cwd"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replay from the first step: what a process keeps for its trials says when, and is made anew before and after."""
    from ganbench.harness.worker import attempt as worker

    monkeypatch.setattr("ganbench.harness.steps.program.WORTH_SECONDS", 0.0)
    worker._workshop.cache_clear()
    yield
    worker._workshop.cache_clear()
