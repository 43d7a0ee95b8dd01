"""A team's set-up: `mlflow server` over a real PostgreSQL, which is stricter than SQLite about what it stores."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tracked import contents, four_trials, make_error, make_ledger, make_record, make_trace
from tracking_servers import MlflowServer, mlflow_server, postgresql
from warm import run_python

from ganbench.harness.tracking import AddressError, TrackingError, default_uri, sync

PASSWORD = "correct-horse"


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgresql(PASSWORD) as uri:
        # As the document says: once, before anything is started.
        upgraded = run_python("-m", "mlflow", "db", "upgrade", uri)
        assert upgraded.returncode == 0, upgraded.stderr
        yield uri


@pytest.fixture(scope="module")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with mlflow_server(database, tmp_path_factory.mktemp("server")) as running:
        yield running


def test_a_server_on_postgresql_receives_the_same_as_sqlite_and_only_once(root: Path, server: MlflowServer) -> None:
    """With numbers at the ends of the range, numbers that are none, and text that databases refuse."""
    trace = make_trace()
    extremes = [5e-324, -1e-310, 1.7976931348623157e308]
    trace.scalars["d_grad_norm"][[3, 7, 99]] = extremes  # three of those that are sent
    trace.scalars["g_grad_norm"][-3:] = [np.nan, np.inf, -np.inf]
    message = "größe\0 大小 🙂 \ud800 'quoted' \\ %s " * 30
    broken = make_error(message, 1, 5)
    ledger = make_ledger(root, *four_trials(), make_record(0, 4, trace=trace), broken)
    first, second = sync(ledger, server.url), sync(ledger, server.url)
    assert (first.trials_created, first.cells_created) == (6, 2)
    assert (second.trials_created, second.trials_unchanged, second.cells_unchanged) == (0, 6, 2)
    held = contents(server.url)
    sync(ledger)
    assert held == contents(default_uri(ledger))
    values = [value for _, _, value in held["ring8 · mlp · none · fast · seed 4"]["metrics"]["train/d_grad_norm"]]
    assert set(extremes) <= set(values)


def test_postgresql_without_a_server_does_as_well(root: Path, database: str) -> None:
    ledger = make_ledger(root, *four_trials(), suite="direct")
    report = sync(ledger, database)
    assert report.trials_created == 4 and PASSWORD not in report.uri
    sync(ledger)
    assert contents(database, "direct v1") == contents(default_uri(ledger), "direct v1")


def test_a_wrong_password_of_the_database_is_one_sentence_without_it(root: Path, database: str) -> None:
    ledger = make_ledger(root, *four_trials())
    with pytest.raises(TrackingError, match="authentication failed") as caught:
        sync(ledger, database.replace(PASSWORD, "battery-staple"))
    assert "battery-staple" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_driver_that_is_not_installed_is_named_with_what_to_do(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("psycopg", "psycopg2"):
        monkeypatch.setitem(sys.modules, module, None)
    for scheme in ("postgresql", "postgresql+psycopg2"):
        with pytest.raises(AddressError, match=r"install ganbench\[postgresql\]"):
            sync(make_ledger(root, *four_trials()), f"{scheme}://127.0.0.1:1/mlflow")
