"""A ledger on its way into MLflow: once (:func:`sync`), or for as long as its sweep runs (:func:`watch`)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ganbench.harness.ledger import AddedVerdicts, Ledger, Record, read_added_verdicts
from ganbench.harness.stability import load_definition
from ganbench.harness.tracking.connection import AddressError, TrackingError, connected, one_writer
from ganbench.harness.tracking.database import analyze, is_database
from ganbench.harness.tracking.mirror import Mirror, experiment_name, experiment_of
from ganbench.harness.tracking.patience import Patience
from ganbench.harness.tracking.projection import Tally, content_of, project_cell, project_trial
from ganbench.harness.tracking.runs import Run
from ganbench.harness.tracking.secrets import public

VARIABLE = "MLFLOW_TRACKING_URI"

FEW_TRIALS = 200
"""For so many new trials the runs of their cells are looked up; for more, all runs are listed."""

LOOK_SHARE = 0.05
"""Looking whether there is anything new takes at most this share of the time."""


@dataclass(frozen=True)
class SyncReport:
    """What a sync did.

    Attributes:
        uri: The tracking URI, without a password.
        experiment: The experiment's name.
        trials_created: Runs of trials that were created, completed, or replaced because the ledger's trial has changed.
        trials_updated: Runs of trials that an earlier version of ganbench wrote, and that got what they lacked.
        trials_unchanged: Runs of trials that were complete.
        cells_created: Runs of cells that were created or completed.
        cells_updated: Runs of cells whose trials have changed.
        cells_unchanged: Runs of cells that were complete.
        runs_removed: Runs that were deleted because they contradicted the ledger.
        trials_outside: Committed trials that the current plan does not hold (a cell, or a suite seed, of an earlier
            version of the suite); they are not sent.
        trials_elsewhere: Trials that only other ledgers of this suite version hold; their cells count them.
        done: The ledger's trials of the plan that are in MLflow by now.
        planned: Trials of the plan; at most so many where seeds are sequential.
    """

    uri: str
    experiment: str
    trials_created: int = 0
    trials_updated: int = 0
    trials_unchanged: int = 0
    cells_created: int = 0
    cells_updated: int = 0
    cells_unchanged: int = 0
    runs_removed: int = 0
    trials_outside: int = 0
    trials_elsewhere: int = 0
    done: int = 0
    planned: int = 0


def default_uri(ledger: Ledger) -> str:
    """Return where a ledger's runs go when nothing else is said: MLFLOW_TRACKING_URI, or a SQLite file beside it."""
    return os.environ.get(VARIABLE) or f"sqlite:///{ledger.beside('mlflow.db').resolve()}"


def sync(
    ledger: Ledger,
    tracking_uri: str | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    patience: Patience | None = None,
) -> SyncReport:
    """Bring a tracking server to what the ledger says. Doing it twice changes nothing; doing it anew rebuilds all.

    Args:
        ledger: The committed trials; only read, one after the other.
        tracking_uri: The server; :func:`default_uri` when absent.
        on_progress: Called after each trial with how many are done, and of how many.
        patience: How long a request is repeated that a server does not answer.

    Returns:
        What was done.

    Raises:
        TrackingError: The server cannot be reached or refuses a request, or another sync of this ledger is under way.
        LedgerError: The ledger cannot be read.
        InputError: Its definition of instability is not known here.
    """
    feed = Feed(ledger, tracking_uri or default_uri(ledger), patience or Patience())
    feed.look()
    with one_writer(ledger.folder or Path.cwd()), connected(feed.uri) as client:
        report = feed.bring(client, on_progress)
    if report.trials_created:
        analyze(feed.uri)
    return report


def watch(
    ledger: Ledger,
    tracking_uri: str | None = None,
    *,
    seconds: float = 10.0,
    on_round: Callable[[SyncReport], None] | None = None,
    on_outage: Callable[[TrackingError], None] | None = None,
    patience: Patience | None = None,
) -> None:
    """Bring what a sweep commits into MLflow while it runs; return when everything planned is there.

    It only reads the ledger, and a sweep does not notice it. While nothing is new the server is not asked anything.
    When the server goes away, it is tried again until it is back.

    Args:
        ledger: As for :func:`sync`.
        tracking_uri: Likewise.
        seconds: Between two looks, above 0; more where a look takes long.
        on_round: Called when something new was brought, and at the first look.
        on_outage: Called whenever the server was not reached.
        patience: As for :func:`sync`.

    Raises:
        AddressError: Something is wrong that waiting does not mend.
        LedgerError: The ledger cannot be read.
        InputError: Its definition of instability is not known here.
    """
    uri = tracking_uri or default_uri(ledger)
    while True:
        try:
            with connected(uri) as client:
                feed = Feed(ledger, uri, patience or Patience())
                while not _round(feed, client, on_round or _ignore):
                    time.sleep(max(seconds, feed.look_seconds / LOOK_SHARE))
                return
        except AddressError:
            raise
        except TrackingError as error:
            (on_outage or _ignore)(error)
        time.sleep(seconds)


def _round(feed: Feed, client: Any, on_round: Callable[[SyncReport], None]) -> bool:
    """Look once, bring what is new, and say whether everything planned is there."""
    if feed.look():
        with one_writer(feed.ledger.folder or Path.cwd()):
            report = feed.bring(client)
        if report.trials_created:
            analyze(feed.uri)
        on_round(report)
    return feed.complete


