"""A sweep in a simulated world, from its first start until its ledger is complete, and what others may do to it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal
from unittest import mock

from simulation import Process, World, one_disk
from simulation_checks import Books, Checks
from simulation_cluster import Client, Job, Machine, SimulatedCluster
from simulation_tracking import Tracker
from simulation_training import EVERY_SECONDS, Trainings, Trait, a_suite, workers_of

from ganbench.harness.cells.resources import Resources
from ganbench.harness.errors import ClusterError, LedgerError
from ganbench.harness.ledger import Ledger
from ganbench.harness.scheduling import drive as drive_module
from ganbench.harness.scheduling.drive import Execute, Round, drive
from ganbench.harness.scheduling.endings import Event
from ganbench.harness.scheduling.schedule import Node
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.sweeps import signals, sweep
from ganbench.harness.worker import attempt as worker

HORIZON = 300
"""Faults come in the first so many seconds."""

QUIET = 3 * HORIZON
"""From then on nothing is wrong any more, but for what a trial itself has."""

LONGEST = 40_000.0
MOST_EVENTS = 400_000
RETURN_SECONDS = 20.0
POLL_SECONDS = 2.0
"""Fewer looks of a driver at nothing; what ends wakes it at once."""


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        kind: A name of ``simulation_faults.FAULTS``.
        at: Second.
        which: Of the things that it can happen to; counted round.
        extent: How long, or how much, as the kind has it.
    """

    kind: str
    at: int
    which: int = 0
    extent: int = 0


@dataclass(frozen=True)
class Plan:
    """A cluster, a suite, and what goes wrong.

    Attributes:
        cells: From 1 to 4.
        seeds: Of each cell.
        machines: Markets of further machines, beside one that is not spot.
        labels: Whether machines say which market they are from.
        compact_from: Single records from which a sweep compacts.
        pack: Trials that one process may train side by side.
        faults: In any order.
    """

    cells: int = 2
    seeds: int = 2
    machines: tuple[str, ...] = ()
    labels: bool = True
    compact_from: int = 1000
    pack: int | Literal["auto"] = 1
    faults: tuple[Fault, ...] = ()


@dataclass
class Seen:
    """What happened in a schedule: tests ask whether all of it is ever met."""

    seconds: float = 0.0
    events: int = 0
    happened: set[str] = field(default_factory=set)


