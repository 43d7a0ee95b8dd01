"""Trials one after the other in this very process: the same attempts as on a cluster, without one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from harness.errors import LedgerError
from harness.scheduling.drive import Round
from harness.scheduling.endings import PREEMPTED, RESULTS, STOPPED, Done, Event, Lost
from harness.worker import attempt


def run_inline(round_: Round) -> Iterator[Event]:
    """Run trials in their order.

    Raises:
        LedgerError: The results folder cannot be written; going on would be of no use.
    """
    for trial in round_.trials:
        ending = attempt(replace(round_.task_of(trial), resources=trial.cell.resources))
        if isinstance(ending, Done):
            yield ending
        elif ending.kind == RESULTS:
            raise LedgerError(ending.reason)
        elif ending.kind in (PREEMPTED, STOPPED):
            yield Lost(trial.id, f"{ending.reason}; the same command goes on from there")
            return
        else:
            yield Lost(trial.id, ending.reason, trial.cell.normalizer.label())
