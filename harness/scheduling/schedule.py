"""The trials of a sweep: waiting, under way, to be tried again. Time and nodes are given to it; it knows neither."""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ganbench.harness.cells.cell import Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.errors import ClusterError
from ganbench.harness.scheduling.duration import Durations
from ganbench.harness.scheduling.endings import (
    FAULT,
    HOOK,
    HUNG,
    Done,
    Ending,
    Event,
    Failed,
    Kind,
    Lost,
    Note,
    Retried,
)
from ganbench.harness.scheduling.health import NodeHealth
from ganbench.harness.scheduling.order import ordered
from ganbench.harness.scheduling.task import Task

LEAST_WINDOW, MOST_WINDOW = 8, 4000
"""Tasks of one shape that a cluster is given at once: twice what it has room for, within these bounds. With no room at all
some have to wait there, because waiting tasks are what makes a cluster grow."""

BACK_OFF_SECONDS, LONGEST_BACK_OFF = 1.0, 60.0
SPOT = "spot"
"""The market of nodes that can be taken away."""

STEADY_FROM = 2
"""Nodes that a trial may be lost with before it is kept off those that can be taken away."""

START_UP_SECONDS = {False: 0.02, True: 10.0}
"""Of a task, without and with a GPU: there each gets a new process."""

START_UP_SHARE = 0.05
MOST_TOGETHER = 64
"""Trials in one task, so many that starting it costs this share of its time."""


@dataclass(frozen=True)
class Node:
    """A machine of a cluster.

    Attributes:
        id: Its identity there.
        has: What it offers.
        market: ``"spot"``, ``"on-demand"`` or whatever its label says; None without one.
    """

    id: str
    has: Resources
    market: str | None = None


@dataclass(frozen=True)
class Attempt:
    """One try of one trial.

    Attributes:
        trial: The trial.
        number: From 1.
        resources: What it gets.
        second: Whether a hook of it met a failing device or system on another node.
        alone: Whether no other node has room for it.
        hung: How it did not return, twice: that is its result.
        avoid: Nodes on which it failed before.
    """

    trial: Trial
    number: int
    resources: Resources
    second: bool = False
    alone: bool = False
    hung: str = ""
    avoid: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Submission:
    """What a cluster is given as one task.

    Attributes:
        attempts: In one process, in their order.
        resources: For each of them.
        steady: Whether to keep off nodes that can be taken away.
        avoid: Nodes that are not fit.
        lanes: How many are trained side by side; the others follow when one of these has ended.
    """

    attempts: tuple[Attempt, ...]
    resources: Resources
    steady: bool = False
    avoid: frozenset[str] = frozenset()
    lanes: int = 1

    @property
    def need(self) -> Resources:
        """What the process needs."""
        return self.resources.together(self.lanes)

    def tasks(self, task_of: Callable[[Trial], Task]) -> list[Task]:
        """Return what is sent: a task for each attempt, made from what a trial becomes when its turn comes."""
        return [
            replace(
                task_of(attempt.trial),
                attempt=attempt.number,
                second=attempt.second,
                alone=attempt.alone,
                hung=attempt.hung,
                resources=attempt.resources,
            ).with_lanes(self.lanes)
            for attempt in self.attempts
        ]


@dataclass
class _Losses:
    """What has befallen a trial."""

    attempts: int = 1
    kinds: Counter[Kind] = field(default_factory=Counter)
    resources: Resources | None = None

    @property
    def with_node(self) -> int:
        return sum(count for kind, count in self.kinds.items() if kind.node)


