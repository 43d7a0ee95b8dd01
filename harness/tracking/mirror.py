"""Bringing the runs of a tracking server to what the ledger says.

One experiment per suite version, one run per trial, one run per cell. Runs are found by their tags, all of which they
get when they are created, so there is no moment at which a run exists and is not recognized. A run is complete when it
is FINISHED; one that a killed sync left RUNNING is completed, never created again. A run that contradicts the ledger
(its checksum differs, or it is a second one of the same trial) is deleted, which MLflow can undo. Runs of trials that
the ledger does not hold are left alone, unless it has forgotten them. One that an earlier version of ganbench wrote gets
what it lacks.

A trial that was found unstable is FINISHED as well, and so is a method error: both are results.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganbench.harness.tracking.connection import TrackingError
from ganbench.harness.tracking.patience import Patience
from ganbench.harness.tracking.projection import SHA256, TRIAL, TRIALS, Projection
from ganbench.harness.tracking.runs import FINISHED, Run, Runs, find, known_runs
from ganbench.harness.tracking.transcript import FORMAT, FORMAT_TAG, VALUE_LENGTH, plan_tags

TAGS = 100
"""In one request, at most."""


@dataclass
class Mirror:
    """The runs of one experiment while they are brought to what the ledger says.

    Attributes:
        client: Has reached its server.
        patience: With which it is asked.
        experiment: The experiment's id.
        known: Those of its runs that were learnt of. Those of trials are taken out as they are dealt with.
        counts: What was done, by the names of ``SyncReport``.
    """

    client: Any
    patience: Patience
    experiment: str
    known: Runs = field(default_factory=Runs)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _learnt: set[str | None] = field(default_factory=set)

    def learn(self, cell: str | None = None) -> None:
        """Learn which runs there are of a cell and its trials, or of all. What is known is not asked for again."""
        if None not in self._learnt and cell not in self._learnt:
            self.known.update(known_runs(self.client, self.patience, self.experiment, cell))
            self._learnt.add(cell)

    def bring_trial(self, identity: str, sha256: str, project: Callable[[], Projection]) -> None:
        """Bring a trial's run.

        Args:
            identity: The trial's.
            sha256: ``projection.content_of`` what the ledger holds.
            project: What the run is to hold; called only if it must be written.
        """
        run = self._the_one_of(self.known.trials.pop(identity, ()))
        if run is not None and run.sha256 != sha256:
            self._remove(run)
            run = None
        if run is not None and run.finished and run.format == FORMAT:
            self.counts["trials_unchanged"] += 1
            return
        projection = project()
        if run is not None and run.format != FORMAT:
            self._tag(projection, run)
        if run is not None and run.finished:
            self.counts["trials_updated"] += 1
            return
        self._write(projection, run)
        self.counts["trials_created"] += 1

    def check(self, identity: str) -> None:
        """Look whether the server holds a trial that was brought: one can answer to everything, and keep nothing.

        Raises:
            TrackingError: It does not.
        """
        found = self.patience.ask(lambda: find(self.client, self.experiment, TRIAL, identity))
        if found is None:
            raise TrackingError(
                "the tracking server answers, but does not hold what it was sent; the ledger is not affected, and"
                " `ganbench sync` brings it once the server does"
            )

    def forget(self, identity: str, checksum: str) -> None:
        """Delete the runs of a trial that left the ledger: those of that very record, and none of one made anew."""
        runs = self.known.trials.pop(identity, ())
        for run in runs:
            if run.checksum == checksum:
                self._remove(run)
        left = tuple(run for run in runs if run.checksum != checksum)
        if left:
            self.known.trials[identity] = left

    def forget_cell(self, identity: str) -> None:
        """Delete the runs of a cell of which nothing is left."""
        for run in self.known.cells.pop(identity, ()):
            self._remove(run)

    def bring_cell(self, projection: Projection) -> None:
        """Bring a cell's run, whose former numbers stay in it as long as trials are only added."""
        run = self._the_one_of(self.known.cells.get(projection.id, ()))
        same = run is not None and run.sha256 == projection.tags[SHA256]
        if run is None or (same and not run.finished):
            self._write(projection, run)
            self.counts["cells_created"] += 1
        elif same:
            self.counts["cells_unchanged"] += 1
        elif run.finished and run.trials < int(projection.tags[TRIALS]):
            self._extend(projection, run)
            self.counts["cells_updated"] += 1
        else:
            # As many trials as before, or fewer, but others: their point would stand beside the old one at its step.
            self._remove(run)
            self._write(projection, None)
            self.counts["cells_updated"] += 1

    def _the_one_of(self, runs: Sequence[Run]) -> Run | None:
        """Return the run to keep of a trial or cell; others of the same, which a lost answer can leave, go."""
        for run in runs[1:]:
            self._remove(run)
        return runs[0] if runs else None

    def _write(self, projection: Projection, run: Run | None) -> None:
        run_id = self._create(projection) if run is None else run.id
        metrics, params = _metrics(projection), _params(projection)
        self.patience.ask(lambda: self.client.log_batch(run_id, metrics=metrics, params=params, synchronous=True))
        self.patience.ask(lambda: self.client.set_terminated(run_id, FINISHED, projection.end))

    def _create(self, projection: Projection) -> str:
        client, experiment = self.client, self.experiment

        def create() -> str:
            run = client.create_run(
                experiment, start_time=projection.start, tags=projection.tags, run_name=projection.name
            )
            return str(run.info.run_id)

        return self.patience.ask(create, done=lambda: find(client, experiment, projection.kind, projection.id))

    def _tag(self, projection: Projection, run: Run) -> None:
        """Give a run the tags that one of an earlier version lacks. The format comes last, and says that all are there."""
        from mlflow.entities import RunTag

        tags = [RunTag(key, value) for key, value in projection.tags.items() if key != FORMAT_TAG]
        for begin in range(0, len(tags), TAGS):
            batch = tags[begin : begin + TAGS]
            self.patience.ask(lambda batch=batch: self.client.log_batch(run.id, tags=batch, synchronous=True))  # type: ignore[misc]
        last = [RunTag(FORMAT_TAG, FORMAT)]
        self.patience.ask(lambda: self.client.log_batch(run.id, tags=last, synchronous=True))

    def _extend(self, projection: Projection, run: Run) -> None:
        from mlflow.entities import RunTag

        # The checksum comes last: until it is there, the next sync does this again, which adds nothing twice.
        metrics = _metrics(projection)
        tags = [RunTag(key, projection.tags[key]) for key in (TRIALS, SHA256)]
        self.patience.ask(lambda: self.client.set_terminated(run.id, FINISHED, projection.end))
        self.patience.ask(lambda: self.client.log_batch(run.id, metrics=metrics, synchronous=True))
        self.patience.ask(lambda: self.client.log_batch(run.id, tags=tags, synchronous=True))

    def _remove(self, run: Run) -> None:
        client = self.client

        def delete() -> bool:
            client.delete_run(run.id)
            return True

        # MLflow refuses to delete what is deleted.
        self.patience.ask(delete, done=lambda: client.get_run(run.id).info.lifecycle_stage == "deleted" or None)
        self.counts["runs_removed"] += 1


