"""A tracking server in memory that answers as MLflow's does, or whose answers are lost, under the real mirror."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest import mock

from simulation import World

from ganbench.harness.ledger import Ledger
from ganbench.harness.tracking import TrackingError, feed, runs
from ganbench.harness.tracking.patience import Patience
from ganbench.harness.tracking.projection import CELL, KIND, SHA256, TRIAL, content_of

CALLS = {"get_experiment_by_name", "create_experiment", "restore_experiment", "set_experiment_tag", "search_runs"}
CALLS |= {"get_run", "create_run", "log_batch", "set_terminated", "delete_run"}
URI = "http://simulated"
OUTAGE_SECONDS = 60.0


def failure(code: str = "INTERNAL_ERROR") -> Exception:
    """What MLflow raises where a server does not answer."""
    from mlflow.exceptions import MlflowException

    error = MlflowException(f"{code} (simulated)")
    error.error_code = code
    return error


@dataclass
class Server:
    """What a tracking server keeps."""

    experiments: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, Any] = field(default_factory=dict)

    def get_experiment_by_name(self, name: str) -> Any:
        return self.experiments.get(name)

    def create_experiment(self, name: str, artifact_location: str | None, tags: dict[str, str]) -> str:
        if name in self.experiments:
            raise failure("RESOURCE_ALREADY_EXISTS")
        self.experiments[name] = SimpleNamespace(experiment_id=name, lifecycle_stage="active", tags=dict(tags))
        return name

    def restore_experiment(self, experiment: str) -> None:
        self.experiments[experiment].lifecycle_stage = "active"

    def set_experiment_tag(self, experiment: str, key: str, value: str) -> None:
        self.experiments[experiment].tags[key] = value

    def create_run(self, experiment: str, start_time: int, tags: dict[str, str], run_name: str) -> Any:
        identity = f"run{len(self.runs):06d}"
        info = SimpleNamespace(
            run_id=identity, start_time=start_time, status="RUNNING", end_time=None, lifecycle_stage="active"
        )
        data = SimpleNamespace(tags=dict(tags), params={}, metrics=set())
        self.runs[identity] = SimpleNamespace(info=info, data=data)
        return self.runs[identity]

    def log_batch(
        self, run: str, metrics: Any = (), params: Any = (), tags: Any = (), synchronous: bool = False
    ) -> None:
        data = self.runs[run].data
        data.metrics |= {(item.key, item.value, item.timestamp, item.step) for item in metrics}
        for item in params:
            if data.params.setdefault(item.key, item.value) != item.value:
                raise failure("INVALID_PARAMETER_VALUE")
        data.tags |= {item.key: item.value for item in tags}

    def set_terminated(self, run: str, status: str, end: int) -> None:
        self.runs[run].info.status, self.runs[run].info.end_time = status, end

    def get_run(self, run: str) -> Any:
        return self.runs[run]

    def delete_run(self, run: str) -> None:
        if self.runs[run].info.lifecycle_stage == "deleted":
            raise failure("INVALID_PARAMETER_VALUE")
        self.runs[run].info.lifecycle_stage = "deleted"

    def search_runs(
        self,
        experiments: list[str],
        filters: str = "",
        max_results: int = 1000,
        order_by: Any = (),
        page_token: Any = None,
    ) -> Any:
        """Pages are cut by counting rows, as they are there."""
        tags = re.findall(r"tags\.`([^`]+)` = '([^']*)'", filters)
        since = max((int(number) for number in re.findall(r"start_time >= (\d+)", filters)), default=0)
        found = [
            run
            for run in self.runs.values()
            if run.info.lifecycle_stage == "active"
            and run.info.start_time >= since
            and all(run.data.tags.get(key) == value for key, value in tags)
        ]
        found.sort(key=lambda run: (run.info.start_time, run.info.run_id))
        first = int(page_token or 0)
        last = first + max_results
        return Page(found[first:last], str(last) if last < len(found) else None)


class Page(list):
    """Runs, and where to go on."""

    def __init__(self, runs: list[Any], token: str | None) -> None:
        super().__init__(runs)
        self.token = token


class Line:
    """A connection to a server; one of its calls, or none, meets trouble.

    Args:
        server: The server.
        troubled: How many calls go well before.
        trouble: What happens then: a name of :data:`TROUBLES`.
        world: Whose processes may die.
    """

    def __init__(self, server: Server, troubled: int, trouble: str, world: World) -> None:
        self._server, self._left, self._trouble, self._world = server, troubled, trouble, world
        self._gone_until = -1.0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in CALLS:
            raise AttributeError(name)
        return partial(self._call, name)

    def _call(self, name: str, *args: Any, **options: Any) -> Any:
        if self._world.now < self._gone_until:
            raise failure()
        self._left -= 1
        call = partial(getattr(self._server, name), *args, **options)
        return call() if self._left != -1 else TROUBLES[self._trouble](self, call)

    def not_heard(self, call: Callable[[], Any]) -> Any:
        raise failure()

    def answer_lost(self, call: Callable[[], Any]) -> Any:
        call()
        raise failure()

    def gone(self, call: Callable[[], Any]) -> Any:
        """The server is gone for longer than anybody waits, and had done what it was asked."""
        self._gone_until = self._world.now + OUTAGE_SECONDS
        return self.answer_lost(call)

    def killed(self, call: Callable[[], Any]) -> Any:
        """The process that synchronizes dies."""
        call()
        assert self._world.current is not None
        self._world.current.kill("while it synchronized")


TROUBLES: dict[str, Callable[[Line, Callable[[], Any]], Any]] = {
    made.__name__: made for made in (Line.not_heard, Line.answer_lost, Line.gone, Line.killed)
}
FREE_OF_TROUBLE = 10**9


class Tracker:
    """The mirror of one ledger.

    Args:
        world: Whose processes synchronize.
    """

    def __init__(self, world: World) -> None:
        self.server, self._world, self._next = Server(), world, (FREE_OF_TROUBLE, "not_heard")

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Have the mirror speak to this server, in pages so small that there are several."""
        from mlflow.exceptions import MlflowException

        @contextmanager
        def connected(uri: str) -> Iterator[Line]:
            try:
                yield Line(self.server, *self._next, self._world)
            except MlflowException as error:
                raise TrackingError(str(error)) from error

        with mock.patch.object(feed, "connected", connected), mock.patch.object(runs, "PAGE", 2):
            yield

    def sync(self, ledger: Ledger, extent: int) -> None:
        """Bring the server up to date; ``extent`` says what happens on the way."""
        self._next = (extent // len(TROUBLES), list(TROUBLES)[extent % len(TROUBLES)])
        feed.sync(ledger, URI, patience=Patience(clock=self._world.clock, sleep=self._world.sleep))

    def check(self, ledger: Ledger) -> None:
        """After a quiet sync the server has what the ledger has, once."""
        self._next = (FREE_OF_TROUBLE, "not_heard")
        feed.sync(ledger, URI)
        again = feed.sync(ledger, URI)
        assert (again.trials_created, again.cells_created, again.cells_updated, again.runs_removed) == (0, 0, 0, 0)
        kept = [run for run in self.server.runs.values() if run.info.lifecycle_stage == "active"]
        trials = [run.data.tags for run in kept if run.data.tags[KIND] == TRIAL]
        told = sorted((tags["ganbench.trial"], tags[SHA256]) for tags in trials)
        assert told == [(record.trial_id, content_of(record)) for record in ledger.records()], (
            "the mirror is not the ledger"
        )
        assert all(run.info.status == "FINISHED" for run in kept)
        cells = [run.data.tags["ganbench.cell"] for run in kept if run.data.tags[KIND] == CELL]
        assert len(cells) == len(set(cells)) == len({record.cell_id for record in ledger.records()})
