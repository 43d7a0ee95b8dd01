"""A hook that does not return: on one node that may be the node's, on a second one it is a result."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cells import a_cell

from ganbench.harness.cells.cell import Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.ledger.running import Left
from ganbench.harness.scheduling.drive import Round, drive
from ganbench.harness.scheduling.endings import HUNG, STUCK, WORKER, Done, Failed, Note, Retried
from ganbench.harness.scheduling.health import STRIKES
from ganbench.harness.scheduling.schedule import Node, Schedule, Submission

NODES = tuple(Node(name, Resources(2, 0, 64)) for name in ("a", "b"))
SAID = "a hook does not return: no progress for 300 seconds, in x.py:3 (f)"


def trials(count: int) -> list[Trial]:
    cell = a_cell()
    return [Trial(replace(cell, resources=Resources(1)), 0, seed) for seed in range(count)]


class Played:
    """A schedule that is given time, and one ending after the other."""

    def __init__(self, count: int, nodes: tuple[Node, ...]) -> None:
        self.schedule, self.nodes, self.now = Schedule(trials(count)), nodes, 0.0
        self.events: list[object] = []

    def next(self) -> Submission:
        self.now += 100.0
        (only,) = self.schedule.submissions(self.nodes, self.now)
        return only

    def hangs(self, submission: Submission, node: str) -> None:
        ending = Failed(HUNG, SAID, node, result="does not return: f in x.py")
        self.events += self.schedule.ended(submission, [ending] * len(submission.attempts), self.now)


def test_what_hangs_on_two_nodes_is_a_result_that_says_so():
    played = Played(1, NODES)
    first = played.next()
    played.hangs(first, "a")
    second = played.next()
    assert "a" in second.avoid and not second.attempts[0].hung
    played.hangs(second, "b")
    third = played.next()
    words = "does not return: f in x.py"
    assert third.attempts[0].hung == words
    assert third.tasks(lambda trial: a_task(trial))[0].hung == words
    assert all(isinstance(event, Retried) for event in played.events)


def a_task(trial: Trial):
    from ganbench.harness.scheduling.task import Task

    return Task(trial.id, trial.spec(), "", (), 3, "nowhere")


def test_where_there_is_no_other_node_the_second_time_on_the_same_one_is_enough():
    played = Played(1, NODES[:1])
    played.hangs(played.next(), "a")
    again = played.next()
    assert not again.attempts[0].hung
    played.hangs(again, "a")
    assert played.next().attempts[0].hung


def test_twice_on_one_node_is_not_enough_where_another_could_be_asked():
    played = Played(1, NODES)
    played.hangs(played.next(), "a")
    played.hangs(played.next(), "a")
    assert not played.next().attempts[0].hung


def test_a_node_on_which_everything_hangs_is_set_aside_and_no_method_is_blamed():
    schedule, now = Schedule(trials(8)), 0.0
    events: list[object] = []
    hung = 0
    for _ in range(100):
        if not schedule.unfinished:
            break
        now += 30.0
        for submission in list(schedule.submissions(NODES, now)):
            assert not submission.attempts[0].hung
            if "a" not in submission.avoid:
                hung += 1
                endings = [Failed(HUNG, SAID, "a")]
            else:
                endings = [Done(submission.attempts[0].trial.id, "stable", (), 1.0, True, node="b")]
            events += schedule.ended(submission, endings, now)
    assert sum(isinstance(event, Done) for event in events) == 8
    assert any(isinstance(event, Note) and event.text.startswith("node a gets no trials") for event in events)
    assert hung >= STRIKES


class OneTask:
    """A cluster on which each task's process dies."""

    def __init__(self) -> None:
        self.given: list[Submission] = []
        self.waiting: list[Submission] = []

    def nodes(self):
        return NODES

    def submit(self, submission: Submission) -> None:
        self.given.append(submission)
        self.waiting.append(submission)

    def wait(self, seconds: float):
        landed, self.waiting = self.waiting, []
        return [(item, [Failed(WORKER, "process killed: WorkerCrashedError")] * len(item.attempts)) for item in landed]


@pytest.mark.parametrize(
    ("left", "kind"),
    [
        (Left(1, "a", "h", "no progress for 330 seconds, in x.py:3 (f)", "does not return: f in x.py"), HUNG),
        (Left(1, "a", "h", "no progress for 330 seconds, in y.py:3 (g)"), STUCK),
        (Left(1, "a"), WORKER),
        (
            Left(7, "a", "h", "no progress for 330 seconds, in x.py:3 (f)", "does not return: f in x.py"),
            WORKER,
        ),  # of an older attempt
        (None, WORKER),
    ],
)
def test_a_process_that_died_is_what_it_left_word_of(left, kind):
    (trial,) = trials(1)
    round_ = Round([trial], a_task, left=lambda trial_id: left)
    clock = iter(range(0, 10_000, 100)).__next__
    event = next(event for event in drive(round_, OneTask(), lambda: float(clock())) if isinstance(event, Retried))
    assert event.reason.startswith(kind.name)
