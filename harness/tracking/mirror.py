"""Bringing a tracking server to what the ledger says.

One experiment per suite version, one run per trial, one run per cell. Runs are found by their tags, all of which they
get when they are created, so there is no moment at which a run exists and is not recognized. A run is complete when it
is FINISHED; one that a killed sync left RUNNING is completed, never created again. A run that contradicts the ledger
(its checksum differs, or it is a second one of the same trial) is deleted, which MLflow can undo. Runs of trials that
the ledger does not hold are left alone.

A trial that was found unstable is FINISHED as well, and so is a method error: both are results.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.ledger import Ledger, Record
from harness.stability import load_definition
from harness.tracking.connection import connected, is_database, one_writer, public
from harness.tracking.projection import (
    CELL,
    KIND,
    SHA256,
    TRIAL,
    TRIALS,
    Projection,
    Tally,
    project_cell,
    project_trial,
)

PAGE = 1000
FINISHED = "FINISHED"


@dataclass(frozen=True)
class SyncReport:
    """What a sync did.

    Attributes:
        uri: The tracking URI, without a password.
        experiment: The experiment's name.
        trials_created: Runs of trials that were created, completed, or replaced because the ledger's trial has changed.
        trials_unchanged: Runs of trials that were complete.
        cells_created: Runs of cells that were created or completed.
        cells_updated: Runs of cells whose trials have changed.
        cells_unchanged: Runs of cells that were complete.
        runs_removed: Runs that were deleted because they contradicted the ledger.
        trials_outside: Committed trials that the current plan does not hold (a cell, or a suite seed, of an earlier
            version of the suite); they are not sent.
    """

    uri: str
    experiment: str
    trials_created: int = 0
    trials_unchanged: int = 0
    cells_created: int = 0
    cells_updated: int = 0
    cells_unchanged: int = 0
    runs_removed: int = 0
    trials_outside: int = 0


def default_uri(ledger: Ledger) -> str:
    """Return where a ledger's runs go when nothing else is said: a SQLite file in its folder, or in the working one."""
    return f"sqlite:///{ledger.beside('mlflow.db').resolve()}"


def sync(
    ledger: Ledger, tracking_uri: str | None = None, *, on_progress: Callable[[int, int], None] | None = None
) -> SyncReport:
    """Bring a tracking server to what the ledger says. Doing it twice changes nothing; doing it anew rebuilds all.

    A server is to be fed from one ledger per suite version: a trial that two ledgers hold has one run.

    Args:
        ledger: The committed trials; only read.
        tracking_uri: The server; a SQLite file in the ledger's folder when absent.
        on_progress: Called after each trial with how many are done, and of how many.

    Returns:
        What was done.

    Raises:
        TrackingError: The server cannot be reached or refuses a request, or another sync of this ledger is under way.
        LedgerError: The ledger cannot be read.
        InputError: Its definition of instability is not known here.
    """
    plan = ledger.plan()
    definition = load_definition(plan["definition"])
    uri = tracking_uri or default_uri(ledger)
    total = len(ledger.committed())
    cells = {cell["id"]: cell for cell in plan["cells"]}
    tallies: dict[str, Tally] = defaultdict(Tally)
    outside = 0
    with one_writer(ledger.folder or Path.cwd()), connected(uri) as client:
        experiment = _experiment(client, plan, _artifact_folder(ledger) if is_database(uri) else None)
        mirror = _Mirror(client, experiment)
        for done, committed in enumerate(ledger.records(), start=1):
            record = committed.under(definition)
            if _is_planned(record, plan, cells):
                mirror.bring_trial(record, plan, cells[record.cell_id])
                tallies[record.cell_id].add(record)
            else:
                outside += 1
            if on_progress is not None:
                on_progress(done, total)
        for cell_id, cell in cells.items():
            if cell_id in tallies:
                mirror.bring_cell(project_cell(tallies[cell_id], plan, cell))
    return SyncReport(uri=public(uri), experiment=_name(plan), trials_outside=outside, **mirror.counts)


