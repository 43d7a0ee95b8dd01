"""The loop between a schedule and a cluster; the same for Ray and for a simulated one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ganbench.harness.cells.resources import Resources
from ganbench.harness.scheduling.duration import Durations
from ganbench.harness.scheduling.endings import HUNG, RESULTS, STUCK, WORKER, Ending, Event, Failed
from ganbench.harness.scheduling.schedule import Node, Schedule, Submission

if TYPE_CHECKING:
    from ganbench.harness.cells.cell import Trial
    from ganbench.harness.ledger.running import Left
    from ganbench.harness.scheduling.task import Task

POLL_SECONDS = 0.5


class Cluster(Protocol):
    """Where tasks run."""

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are alive; the same object again while nothing has changed.

        Raises:
            ClusterError: The cluster is gone.
        """

    def submit(self, submission: Submission) -> None:
        """Have a task run when there is room for it. It does not wait."""

    def wait(self, seconds: float) -> Sequence[tuple[Submission, Sequence[Ending]]]:
        """Return tasks that have ended since, with an ending for each attempt; at once where there are any.

        Args:
            seconds: How long to wait for the first.
        """


Observe = Callable[[Sequence[Sequence[Ending]], Mapping[str, str]], None]
"""Gets now and then how the attempts of processes have ended, and why which nodes are set aside."""


@dataclass(frozen=True)
class Round:
    """What is to be run now.

    Attributes:
        trials: Which.
        task_of: What a trial becomes when its turn comes.
        durations: What is known of how long trials take.
        stop: Asked now and then; once it says so, nothing more is begun.
        check: Called when a worker could not write its results; raises LedgerError where nobody can.
        lanes: How many trials with a need one process may train side by side.
        jobs: How many processes may train at once, at most; None for as many as there is room for.
        left: What the process of a trial that died has left behind; None where there is nothing.
        observe: Watches what happens.
    """

    trials: Sequence[Trial]
    task_of: Callable[[Trial], Task]
    durations: Durations = field(default_factory=Durations)
    stop: Callable[[], bool] = lambda: False
    check: Callable[[], None] = lambda: None
    lanes: Callable[[Resources], int] = lambda need: 1
    jobs: int | None = None
    left: Callable[[str], Left | None] = lambda trial_id: None
    observe: Observe = lambda ended, aside: None


Execute = Callable[[Round], Iterator[Event]]


def drive(round_: Round, cluster: Cluster, clock: Callable[[], float]) -> Iterator[Event]:
    """Run trials to their end on a cluster.

    Args:
        round_: What to run.
        cluster: Where.
        clock: Seconds; it only goes forward.

    Yields:
        What becomes of every trial, as it happens.

    Raises:
        ClusterError: The cluster is gone, or no node of it is fit.
        LedgerError: The results folder cannot be written.
    """
    schedule = Schedule(round_.trials, round_.durations, round_.lanes, round_.jobs)
    while schedule.unfinished:
        if round_.stop():
            schedule.drain()
        for submission in schedule.submissions(cluster.nodes(), clock()):
            cluster.submit(submission)
        yield from schedule.notes()
        ended = [(submission, _explained(round_, submission, each)) for submission, each in cluster.wait(POLL_SECONDS)]
        round_.observe([endings for _, endings in ended], schedule.aside)
        for submission, endings in ended:
            if any(isinstance(ending, Failed) and ending.kind == RESULTS for ending in endings):
                round_.check()
            yield from schedule.ended(submission, endings, clock())


def _explained(round_: Round, submission: Submission, endings: Sequence[Ending]) -> list[Ending]:
    """Return endings with what is known of processes that died: where, and whether a hook did not return.

    Ray does not say on which node a process died. Of several trials in one process only one can have made no progress.
    """
    died = [isinstance(ending, Failed) and ending.kind == WORKER for ending in endings]
    if not any(died):
        return list(endings)
    found = [
        left if dead and (left := round_.left(attempt.trial.id)) and left.attempt == attempt.number else None
        for attempt, dead in zip(submission.attempts, died, strict=True)
    ]
    hung = sum(left is not None and bool(left.stuck) for left in found) == 1
    return [
        ending if left is None or not isinstance(ending, Failed) else _died(ending, left, hung)
        for ending, left in zip(endings, found, strict=True)
    ]


def _died(ending: Failed, left: Left, hung: bool) -> Failed:
    kind = (HUNG if left.result else STUCK) if hung and left.stuck else ending.kind
    reason = f"{kind.name}: {left.stuck}" if kind != ending.kind else ending.reason
    result = left.result if kind == HUNG else ""
    return Failed(kind, reason, ending.node or left.node, ending.host or left.host, result)