def _ignore(value: object) -> None:
    pass


@dataclass
class Feed:
    """What of a ledger has been sent, and what is counted of its cells. Records are held one at a time.

    Attributes:
        ledger: Where the trials are.
        uri: Where they go.
        patience: With which the server is asked.
        look_seconds: What the last look at the ledger took.
    """

    ledger: Ledger
    uri: str
    patience: Patience
    look_seconds: float = 0.0
    _plan: dict[str, Any] = field(default_factory=dict)
    _looks: AddedVerdicts = field(default_factory=dict)
    _cells: dict[str, dict[str, Any]] = field(default_factory=dict)
    _tallies: dict[str, Tally] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _new: set[str] = field(default_factory=set)
    _done: int = 0
    _begun: bool = False
    _read_back: bool = False

    @property
    def planned(self) -> int:
        """Trials of the plan; at most so many where seeds are sequential."""
        return len(self._cells) * int(self._plan["seeds"])

    @property
    def complete(self) -> bool:
        """Whether everything planned has been brought."""
        return self._begun and not self._new and self._done >= self.planned

    def look(self) -> bool:
        """Look at the ledger, and say whether there is anything to bring.

        Raises:
            LedgerError: It cannot be read.
            InputError: Its definition of instability is not known here.
        """
        begun = time.monotonic()
        plan, added_verdicts = self.ledger.plan(), read_added_verdicts(self.ledger)
        if (plan, added_verdicts) != (
            self._plan,
            self._looks,
        ):  # more cells or seeds, or other verdicts: all is looked at anew
            load_definition(plan["definition"])
            self._looks = added_verdicts
            self._plan, self._cells = plan, {cell["id"]: cell for cell in plan["cells"]}
            self._tallies, self._seen, self._done, self._begun = {}, set(), 0, False
        self._new = self.ledger.committed() - self._seen
        self.look_seconds = time.monotonic() - begun
        return bool(self._new) or not self._begun

    def bring(self, client: Any, on_progress: Callable[[int, int], None] | None = None) -> SyncReport:
        """Bring what the last look found.

        Args:
            client: Has reached its server.
            on_progress: As for :func:`sync`.

        Raises:
            MlflowException: The server is not there or refuses a request. This feed is of no further use.
            LedgerError: A record is damaged.
        """
        artifacts = self.ledger.beside("mlflow-artifacts").resolve().as_uri() if is_database(self.uri) else None
        mirror = Mirror(client, self.patience, experiment_of(client, self.patience, self._plan, artifacts))
        if not self._begun or len(self._new) > FEW_TRIALS:
            mirror.learn()
        definition = load_definition(self._plan["definition"])
        outside, stale, total = 0, set(), len(self._new)
        created: str | None = None
        for done, committed in enumerate(self._records(), start=1):
            record = committed.under(definition, self._looks.get(committed.trial_id, ()))
            self._seen.add(record.trial_id)
            if record.cell_id in self._cells and record.spec["suite_seed"] == self._plan["seed"]:
                mirror.learn(record.cell_id)
                mirror.bring_trial(
                    record.trial_id,
                    content_of(record),
                    partial(project_trial, record, self._plan, self._cells[record.cell_id], committed),
                )
                created = record.trial_id
                self._tallies.setdefault(record.cell_id, Tally()).add(record)
                self._done += record.seed < int(self._plan["seeds"])
                stale.add(record.cell_id)
            else:
                outside += 1
            if on_progress is not None:
                on_progress(done, total)
        if mirror.counts["trials_created"] and created is not None and not self._read_back:
            mirror.check(created)
            self._read_back = True
        for line in self._plan.get("forgotten", ()):
            mirror.forget(line["trial"], line["checksum"])
        elsewhere = self._elsewhere(mirror)
        for cell_id in filter(stale.__contains__, self._cells):
            tally = self._tallies[cell_id].plus(elsewhere.get(cell_id, {}))
            mirror.bring_cell(project_cell(tally, self._plan, self._cells[cell_id]))
        for cell_id in {line["cell"] for line in self._plan.get("forgotten", ())} - self._tallies.keys():
            mirror.forget_cell(cell_id)
        self._new, self._begun = set(), True
        return SyncReport(
            uri=public(self.uri),
            experiment=experiment_name(self._plan),
            trials_outside=outside,
            trials_elsewhere=sum(map(len, elsewhere.values())),
            done=self._done,
            planned=self.planned,
            **mirror.counts,
        )

    def _records(self) -> Iterator[Record]:
        if self._begun:
            return map(self.ledger.read, sorted(self._new))
        return self.ledger.records()

    def _elsewhere(self, mirror: Mirror) -> dict[str, dict[str, Run]]:
        """Return the trials that the server has and the ledger has not, by cell and identity."""
        rules = (str(self._plan["definition"]), str(self._plan["seed"]))
        found: dict[str, dict[str, Run]] = {}
        for identity, (run, *_) in mirror.known.trials.items():
            if identity not in self._seen and run.finished and run.rules == rules:
                found.setdefault(run.cell, {})[identity] = run
        return found
