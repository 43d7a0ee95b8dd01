"""Which runs a server holds: listed whole, in little memory, whatever others do to them meanwhile."""

from __future__ import annotations

import shutil
import sqlite3
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from tracked import four_trials, make_ledger

from ganbench.harness.tracking import Patience, default_uri, runs, sync
from ganbench.harness.tracking.connection import connected
from ganbench.harness.tracking.runs import known_runs


def run_tags(number: int, padding: int) -> dict[str, str]:
    tags = {"kind": "trial", "trial": f"{number:020x}", "cell": f"{number % 50:020x}", "sha256": f"{number:064x}"}
    tags |= {"definition": "2", "outcome": "unstable" if number % 3 else "stable"}
    tags |= {f"further{index}": f"{number} {'x' * 30}" for index in range(padding)}
    return {f"ganbench.{key}": value for key, value in tags.items()}


def fill(path: Path, starts: list[int], padding: int = 0) -> None:
    """Put finished runs of trials into a store, as MLflow would, but a thousand times as fast."""
    with sqlite3.connect(path) as store:
        for number, start in enumerate(starts):
            run = f"{number:032x}"
            columns = (
                "run_uuid, name, status, start_time, end_time, lifecycle_stage, artifact_uri, experiment_id, user_id"
            )
            row = (run, f"run {number}", "FINISHED", start, start + 1, "active", "nowhere", 0, "somebody")
            store.execute(f"INSERT INTO runs ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            tags = [(key, value, run) for key, value in run_tags(number, padding).items()]
            store.executemany("INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", tags)
            store.execute("INSERT INTO params (key, value, run_uuid) VALUES ('suite_seed', '7', ?)", (run,))


@pytest.fixture
def store(tmp_path: Path, empty_store: Path) -> Path:
    return Path(shutil.copy(empty_store, tmp_path / "runs.db"))


def test_every_run_is_listed_once_even_when_many_began_at_the_same_moment(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "PAGE", 3)
    starts = [1, 1, 2, 3, *[4] * 11, 5, 5, 6, *[7] * 4]
    fill(store, starts)
    with connected(f"sqlite:///{store}") as client:
        found = known_runs(client, Patience(), "0")
        cell = known_runs(client, Patience(), "0", cell=f"{5:020x}")
    assert sorted(found.trials) == [f"{number:020x}" for number in range(len(starts))]
    assert all(len(of_trial) == 1 for of_trial in found.trials.values())
    assert [run.start for run in sorted(run for (run,) in found.trials.values())] == starts
    assert list(cell.trials) == [f"{5:020x}"]
    assert found.trials[f"{5:020x}"] == cell.trials[f"{5:020x}"]


class Restless:
    """A client of a store in which somebody removes the oldest run whenever a page was read."""

    def __init__(self, client: object) -> None:
        self.client, self.pages, self.removed = client, 0, []

    def search_runs(self, *arguments: object, **options: object) -> object:
        page = self.client.search_runs(*arguments, **options)
        oldest = self.client.search_runs(["0"], max_results=1, order_by=["attributes.start_time ASC"])[0]
        self.client.delete_run(oldest.info.run_id)
        self.removed.append(oldest.info.run_id)
        self.pages += 1
        return page


def test_runs_that_go_while_others_are_listed_hide_none(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By counting rows every page would begin one row too late, and a second run of the skipped trial be made."""
    monkeypatch.setattr(runs, "PAGE", 4)
    fill(store, list(range(1, 21)))
    with connected(f"sqlite:///{store}") as client:
        restless = Restless(client)
        found = known_runs(restless, Patience(), "0")
    assert restless.pages >= 5 and len(restless.removed) == restless.pages
    assert sorted(found.trials) == [f"{number:020x}" for number in range(20)]


def test_what_is_kept_of_a_run_is_small(store: Path) -> None:
    """A hundred thousand of them are to fit beside everything else."""
    fill(store, list(range(1, 301)), padding=15)
    with connected(f"sqlite:///{store}") as client:
        known_runs(client, Patience(), "0")  # so that whatever MLflow keeps for itself is there
        tracemalloc.start()
        try:
            found = known_runs(client, Patience(), "0")
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(found.trials) == 300
    assert kept / 300 < 2000, f"{kept / 300:.0f} bytes a run"


def test_a_ledger_is_read_one_record_at_a_time(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ganbench.harness.ledger import Ledger
    from ganbench.harness.tracking.mirror import Mirror

    ledger, whole, brought = make_ledger(root, *four_trials()), Ledger.records, []
    read = []

    def counted(self: Ledger) -> Iterator:
        for record in whole(self):
            read.append(len(brought))
            yield record

    bring = Mirror.bring_trial
    monkeypatch.setattr(Ledger, "records", counted)
    monkeypatch.setattr(Mirror, "bring_trial", lambda self, *given: (brought.append(given[0]), bring(self, *given))[1])
    sync(ledger)
    assert read == [0, 1, 2, 3]


def test_sqlite_learns_how_large_its_tables_are(root: Path) -> None:
    """Without, it finds the runs that are best by a metric in quadratic time: 10,000 runs took 5 s."""
    ledger = make_ledger(root, *four_trials())
    sync(ledger)
    assert default_uri(ledger) == f"sqlite:///{root / 'mlflow.db'}"
    with sqlite3.connect(root / "mlflow.db") as database:
        known = {table for (table,) in database.execute("SELECT DISTINCT tbl FROM sqlite_stat1")}
    assert {"runs", "tags", "latest_metrics"} <= known