class Scene:
    """A sweep under way in a world where things go wrong."""

    def __init__(self, plan: Plan, folder: Path, faults: Mapping[str, Callable[[Scene, Fault], None]]) -> None:
        self.plan, self.faults, self.world = plan, faults, World()
        self.suite, self.ledger = a_suite(plan.cells, plan.seeds), Ledger(folder)
        self.checks = Checks(self.world, self.ledger)
        self.trainings = Trainings(self.world, folder, looked=self.checks.resumed, committed=self.ledger.holds)
        self.names = count()
        machines = [self.machine(market) for market in ("on-demand", *plan.machines)]
        self.cluster = SimulatedCluster(self.world, machines, worker.attempt_all, self.checks)
        self.cluster.ended.append(self.ended)
        self.drivers: list[Process] = []
        self.helpers: list[Process] = []
        self.tracker = Tracker(self.world)
        self.seen = Seen()

    def machine(self, market: str) -> Machine:
        number = next(self.names)
        has = Resources(cpus=2.0 if market == "spot" else 3.0, gpus=1.0, memory=20.0)
        node = Node(f"node{number}", has, market if self.plan.labels else None)
        return Machine(node, speed=1.0 + number % 3, skew=(-1) ** number * 1000.0 * (number % 3))

    def ended(self, job: Job) -> None:
        assert job.process is not None
        if job.process.why is not None:
            self.seen.happened.add(f"killed: {getattr(job.process.why, 'name', job.process.why)}")
        elif job.client is None:
            self.seen.happened.add("came to its end unheard")
        for ending in job.process.result or ():
            self.seen.happened.add(ending.kind.name if hasattr(ending, "kind") else "done" if ending.first else "held")

    # --- drivers ------------------------------------------------------------------------------------------------------

    def begin_driver(self) -> Process:
        """Start the sweep once more, whatever else runs on its ledger."""

        def run() -> Any:
            try:
                execution = ExecutionMode(pack=self.plan.pack)
                return sweep.run(
                    self.suite,
                    self.ledger.root,
                    address="simulated",
                    execution=execution,
                    checkpoint_every=EVERY_SECONDS,
                )
            except (ClusterError, LedgerError) as error:
                self.seen.happened.add(type(error).__name__)
                return error

        def over(process: Process) -> None:
            for client in self.cluster.clients:
                if client.driver is process:
                    self.cluster.drop(client)
            for helper in self.helpers:
                if helper.facts["driver"] is process:
                    helper.kill("its driver died")

        self.drivers.append(self.world.spawn(run, over))
        return self.drivers[-1]

    @contextmanager
    def place(self) -> Iterator[Execute]:
        """What stands for a connection to Ray."""

        def execute(round_: Round) -> Iterator[Event]:
            client = Client(self.cluster, round_.task_of)
            books = self.checks.books[client] = Books(round_, self.world, hung=self.trainings.hung)
            for event in drive(replace(round_, stop=books.stop, check=books.check), client, self.world.clock):
                books.event(event)
                yield event
            books.finished()

        yield execute

    @contextmanager
    def told_of_signals(self, note: Callable[[int, None], None]) -> Iterator[None]:
        """What stands for handlers of signals: a fact about the process."""
        assert self.world.current is not None
        facts = self.world.current.facts
        facts["told"] = note
        yield
        del facts["told"]

    def thread(self, target: Callable[[], None]) -> Any:
        """What stands for a thread of a driver."""
        driver, begun = self.world.current, []

        def start() -> None:
            process = self.world.spawn(target)
            process.facts["driver"] = driver
            self.helpers.append(process)
            begun.append(process)

        def is_alive() -> bool:
            return any(process.alive for process in begun)

        def join() -> None:
            while is_alive():
                self.world.sleep(1.0)

        return SimpleNamespace(start=start, is_alive=is_alive, join=join)

    # --- from the first start to a ledger that is complete ----------------------------------------------------------------

    def play(self) -> Seen:
        with self.stage():
            for fault in self.plan.faults:
                self.world.at(fault.at, partial(self.happen, fault))
            self.begin_driver()
            quiet = False

            def be_quiet() -> None:
                nonlocal quiet
                quiet = True

            self.world.at(QUIET, be_quiet)
            self.run(lambda: quiet and not any(driver.alive for driver in self.drivers))
            self.trainings.traits.clear()
            self.complete()
            self.run(lambda: not any(job.process.alive for job in self.cluster.jobs if job.process))
            report = self.complete()
            assert report.committed == 0, "trials ran again that were committed"
            self.checks.after(self.suite, self.trainings)
            if any(fault.kind == "sync" for fault in self.plan.faults):
                self.tracker.check(self.ledger)
        self.seen.seconds, self.seen.events = self.world.now, self.world.events
        return self.seen

    def complete(self) -> sweep.SweepReport:
        """The same command once more, and nothing goes wrong."""
        self.checks.kept()
        driver = self.begin_driver()
        self.run(lambda: not driver.alive)
        report = driver.result
        assert isinstance(report, sweep.SweepReport), report
        assert report.missing == 0, f"{report.missing} trials are missing after a quiet run; lost: {report.lost}"
        return report

    def run(self, over: Callable[[], bool]) -> None:
        self.world.run(over, LONGEST, MOST_EVENTS)

    @contextmanager
    def stage(self) -> Iterator[None]:
        """Have the real sweep, worker, ledger and mirror meet this world."""
        commit = Ledger.commit

        def watched(ledger: Ledger, record: Any) -> bool:
            first = commit(ledger, record)
            self.trainings.kept.pop(record.trial_id, None)
            self.checks.commits.append((record.trial_id, first))
            return first

        patches: list[tuple[Any, str, Any]] = [
            (sweep, "_place", lambda address: self.place),
            (signals, "told_of_signals", self.told_of_signals),
            (sweep, "stopping", partial(signals.stopping, clock=self.world.clock)),
            (sweep, "now_and_then", partial(sweep.now_and_then, clock=self.world.clock)),
            (drive_module, "POLL_SECONDS", POLL_SECONDS),
            (sweep, "COMPACT_FROM", self.plan.compact_from),
            (sweep, "threading", SimpleNamespace(Thread=self.thread)),
            (Ledger, "commit", watched),
        ]
        with ExitStack() as stack:
            stack.enter_context(one_disk(self.world))
            stack.enter_context(workers_of(self.trainings))
            stack.enter_context(self.tracker.reached())
            for target, name, other in patches:
                stack.enter_context(mock.patch.object(target, name, other))
            try:
                yield
            finally:  # nobody is left in the middle of something
                for process in [
                    *self.drivers,
                    *self.helpers,
                    *(job.process for job in self.cluster.jobs if job.process),
                ]:
                    self.world.current = None
                    process.kill("the end")

    # --- faults -------------------------------------------------------------------------------------------------------

    def happen(self, fault: Fault) -> None:
        self.faults[fault.kind](self, fault)

    def a_machine(self, fault: Fault) -> Machine:
        there = [machine for machine in self.cluster.machines if machine.alive]
        return there[fault.which % len(there)] if there else self.cluster.machines[0]

    def a_job(self, fault: Fault) -> Job | None:
        jobs = self.cluster.jobs
        return jobs[fault.which % len(jobs)] if jobs else None

    def a_driver(self, fault: Fault) -> Process | None:
        there = [driver for driver in self.drivers if driver.alive]
        return there[fault.which % len(there)] if there else None

    def replace(self, machine: Machine) -> None:
        """Another one of its kind comes in its place."""
        market = machine.node.market or "on-demand"
        self.world.at(self.world.now + RETURN_SECONDS, lambda: self.cluster.add(self.machine(market)))

    def trait(self, fault: Fault, **what: Any) -> None:
        trials = self.suite.trials()
        trial = trials[fault.which % len(trials)].id
        self.trainings.traits[trial] = replace(self.trainings.traits.get(trial, Trait()), **what)
