"""What must hold while a simulated sweep runs, and afterwards: written down a second time, not as the scheduler has it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace

from simulation import World
from simulation_cluster import Client, Job, Machine
from simulation_training import Trainings, undisturbed

from ganbench.harness.cells.cell import Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.ledger import Ledger
from ganbench.harness.planning.suite import Suite
from ganbench.harness.scheduling.drive import Round
from ganbench.harness.scheduling.endings import (
    FAULT,
    HUNG,
    MEMORY,
    NODE,
    PREEMPTED,
    RESULTS,
    UNFIT,
    WORKER,
    Done,
    Ending,
    Event,
    Failed,
    Lost,
    Retried,
)
from ganbench.harness.scheduling.schedule import Attempt, Node, Submission
from ganbench.harness.stability import load_definition

BUDGETS = {"node lost": 20, "machine taken away": 20, "process killed": 6, "out of memory": 3, "node not fit": 20}
BUDGETS |= {"results cannot be written": 20, "a fault of ours": 1, "out of memory beside others": 20}
BUDGETS |= {"plugin cannot be used here": 3, "a hook does not return": 20, "no progress": 3}
BUDGETS |= {"device or system failed": 3, "a hook met a failing device or system": 3}
STRIKES, AVOID_SECONDS = 3, 600.0


@dataclass
class Past:
    """What has befallen a trial under one driver."""

    kinds: Counter[str] = field(default_factory=Counter)
    not_before: float = 0.0
    memory: float = 0.0


@dataclass
class Struck:
    """What has failed on a node since it was last given trials again.

    Attributes:
        returned: Whether it was set aside before: then its first failure may be enough.
        times: Of failures that may be the node's.
        sure: How many of them are.
        aside: Whether it was seen to be avoided.
    """

    returned: bool = False
    times: list[float] = field(default_factory=list)
    sure: int = 0
    aside: bool = False

    def may_be_back(self, now: float) -> bool:
        """Say whether it may be given trials, if what speaks against it for sure is enough to set it aside."""
        if self.sure < STRIKES:
            return True
        return now >= self.times[0 if self.returned else STRIKES - 1] + AVOID_SECONDS


@dataclass
class Books:
    """One driver's dealings with the cluster.

    Attributes:
        round_: What it runs.
        world: Its time.
        hung: Attempts whose process ended because a hook did not return.
    """

    round_: Round
    world: World
    live: set[str] = field(default_factory=set)
    over: dict[str, Event] = field(default_factory=dict)
    flying: Counter[Resources] = field(default_factory=Counter)
    past: dict[str, Past] = field(default_factory=lambda: defaultdict(Past))
    struck: dict[str, Struck] = field(default_factory=lambda: defaultdict(Struck))
    reported: list[tuple[str, Ending, Submission]] = field(default_factory=list)
    hung: Set[tuple[str, int]] = frozenset()
    unwritten: set[Submission] = field(default_factory=set)
    looks: int = 0
    stopped: bool = False

    def __post_init__(self) -> None:
        self.wanted = {trial.id: trial for trial in self.round_.trials}

    def submitted(self, submission: Submission, nodes: Sequence[Node]) -> None:
        now = self.world.now
        for attempt in submission.attempts:
            trial, past = attempt.trial, self.past[attempt.trial.id]
            assert trial.id in self.wanted, "a trial that nobody asked for"
            assert trial.id not in self.live, "two live attempts of one trial"
            assert trial.id not in self.over, f"tried again after {self.over[trial.id]}"
            assert now >= past.not_before, f"tried again {past.not_before - now:.1f} s before its time"
            assert attempt.number == 1 + past.kinds.total(), "an attempt's number is not that of its losses"
            assert attempt.resources.memory == (past.memory or trial.cell.resources.memory), "memory after a loss"
            assert attempt.resources == submission.resources
            self.live.add(trial.id)
        self._check_place(submission.attempts, submission, nodes)
        shape = submission.resources
        self.flying[shape] += 1
        avoid = (
            submission.avoid - submission.attempts[0].avoid
        )  # what one trial avoids does not make the window smaller
        slots = sum(_room(node.has, shape) for node in nodes if node.id not in avoid)
        most = min(max(2 * slots, 8), 4000)
        assert self.flying[shape] <= most, f"{self.flying[shape]} tasks given out at once, at most {most} allowed"

    def _check_place(self, attempts: Sequence[Attempt], submission: Submission, nodes: Sequence[Node]) -> None:
        labels = any(node.market is not None for node in nodes)
        for attempt in attempts:
            kinds = self.past[attempt.trial.id].kinds
            shy = labels and kinds[NODE.name] + kinds[PREEMPTED.name] >= 2
            assert submission.steady == shy, "after two lost nodes a trial keeps off those that can be taken away"
        for node, struck in self.struck.items():
            if node in submission.avoid:
                struck.aside = True
            elif struck.aside or struck.sure >= STRIKES:
                assert struck.may_be_back(self.world.now), f"{node} failed {STRIKES} trials, and is given more"
                self.struck[node] = Struck(returned=True)

    def delivered(self, submission: Submission, endings: Sequence[Ending]) -> None:
        self.flying[submission.resources] -= 1
        for attempt, ending in zip(submission.attempts, endings, strict=True):
            if (attempt.trial.id, attempt.number) in self.hung and isinstance(ending, Failed) and ending.kind == WORKER:
                ending = replace(ending, kind=HUNG)  # its process left word of that
            self.live.discard(attempt.trial.id)
            self.reported.append((attempt.trial.id, ending, submission))
            if not isinstance(ending, Failed):
                continue
            past = self.past[attempt.trial.id]
            past.kinds[ending.kind.name] += 1
            past.not_before = self.world.now + min(2.0 ** (past.kinds.total() - 1), 60.0)
            if ending.kind == MEMORY:
                past.memory = max(4.0, 2 * attempt.resources.memory)
            if ending.node is not None and (ending.kind.unfit or ending.kind.elsewhere):
                self.struck[ending.node].times.append(self.world.now)
                self.struck[ending.node].sure += ending.kind in (UNFIT, RESULTS)

    def stop(self) -> bool:
        """The driver asks whether to begin nothing more."""
        self.stopped = self.round_.stop() or self.stopped
        return self.round_.stop()

    def check(self) -> None:
        """The driver looks whether it can write itself."""
        self.looks += 1
        self.round_.check()

    def event(self, event: Event) -> None:
        """Compare what the sweep is told with what the cluster said."""
        if not isinstance(event, Done | Lost | Retried):
            return
        trial, ending, submission = self.reported.pop(0)
        if isinstance(ending, Failed) and ending.kind == RESULTS:
            self.unwritten.add(submission)
            assert self.looks >= len(self.unwritten), "results were not written, and nobody looked whether they can be"
        assert event.trial_id == trial, "what became of one trial is told of another"
        assert trial not in self.over, "two ends of one trial"
        assert isinstance(event, Done) == isinstance(ending, Done), "infrastructure counted as a result, or the reverse"
        if isinstance(ending, Failed):
            self._check_patience(trial, ending, event)
        if not isinstance(event, Retried):
            self.over[trial] = event

    def _check_patience(self, trial: str, ending: Failed, event: Event) -> None:
        if ending.kind.ends:
            assert isinstance(event, Lost)
            return
        count, budget = self.past[trial].kinds[ending.kind.name], BUDGETS[ending.kind.name]
        too_big = isinstance(event, Lost) and "no node has more" in event.reason
        if ending.kind == FAULT:  # given up at once where no other node could be asked
            assert isinstance(event, Lost) >= (count > budget), f"{count} times {ending.kind.name}, {budget} allowed"
        elif not too_big:
            assert isinstance(event, Lost) == (count > budget), f"{count} times {ending.kind.name}, {budget} allowed"

    def finished(self) -> None:
        """The driver says that it is done."""
        if not self.stopped:
            assert set(self.over) == set(self.wanted), "a trial of which nothing was said"


@dataclass
class Checks:
    """All that is looked at in one world: a ``Watcher`` of its cluster.

    Attributes:
        world: Its time.
        ledger: Where results go.
        books: Of each driver.
        commits: Trials, and whether this commit of theirs was the first.
        spoilt: Trials whose record was damaged on the disk.
        numbers: The attempts that were under way, by trial.
        broken: What was found not to hold where it could not be raised.
    """

    world: World
    ledger: Ledger
    books: dict[Client, Books] = field(default_factory=dict)
    commits: list[tuple[str, bool]] = field(default_factory=list)
    spoilt: set[str] = field(default_factory=set)
    numbers: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    broken: list[str] = field(default_factory=list)

    def submitted(self, client: Client, submission: Submission) -> None:
        self.books[client].submitted(submission, client.cluster.view())

    def placed(self, job: Job, machine: Machine) -> None:
        if job.submission.steady:
            assert machine.node.market != "spot"
        assert machine.node.id not in job.submission.avoid
        for attempt in job.submission.attempts:
            self.numbers[attempt.trial.id].add(attempt.number)

    def delivered(self, client: Client, submission: Submission, endings: Sequence[Ending]) -> None:
        for ending in endings:
            if isinstance(ending, Done) and ending.first:
                assert self.ledger.holds(ending.trial_id), "said to be done, and not committed"
        self.books[client].delivered(submission, endings)

    def resumed(self, trial: Trial, found: int, wanted: int) -> None:
        """A training begins."""
        # A trial whose record was damaged had been committed: its checkpoints may be gone.
        if found < wanted and not self.ledger.holds(trial.id) and trial.id not in self.spoilt:
            # Not raised here, where the worker would take it for a fault of ours and lose the trial.
            self.broken.append(f"goes on from step {found}, and a checkpoint of step {wanted} was whole")

    def kept(self) -> None:
        """What was committed stays so."""
        firsts = Counter(trial for trial, first in self.commits if first)
        gone = firsts.keys() - Ledger(self.ledger.root).committed() - self.spoilt
        assert not gone, f"committed, and lost again: {gone}"
        twice = {trial for trial, count in firsts.items() if count > 1} - self.spoilt
        assert not twice, f"two first commits: {twice}"

    def after(self, suite: Suite, trainings: Trainings) -> None:
        """What must hold of the ledger when a quiet run has completed it."""
        assert not self.broken, self.broken
        self.kept()
        ledger, definition = Ledger(self.ledger.root), load_definition(suite.definition)
        expected = {trial.id: undisturbed(trial, definition).sha256 for trial in suite.trials()}
        records = list(ledger.records())
        assert [record.trial_id for record in records] == sorted(expected), "a trial twice, lost, or one too many"
        endless = {record.trial_id for record in records if record.error.startswith("does not return")}
        assert endless <= trainings.never, "said not to return, and did"
        found = {record.trial_id: record.sha256 for record in records if record.trial_id not in endless}
        assert found.items() <= expected.items(), "not the undisturbed results"
        assert ledger.committed() == set(expected)
        for record in records:
            assert record.provenance["attempt"] in self.numbers[record.trial_id], "an attempt that never was"
        verified = ledger.verify()
        assert not verified.problems, verified.problems
        # More of them where a process died between noting one and saying so.
        assert verified.duplicates >= sum(not first for _, first in self.commits), "second commits that nobody noted"
        assert verified.unequal == 0 or trainings.never, "a repetition came to another result"
        assert not [path.name for path in (ledger.root / "checkpoints").glob("*")], "checkpoints of committed trials"


def _room(has: Resources, need: Resources) -> int:
    """How many tasks fit, by putting them there one after the other."""
    machine, count = Machine(Node("", has)), 0
    while machine.fits(need):
        machine.take(need)
        count += 1
    return count
