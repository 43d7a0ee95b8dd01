"""Reading back from a tracking server what syncs wrote: the plan, and what became of each trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganbench.harness.errors import InputError, did_you_mean
from ganbench.harness.stability import METHOD_ERROR
from ganbench.harness.tracking.connection import connected
from ganbench.harness.tracking.database import absent_file
from ganbench.harness.tracking.patience import Patience
from ganbench.harness.tracking.runs import tags_of_trials
from ganbench.harness.tracking.secrets import public
from ganbench.harness.tracking.transcript import Transcript, read_plan, read_trial

AGAIN = "`ganbench sync LEDGER` with this version brings it up to date"


@dataclass(frozen=True)
class ReadBack:
    """What an experiment holds of a suite.

    Attributes:
        experiment: Its name.
        plan: The plan of the ledger that was synced last.
        trials: The plan's trials whose runs are complete, by identity; those of several ledgers, if several were synced.
    """

    experiment: str
    plan: dict[str, Any]
    trials: tuple[Transcript, ...]


def read_back(uri: str, experiment: str, patience: Patience | None = None) -> ReadBack:
    """Read an experiment.

    Args:
        uri: The tracking URI.
        experiment: Its name: the suite's, and its version (``quick v1``).
        patience: With which the server is asked.

    Raises:
        InputError: There is no such experiment, it is none of ours, or it lacks something that another sync would bring.
        TrackingError: The server cannot be reached or refuses a request.
    """
    patience = patience or Patience()
    path = absent_file(uri)
    if path is not None:
        raise InputError(f"{public(uri)}: there is no file {path}")
    where = f"{public(uri)}: experiment {experiment!r}"
    with connected(uri) as client:
        found = patience.ask(lambda: client.get_experiment_by_name(experiment))
        if found is None or found.lifecycle_stage == "deleted":
            names = [item.name for item in _experiments(client, patience)]
            state = "is not there" if found is None else "was deleted"
            raise InputError(f"{where} {state}{did_you_mean(experiment, names)}")
        plan = read_plan(found.tags)
        if plan is None and "ganbench.suite" not in found.tags:
            raise InputError(f"{where} was not written by ganbench; `ganbench sync LEDGER` writes one")
        if plan is None:
            raise InputError(f"{where} does not hold its suite's plan, as another version of ganbench left it; {AGAIN}")
        runs = tags_of_trials(client, patience, str(found.experiment_id))
    return ReadBack(experiment, plan, _trials(where, plan, runs))


def _trials(where: str, plan: Mapping[str, Any], runs: Mapping[str, Mapping[str, str]]) -> tuple[Transcript, ...]:
    """Return the plan's trials; those of cells, seeds and suite seeds that it does not name are left out."""
    cells = {cell["id"] for cell in plan["cells"]}
    ours = {identity: tags for identity, tags in runs.items() if tags.get("ganbench.cell") in cells}
    told = {identity: read_trial(tags) for identity, tags in ours.items()}
    old = sum(transcript is None for transcript in told.values())
    if old:
        raise InputError(f"{where}: {old} of {len(told)} runs lack what a leaderboard needs, as another version of"
                         f" ganbench left them; {AGAIN}")  # fmt: skip
    trials = [
        item
        for _, item in sorted(told.items())
        if item is not None and item.suite_seed == plan["seed"] and 0 <= item.seed < int(plan["seeds"])
    ]
    # What has no trace, because its method could not run, cannot be judged anew.
    others = [
        item.verdict.definition
        for item in trials
        if item.verdict.outcome != METHOD_ERROR and item.verdict.definition != plan["definition"]
    ]
    if others:
        raise InputError(
            f"{where}: {len(others)} of {len(trials)} trials are judged by definition {others[0]} of instability, the plan"
            f" by definition {plan['definition']}; `ganbench relabel LEDGER --definition {plan['definition']}` and"
            " `ganbench sync LEDGER` for the ledger that they are from"
        )
    return tuple(trials)


def _experiments(client: Any, patience: Patience) -> list[Any]:
    """Return a server's experiments that are not deleted."""
    found: list[Any] = []
    token = None
    while True:
        page = patience.ask(lambda token=token: client.search_experiments(max_results=1000, page_token=token))  # type: ignore[misc]
        found += page
        token = page.token
        if not token:
            return found