class Schedule:
    """What is left of a sweep.

    Args:
        trials: Those to run, in any order.
        durations: What is known of how long they take; it learns from this sweep too.
        lanes: How many trials with a need one process may train side by side.
        jobs: How many tasks the cluster is given at once, at most; None for as many as it has room for, and some to wait.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        durations: Durations | None = None,
        lanes: Callable[[Resources], int] = lambda need: 1,
        jobs: int | None = None,
    ) -> None:
        self._durations, self._allowed = durations or Durations(), lanes
        self._jobs = math.inf if jobs is None else jobs
        self._lanes: dict[Resources, int] = {}
        cells = {trial.cell.id: trial.cell for trial in trials}
        self._waiting: dict[Resources, deque[Trial]] = {}
        for trial in ordered(trials, self._durations.guess(list(cells.values()))):
            self._waiting.setdefault(trial.cell.resources, deque()).append(trial)
        self._again: dict[Resources, deque[Attempt]] = {}
        self._later: list[tuple[float, int, Attempt]] = []
        self._serial = 0
        self._flying: Counter[Resources] = Counter()
        self._losses: dict[str, _Losses] = {}
        self._health = NodeHealth()
        self._avoided: dict[str, float] = {}
        self._nodes: Sequence[Node] = ()
        self._slots: dict[tuple[Resources, frozenset[str]], int] = {}
        self._notes: list[Note] = []
        self._noted: set[Resources] = set()

    @property
    def unfinished(self) -> bool:
        """Whether anything is waiting or under way."""
        return bool(self._flying.total() or self._later or any(self._again.values()) or any(self._waiting.values()))

    @property
    def aside(self) -> Mapping[str, str]:
        """The nodes that get no trials now, and why."""
        return {node: self._health.reason(node) for node in self._avoided}

    def drain(self) -> None:
        """Begin nothing more; what is under way comes to its end."""
        self._waiting.clear()
        self._again.clear()
        self._later.clear()

    def submissions(self, nodes: Sequence[Node], now: float) -> Iterator[Submission]:
        """Yield what the cluster is to be given now.

        Args:
            nodes: Those that are alive; the same object as before where nothing has changed.
            now: Seconds on any clock that only goes forward.

        Raises:
            ClusterError: No node is fit for what is left.
        """
        if nodes is not self._nodes:
            self._nodes, self._slots, self._lanes = nodes, {}, {}
        while self._later and self._later[0][0] <= now:
            attempt = heapq.heappop(self._later)[2]
            self._again.setdefault(attempt.resources, deque()).append(attempt)
        self._avoided = self._health.avoided(now)
        avoid = frozenset(self._avoided)
        unfit = None
        for shape in sorted({*self._waiting, *self._again}):
            if not self._waiting.get(shape) and not self._again.get(shape):
                continue
            lanes = self._together(shape)
            need = shape.together(lanes)
            slots = self._count(need, avoid)
            if slots == 0 and avoid and self._count(need, frozenset()):
                unfit = shape
                continue
            if slots == 0 and shape not in self._noted:
                self._noted.add(shape)
                self._notes.append(Note(f"no node offers {shape.words()} yet; trials that need it wait for one"))
            roomy, slots = slots > 0, int(min(slots, self._jobs))
            capped = self._jobs < math.inf
            window = 1 if capped and not roomy else min(max(2 * slots, LEAST_WINDOW), MOST_WINDOW)
            while self._flying[shape] < window and not (capped and roomy and self._busy() >= self._jobs):
                attempts = self._next(shape, slots, lanes)
                if not attempts:
                    break
                steady = self._steady(attempts)
                if steady and self._only_unfit(shape, avoid):
                    self._push(attempts[0], min(self._avoided.values()))
                    continue
                self._flying[shape] += 1
                own = self._elsewhere(attempts, need, steady, avoid)
                yield Submission(own, shape, steady, avoid | own[0].avoid, min(lanes, len(attempts)))
        # While others train or are about to, the nodes may come to be given trials again.
        if unfit is not None and not self._flying.total() and not self._later:
            raise ClusterError(f"no node is fit for {unfit.words()}; the last reason: {self._health.last_reason}")

    def ended(self, submission: Submission, endings: Sequence[Ending], now: float) -> Iterator[Event]:
        """Take account of what a task came to.

        Args:
            submission: The task.
            endings: Of each of its attempts.
            now: As in :meth:`submissions`.

        Yields:
            What became of each trial.
        """
        self._flying[submission.resources] -= 1
        for attempt, ending in zip(submission.attempts, endings, strict=True):
            if isinstance(ending, Done):
                self._losses.pop(ending.trial_id, None)
                self._health.done(ending.trial_id, ending.node)
                if ending.first:
                    self._durations.add(attempt.trial.cell.id, ending.seconds)
                yield ending
            else:
                yield self._failed(attempt, ending, now)
        yield from self.notes()

    def notes(self) -> list[Note]:
        """Return what an operator should know and was not told yet."""
        notes, self._notes = self._notes, []
        return notes

    def _failed(self, attempt: Attempt, ending: Failed, now: float) -> Event:
        trial, kind = attempt.trial.id, ending.kind
        if kind.ends:
            return Lost(trial, f"{ending.reason}; the same command goes on from there")
        others = self._others(attempt, ending.node)
        if ending.node is not None and (kind.unfit or kind.elsewhere):
            aside = self._health.failed(trial, ending, now, others)
            self._notes += [Note(aside)] if aside else []
        losses = self._losses.setdefault(trial, _Losses())
        losses.kinds[kind] += 1
        if losses.kinds[kind] > kind.budget or (kind == FAULT and not others):
            many = losses.kinds[kind]
            again = f"given up after {many} attempts; the last: " if many > 1 else ""
            return Lost(trial, again + ending.reason, attempt.trial.cell.normalizer.label())
        losses.attempts += 1
        if kind.grows:
            grown = attempt.resources.grown(kind.grows)
            if not any(node.has.slots(grown) for node in self._nodes):
                reason = f"{ending.reason}; no node has more than {attempt.resources.words()}"
                return Lost(trial, reason, attempt.trial.cell.normalizer.label())
            losses.resources = grown
        hung = attempt.hung
        if kind == HUNG and (len(self._health.failed_on(trial, (HUNG,))) > 1 or losses.kinds[HUNG] > bool(others) + 1):
            hung = ending.result
        wait = min(BACK_OFF_SECONDS * 2 ** (losses.kinds.total() - 1), LONGEST_BACK_OFF)
        need = losses.resources or attempt.resources
        self._push(replace(attempt, number=losses.attempts, resources=need, hung=hung), now + wait)
        return Retried(trial, ending.reason)

    def _push(self, attempt: Attempt, when: float) -> None:
        """Try again, not before a time."""
        self._serial += 1
        heapq.heappush(self._later, (when, self._serial, attempt))

    def _others(self, attempt: Attempt, node: str | None) -> list[str]:
        """Return the other nodes that have room for a trial that failed on a node; none where that is not known."""
        if node is None:
            return []
        return [other.id for other in self._nodes if other.id != node and other.has.slots(attempt.resources)]

    def _elsewhere(
        self, attempts: tuple[Attempt, ...], need: Resources, steady: bool, avoid: frozenset[str]
    ) -> tuple[Attempt, ...]:
        """Return attempts as they are given out: one that failed before goes to a node that has not seen it.

        What a task is told to avoid it avoids for as long as it waits, so it is told so only while others have room.
        """
        room = {node.id for node in self._nodes if node.has.slots(need)}
        seen, hooks = (self._health.failed_on(attempts[0].trial.id, kinds) for kinds in (None, (HOOK,)))
        elsewhere = bool(seen) and bool(room - avoid - seen) and not steady
        return tuple(
            replace(
                attempt,
                second=elsewhere and bool(hooks),
                alone=len(room) < 2,
                avoid=seen if elsewhere else frozenset(),
            )
            for attempt in attempts
        )

    def _count(self, shape: Resources, avoid: frozenset[str]) -> int:
        key = (shape, avoid)
        if key not in self._slots:
            self._slots[key] = sum(node.has.slots(shape) for node in self._nodes if node.id not in avoid)
        return self._slots[key]

    def _busy(self) -> int:
        """Return how many tasks are under way or soon will be, without those that wait for a node that is not there."""
        avoid = frozenset(self._avoided)
        return sum(
            many
            for shape, many in self._flying.items()
            if many and self._count(shape.together(self._together(shape)), avoid)
        )

    def _together(self, shape: Resources) -> int:
        """Return how many trials a process trains side by side: no more than every node has room for that has any.

        Without nodes one: those that come may be small, and what waits for more room than they have waits for ever.
        """
        if shape not in self._lanes:
            most = self._allowed(shape)
            room = [lanes for node in self._nodes if (lanes := node.has.lanes(shape, most))]
            self._lanes[shape] = min(room, default=1)
        return self._lanes[shape]

    def _steady(self, attempts: Sequence[Attempt]) -> bool:
        losses = self._losses.get(attempts[0].trial.id)
        return (
            losses is not None
            and losses.with_node >= STEADY_FROM
            and any(node.market is not None for node in self._nodes)
        )

    def _only_unfit(self, shape: Resources, avoid: frozenset[str]) -> bool:
        """Say whether all nodes that cannot be taken away, and have room, are to be avoided.

        A task keeps what it was told to avoid for as long as it waits: it would wait for ever, long after the node is
        given trials again.
        """
        lasting = {node.id for node in self._nodes if node.market != SPOT and node.has.slots(shape)}
        return bool(lasting) and lasting <= avoid

    def _next(self, shape: Resources, slots: int, lanes: int) -> tuple[Attempt, ...]:
        """Return what to run next: a trial that was lost before goes first, and alone, because it may be why.

        Args:
            shape: What each of them needs.
            slots: How many tasks run at once.
            lanes: How many of a task's trials are trained side by side.
        """
        again = self._again.get(shape)
        if again:
            return (again.popleft(),)
        queue = self._waiting.get(shape)
        if not queue:
            return ()
        # Towards the end tasks get smaller, so that all slots are done at about the same time: lanes are left empty sooner
        # than slots.
        beside = min(lanes, math.ceil(len(queue) / max(slots, 1)))
        taken = [queue.popleft() for _ in range(beside)]
        # What others in turns add to a trial's time is part of its time.
        long_enough = lanes * START_UP_SECONDS[shape.gpus > 0] / START_UP_SHARE
        most = min(MOST_TOGETHER, len(queue) // (2 * max(slots, 1)))
        known = [self._durations.known(trial.cell) for trial in taken]
        seconds = None if None in known else math.fsum(filter(None, known))
        while seconds is not None and len(taken) < most:
            more = self._durations.known(queue[0].cell)
            if more is None or seconds + more > long_enough:
                break
            seconds += more
            taken.append(queue.popleft())
        return tuple(Attempt(trial, 1, shape) for trial in taken)