def experiment_name(plan: Mapping[str, Any]) -> str:
    """Return the name of a suite version's experiment."""
    return f"{plan['suite']} v{plan['version']}"


def experiment_of(client: Any, patience: Patience, plan: Mapping[str, Any], artifacts: str | None) -> str:
    """Return the id of a suite version's experiment; create it, or bring it back from the bin.

    Args:
        client: Has reached its server.
        patience: With which it is asked.
        plan: The ledger's plan.
        artifacts: Where the experiment's artifacts would go, if there were any; the server decides when None.
    """
    from mlflow.exceptions import MlflowException

    name = experiment_name(plan)
    tags = {"suite": plan["suite"], "version": str(plan["version"]), "hash": plan["hash"]}
    gone = Counter(f"{line['when']}: {line['why']}" for line in plan.get("forgotten", ()))
    tags |= (
        {"forgotten": "; ".join(f"{trials} trials, {act}" for act, trials in gone.items())[:VALUE_LENGTH]}
        if gone
        else {}
    )
    tags = {f"ganbench.{key}": value for key, value in tags.items()} | plan_tags(plan)

    def look() -> Any:
        return client.get_experiment_by_name(name)

    found = patience.ask(look)
    if found is None:
        try:
            return str(
                patience.ask(
                    lambda: client.create_experiment(name, artifact_location=artifacts, tags=tags),
                    done=lambda: None if (made := look()) is None else made.experiment_id,
                )
            )
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        found = patience.ask(look)  # the sync of another ledger was first
    if found.lifecycle_stage == "deleted":
        patience.ask(
            lambda: client.restore_experiment(found.experiment_id),
            done=lambda: look().lifecycle_stage == "active" or None,
        )
    for key, value in tags.items():
        if found.tags.get(key) != value:
            patience.ask(
                lambda key=key, value=value: client.set_experiment_tag(  # type: ignore[misc]
                    found.experiment_id, key, value
                )
            )
    return str(found.experiment_id)


def _metrics(projection: Projection) -> Sequence[Any]:
    from mlflow.entities import Metric

    return [Metric(*point) for point in projection.points]


def _params(projection: Projection) -> Sequence[Any]:
    from mlflow.entities import Param

    return [Param(key, value) for key, value in projection.params.items()]
