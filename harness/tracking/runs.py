"""The runs of ours that a server holds: of each only what decides whether it is to be kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ganbench.harness.tracking.patience import Patience
from ganbench.harness.tracking.projection import CELL, CHECKSUM, KIND, SHA256, TRIAL, TRIALS
from ganbench.harness.tracking.transcript import FORMAT_TAG

PAGE = 1000
"""Runs in an answer. MLflow would give 50,000, in so many seconds that a request may time out."""

FINISHED = "FINISHED"


class Run(NamedTuple):
    """A run of a trial or a cell; a hundred thousand of them are held at once.

    Attributes:
        id: As MLflow drew it.
        finished: Whether it is complete.
        start: In milliseconds since 1970.
        end: Likewise; 0 where it has none.
        sha256: Of what it holds.
        checksum: Of a trial's record; empty where a run does not say.
        trials: How many a cell's run counts.
        cell: Identity of its cell.
        outcome: Of a trial; empty of a cell.
        rules: By which definition and suite seed a trial was run and judged.
        format: Of what a trial's run carries for whoever reads it back; empty where it carries nothing.
    """

    id: str
    finished: bool
    start: int
    end: int
    sha256: str
    checksum: str
    trials: int
    cell: str
    outcome: str
    rules: tuple[str, str]
    format: str


@dataclass
class Runs:
    """Runs by what they are of; several of the same are the exception.

    Attributes:
        trials: By the trial's identity.
        cells: By the cell's.
    """

    trials: dict[str, tuple[Run, ...]] = field(default_factory=dict)
    cells: dict[str, tuple[Run, ...]] = field(default_factory=dict)

    def add(self, kind: str, identity: str, run: Run) -> None:
        """Take note of a run; one that is known already is not noted twice."""
        place = self.trials if kind == TRIAL else self.cells
        former = place.get(identity, ())
        if all(run.id != other.id for other in former):
            # A complete run comes first, then the older one: whichever sync decides, it decides the same.
            place[identity] = tuple(sorted((*former, run), key=lambda run: (not run.finished, run.start, run.id)))

    def update(self, other: Runs) -> None:
        """Take note of runs of other trials and cells."""
        self.trials.update(other.trials)
        self.cells.update(other.cells)


def known_runs(client: Any, patience: Patience, experiment: str, cell: str | None = None) -> Runs:
    """Return the runs of an experiment, or only those of a cell and its trials."""
    runs, rules = Runs(), _Same()
    for run in _search(client, patience, experiment, "" if cell is None else f"tags.`ganbench.cell` = '{cell}'"):
        tags = run.data.tags
        kind = tags.get(KIND)
        if kind in (TRIAL, CELL) and SHA256 in tags:
            identity = tags.get(f"ganbench.{kind}", "")
            runs.add(kind, identity, _slim(run, rules))
    return runs


def tags_of_trials(client: Any, patience: Patience, experiment: str) -> dict[str, dict[str, str]]:
    """Return the tags of complete runs of trials, by the trial's identity; of several runs of one those that syncs keep."""
    runs, tags = Runs(), dict[str, dict[str, str]]()
    for run in _search(client, patience, experiment, f"tags.`{KIND}` = '{TRIAL}'"):
        identity = run.data.tags.get("ganbench.trial", "")
        if SHA256 in run.data.tags and run.info.status == FINISHED:
            runs.add(TRIAL, identity, _slim(run, _Same()))
            if runs.trials[identity][0].id == run.info.run_id:
                tags[identity] = run.data.tags
    return tags


def find(client: Any, experiment: str, kind: str, identity: str) -> str | None:
    """Return the id of a run of a trial or a cell, or None. One request."""
    filters = f"tags.`{KIND}` = '{kind}' and tags.`ganbench.{kind}` = '{identity}'"
    page = client.search_runs([experiment], filters, max_results=1)
    return str(page[0].info.run_id) if page else None


def _search(client: Any, patience: Patience, experiment: str, filters: str) -> Iterator[Any]:
    """Yield the runs of an experiment, oldest first; at each border of pages some come twice.

    MLflow cuts pages by counting rows from the start: the later the page the longer it takes, and a run that appears
    or goes meanwhile shifts all that follow, so that one comes twice or not at all. Every page here begins where the
    former one ended in time.
    """
    since, token = 0, None
    while True:
        condition = " and ".join(filter(None, (filters, f"attributes.start_time >= {since}")))
        page = patience.ask(
            lambda condition=condition, token=token: client.search_runs(  # type: ignore[misc]
                [experiment],
                condition,
                max_results=PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
        )
        yield from page
        if not page.token:
            return
        newest = int(page[-1].info.start_time)
        # A page of runs that all began at the same moment can only be passed by counting.
        token = page.token if newest == since else None
        since = newest


class _Same(dict[Any, Any]):
    """Keeps one of equal values, because every run of a cell says the same."""

    def __missing__(self, key: Any) -> Any:
        self[key] = key
        return key


def _slim(run: Any, same: _Same) -> Run:
    tags = run.data.tags
    return Run(
        id=str(run.info.run_id),
        finished=run.info.status == FINISHED,
        start=int(run.info.start_time),
        end=int(run.info.end_time or 0),
        sha256=tags[SHA256],
        checksum=tags.get(CHECKSUM, ""),
        trials=int(tags.get(TRIALS, 0)),
        cell=same[tags.get("ganbench.cell", "")],
        outcome=same[tags.get("ganbench.outcome", "")],
        rules=same[tags.get("ganbench.definition", ""), run.data.params.get("suite_seed", "")],
        format=same[tags.get(FORMAT_TAG, "")],
    )
