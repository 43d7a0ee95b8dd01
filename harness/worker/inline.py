"""Trials in this very process: the same attempts as on a cluster, without one."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from ganbench.harness.cells.cell import Trial
from ganbench.harness.errors import LedgerError
from ganbench.harness.scheduling.drive import Round
from ganbench.harness.scheduling.endings import (
    CROWDED,
    HUNG,
    RESULTS,
    Done,
    Ending,
    Event,
    Failed,
    Lost,
    Retried,
)
from ganbench.harness.worker.attempt import attempt, attempt_each, is_over


def run_inline(round_: Round) -> Iterator[Event]:
    """Run trials in their order, side by side where that is asked for.

    Raises:
        LedgerError: The results folder cannot be written; going on would be of no use.
    """
    for _, alike in groupby(round_.trials, key=lambda trial: trial.cell.resources):
        trials = list(alike)
        tasks = [replace(round_.task_of(trial), resources=trial.cell.resources) for trial in trials]
        again: list[int] = []
        over = False
        for number, ending in attempt_each(tasks):
            _observe(round_, ending)
            if isinstance(ending, Failed) and ending.kind in (CROWDED, HUNG):
                again.append(number)
                yield Retried(trials[number].id, ending.reason)
            else:
                yield _event(trials[number], ending)
                over = over or is_over(ending)
        for number in again:
            if not over:
                task = replace(tasks[number], attempt=2)
                ending = attempt(task)
                _observe(round_, ending)
                if isinstance(ending, Failed) and ending.kind == HUNG:
                    ending = attempt(replace(task, attempt=3, hung=ending.result))
                    _observe(round_, ending)
                yield _event(trials[number], ending)
                over = is_over(ending)
        if over:
            return


def _observe(round_: Round, ending: Ending) -> None:
    round_.observe([[replace(ending, host=platform.node())]], {})


def _event(trial: Trial, ending: Ending) -> Event:
    if isinstance(ending, Done):
        return ending
    if ending.kind == RESULTS:
        raise LedgerError(ending.reason)
    if is_over(ending):
        return Lost(trial.id, f"{ending.reason}; the same command goes on from there")
    return Lost(trial.id, ending.reason, trial.cell.normalizer.label())