@dataclass
class _Mirror:
    """The runs of one experiment while they are brought to what the ledger says."""

    client: Any
    experiment: str
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        self.known = _known_runs(self.client, self.experiment)

    def bring_trial(self, record: Record, plan: Mapping[str, Any], cell: Mapping[str, Any]) -> None:
        run = self._the_run(TRIAL, record.trial_id)
        if run is not None and run.data.tags[SHA256] != record.sha256:
            self._remove(run)
            run = None
        if run is not None and run.info.status == FINISHED:
            self.counts["trials_unchanged"] += 1
            return
        self._write(project_trial(record, plan, cell), run)
        self.counts["trials_created"] += 1

    def bring_cell(self, projection: Projection) -> None:
        run = self._the_run(CELL, projection.id)
        same = run is not None and run.data.tags[SHA256] == projection.tags[SHA256]
        if run is None or (same and run.info.status != FINISHED):
            self._write(projection, run)
            self.counts["cells_created"] += 1
        elif same:
            self.counts["cells_unchanged"] += 1
        elif run.info.status == FINISHED and int(run.data.tags.get(TRIALS, 0)) < int(projection.tags[TRIALS]):
            self._extend(projection, run)
            self.counts["cells_updated"] += 1
        else:
            # As many trials as before, or fewer, but others: their point would stand beside the old one at its step.
            self._remove(run)
            self._write(projection, None)
            self.counts["cells_updated"] += 1

    def _the_run(self, kind: str, identity: str) -> Any | None:
        """Return the run to keep of a trial or cell; others of the same, which a lost answer can leave, go."""
        # A complete run comes first, then the older one: whichever sync decides, it decides the same.
        runs = sorted(
            self.known.get((kind, identity), []),
            key=lambda run: (run.info.status != FINISHED, run.info.start_time, run.info.run_id),
        )
        for run in runs[1:]:
            self._remove(run)
        return runs[0] if runs else None

    def _write(self, projection: Projection, run: Any | None) -> None:
        if run is None:
            run = self.client.create_run(
                self.experiment, start_time=projection.start, tags=projection.tags, run_name=projection.name
            )
        self.client.log_batch(
            run.info.run_id, metrics=_metrics(projection), params=_params(projection), synchronous=True
        )
        self.client.set_terminated(run.info.run_id, FINISHED, projection.end)

    def _extend(self, projection: Projection, run: Any) -> None:
        from mlflow.entities import RunTag

        # The checksum comes last: until it is there, the next sync does this again, which adds nothing twice.
        self.client.set_terminated(run.info.run_id, FINISHED, projection.end)
        self.client.log_batch(run.info.run_id, metrics=_metrics(projection), synchronous=True)
        tags = [RunTag(key, projection.tags[key]) for key in (TRIALS, SHA256)]
        self.client.log_batch(run.info.run_id, tags=tags, synchronous=True)

    def _remove(self, run: Any) -> None:
        self.client.delete_run(run.info.run_id)
        self.counts["runs_removed"] += 1


def _name(plan: Mapping[str, Any]) -> str:
    return f"{plan['suite']} v{plan['version']}"


def _artifact_folder(ledger: Ledger) -> str:
    return ledger.beside("mlflow-artifacts").resolve().as_uri()


def _is_planned(record: Record, plan: Mapping[str, Any], cells: Mapping[str, Any]) -> bool:
    return record.cell_id in cells and record.spec["suite_seed"] == plan["seed"]


def _experiment(client: Any, plan: Mapping[str, Any], artifacts: str | None) -> str:
    """Return the experiment's id; create it, or bring it back from the bin."""
    tags = {"suite": plan["suite"], "version": str(plan["version"]), "hash": plan["hash"]}
    tags = {f"ganbench.{key}": value for key, value in tags.items()}
    found = client.get_experiment_by_name(_name(plan))
    if found is None:
        return str(client.create_experiment(_name(plan), artifact_location=artifacts, tags=tags))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    for key, value in tags.items():
        if found.tags.get(key) != value:
            client.set_experiment_tag(found.experiment_id, key, value)
    return str(found.experiment_id)


def _known_runs(client: Any, experiment: str) -> dict[tuple[str, str], list[Any]]:
    """Return all runs of ours by what they are of."""
    known: dict[tuple[str, str], list[Any]] = defaultdict(list)
    token = None
    while True:
        # Pages are cut by counting rows, so the order must not move meanwhile: oldest first, and then by identity.
        page = client.search_runs([experiment], max_results=PAGE, order_by=["start_time ASC"], page_token=token)
        for run in page:
            kind = run.data.tags.get(KIND)
            if kind in (TRIAL, CELL) and SHA256 in run.data.tags:
                known[kind, run.data.tags.get(f"ganbench.{kind}", "")].append(run)
        token = page.token
        if not token:
            return known


def _metrics(projection: Projection) -> Sequence[Any]:
    from mlflow.entities import Metric

    return [Metric(*point) for point in projection.points]


def _params(projection: Projection) -> Sequence[Any]:
    from mlflow.entities import Param

    return [Param(key, value) for key, value in projection.params.items()]
