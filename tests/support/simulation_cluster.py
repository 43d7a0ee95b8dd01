"""A cluster in virtual time, as the scheduler sees it: machines with room for tasks, and what can happen to them."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from simulation import Disk, Process, World

from ganbench.harness.cells.cell import Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.cluster.executor import ANSWER_SECONDS
from ganbench.harness.errors import ClusterError
from ganbench.harness.scheduling.endings import NODE, WORKER, Ending, Failed, Kind
from ganbench.harness.scheduling.schedule import Node, Submission
from ganbench.harness.scheduling.task import Task

START_UP = {False: 0.02, True: 10.0}
SLACK = 1e-9

Execute = Callable[[Sequence[Task]], list[Ending]]
"""What a process does with a task."""


@dataclass(eq=False)
class Machine:
    """A machine.

    Attributes:
        node: As the scheduler sees it.
        speed: Steps that it makes while another makes one.
        skew: Seconds that its clock is ahead.
        unfit_until: Until then every trial fails here at once.
        sick_until: Until then its device fails every trial, at once or in a hook.
        sick_in_hooks: Where that shows.
        hangs_until: Until then nothing that its device is asked for comes back.
        other_until: Until then it has other versions of things: of ganbench, or of a plugin.
        other_plugin: Of which.
        seen: Whether the cluster counts it among its nodes.
        cut: Whether nothing reaches it, and nothing that it says arrives.
    """

    node: Node
    speed: float = 1.0
    skew: float = 0.0
    unfit_until: float = -1.0
    sick_until: float = -1.0
    sick_in_hooks: bool = False
    hangs_until: float = -1.0
    other_until: float = -1.0
    other_plugin: bool = False
    seen: bool = True
    cut: bool = False
    alive: bool = True
    disk: Disk = field(default_factory=Disk)
    jobs: list[Job] = field(default_factory=list)
    held: list[tuple[Job, list[Ending]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cpus, self.memory = self.node.has.cpus, self.node.has.memory
        self.gpus = [1.0] * int(self.node.has.gpus)

    def open(self) -> bool:
        return self.alive and self.seen and not self.cut

    def fits(self, need: Resources) -> bool:
        return (
            self.cpus + SLACK >= need.cpus
            and self.memory + SLACK >= need.memory
            and (not need.gpus or max(self.gpus, default=0.0) + SLACK >= need.gpus)
        )

    def take(self, need: Resources) -> int:
        """Give a task its share, and return the GPU that it is on: the fullest that has room."""
        self.cpus -= need.cpus
        self.memory -= need.memory
        if not need.gpus:
            return -1
        chosen = min((free, index) for index, free in enumerate(self.gpus) if free + SLACK >= need.gpus)[1]
        self.gpus[chosen] -= need.gpus
        return chosen

    def give_back(self, need: Resources, gpu: int) -> None:
        self.cpus += need.cpus
        self.memory += need.memory
        if gpu >= 0:
            self.gpus[gpu] += need.gpus


@dataclass(eq=False)
class Job:
    """A task on a cluster; ``client`` is None once nobody waits for it."""

    submission: Submission
    tasks: Sequence[Task]
    client: Client | None
    serial: int
    machine: Machine | None = None
    process: Process | None = None
    started: float = 0.0


class Watcher(Protocol):
    """What looks at a cluster's work; any of these may raise AssertionError."""

    def submitted(self, client: Client, submission: Submission) -> None: ...

    def placed(self, job: Job, machine: Machine) -> None: ...

    def delivered(self, client: Client, submission: Submission, endings: Sequence[Ending]) -> None: ...


class Nobody:
    """Looks at nothing."""

    def submitted(self, client: Client, submission: Submission) -> None: ...

    def placed(self, job: Job, machine: Machine) -> None: ...

    def delivered(self, client: Client, submission: Submission, endings: Sequence[Ending]) -> None: ...


class SimulatedCluster:
    """Machines, and the tasks that wait for room on them.

    Args:
        world: Its time.
        machines: At the start.
        execute: What a process does with a task.
        watcher: Looks at it all.
    """

    def __init__(
        self, world: World, machines: Sequence[Machine], execute: Execute, watcher: Watcher | None = None
    ) -> None:
        self.world, self.machines, self.execute = world, list(machines), execute
        self.watcher: Watcher = watcher or Nobody()
        self.clients: list[Client] = []
        self.jobs: list[Job] = []
        self.ended: list[Callable[[Job], None]] = []
        self._serial = 0
        self._view: list[Node] = []
        self._waiting: dict[tuple[Resources, bool, frozenset[str]], deque[Job]] = {}
        self.changed()

    # --- what drivers do --------------------------------------------------------------------------------------------

    def view(self) -> Sequence[Node]:
        return self._view

    def submit(self, client: Client, submission: Submission, tasks: Sequence[Task]) -> None:
        self._serial += 1
        job = Job(submission, tasks, client, self._serial)
        key = (submission.need, submission.steady, submission.avoid)
        queue = self._waiting.setdefault(key, deque())
        machine = None if queue else next((item for item in self.machines if self._may(item, key)), None)
        if machine is None:
            queue.append(job)
        else:
            self.start(job, machine)

    def drop(self, client: Client) -> None:
        """A driver is gone: its tasks go with it, but for those that cannot be reached."""
        for queue in self._waiting.values():
            kept = [job for job in queue if job.client is not client]
            queue.clear()
            queue.extend(kept)
        for machine in self.machines:
            for job in list(machine.jobs):
                if job.client is client:
                    job.client = None
                    if not machine.cut:
                        self.kill(job, WORKER)

    # --- what happens to machines -------------------------------------------------------------------------------------

    def changed(self) -> None:
        """Something happened to the machines."""
        self._view = [machine.node for machine in self.machines if machine.alive and machine.seen]
        for machine in self.machines:
            self.fill(machine)

    def add(self, machine: Machine) -> None:
        self.machines.append(machine)
        self.changed()

    def kill(self, job: Job, kind: Kind) -> None:
        if job.process is not None:
            job.process.kill(kind)

    def die(self, machine: Machine) -> None:
        """A machine goes, with all that runs on it."""
        if machine.alive:
            machine.alive = False
            for job in list(machine.jobs):
                self.kill(job, NODE)
            self.changed()

    def cut(self, machine: Machine) -> None:
        machine.cut = machine.cut or machine.alive

    def heal(self, machine: Machine) -> None:
        """What it had to say arrives, if anybody still listens."""
        machine.cut = False
        held, machine.held = machine.held, []
        for job, endings in held:
            self._deliver(job, endings)
        self.fill(machine)

    def give_up(self, machine: Machine) -> None:
        """The cluster takes a machine that is cut off for dead; what runs there does not know."""
        if machine.cut and machine.seen:
            machine.seen = False
            lost = list(machine.jobs) + [job for job, _ in machine.held]
            machine.held = []
            for job in lost:
                self._deliver(job, [_failed(NODE)] * len(job.submission.attempts), anyway=True)
            self.changed()

    # --- tasks --------------------------------------------------------------------------------------------------------

    def fill(self, machine: Machine) -> None:
        """Begin what waits and fits, whoever has waited longest first."""
        if not machine.open():
            return
        for key in sorted((key for key, queue in self._waiting.items() if queue), key=self._since):
            queue = self._waiting[key]
            while queue and self._may(machine, key):
                self.start(queue.popleft(), machine)
        for key in [key for key, queue in self._waiting.items() if not queue]:
            del self._waiting[key]

    def start(self, job: Job, machine: Machine) -> None:
        need = job.submission.need
        self.watcher.placed(job, machine)
        gpu = machine.take(need)
        machine.jobs.append(job)
        self.jobs.append(job)
        job.machine, job.started = machine, self.world.now

        def work() -> list[Ending]:
            self.world.sleep(START_UP[need.gpus > 0])
            endings = self.execute([replace(task, node=machine.node.id) for task in job.tasks])
            return [replace(ending, node=machine.node.id) for ending in endings]

        def ended(process: Process) -> None:
            machine.jobs.remove(job)
            self.jobs.remove(job)
            machine.give_back(need, gpu)
            for tell in self.ended:
                tell(job)
            kind = process.why if isinstance(process.why, Kind) else WORKER
            endings = process.result
            if endings is None:
                endings = [_failed(kind)] * len(job.submission.attempts)
            # What a process says comes as a copy: nothing in it is the same object as here.
            self._deliver(job, pickle.loads(pickle.dumps(endings)))
            self.fill(machine)

        job.process = self.world.spawn(work, ended, machine.disk)
        job.process.facts |= {"machine": machine, "submission": job.submission, "noticed": False}

    def _deliver(self, job: Job, endings: list[Ending], anyway: bool = False) -> None:
        assert job.machine is not None
        if job.client is None:
            return
        if job.machine.cut and not anyway:
            job.machine.held.append((job, endings))
            return
        job.client.receive(job.submission, endings)
        job.client = None

    def _may(self, machine: Machine, key: tuple[Resources, bool, frozenset[str]]) -> bool:
        need, steady, avoid = key
        return (
            machine.open()
            and machine.fits(need)
            and machine.node.id not in avoid
            and not (steady and machine.node.market == "spot")
        )

    def _since(self, key: tuple[Resources, bool, frozenset[str]]) -> int:
        return self._waiting[key][0].serial


def _failed(kind: Kind) -> Failed:
    # As Ray tells it: what killed a process or took a node away does not say where.
    return Failed(kind, f"{kind.name} (simulated)")


class Client:
    """A driver's connection to a cluster: the ``Cluster`` of ``ganbench.harness.scheduling.drive``.

    Args:
        cluster: The cluster.
        task_of: What a trial becomes when its turn comes.
        told: Called with the seconds that the driver is about to wait; for those who count its own time.
    """

    def __init__(
        self,
        cluster: SimulatedCluster,
        task_of: Callable[[Trial], Task],
        told: Callable[[float], Any] = lambda seconds: None,
    ) -> None:
        assert cluster.world.current is not None, "a driver is a process"
        self.cluster, self.driver, self._task_of, self._told = cluster, cluster.world.current, task_of, told
        self.inbox: list[tuple[Submission, Sequence[Ending]]] = []
        self.head_gone = False
        self.hung: tuple[float, float] | None = None
        self._known = cluster.view()
        cluster.clients.append(self)

    def nodes(self) -> Sequence[Node]:
        if self.head_gone:
            raise ClusterError("the cluster's head is gone (simulated)")
        if not self.hangs():
            self._known = self.cluster.view()
        elif self.hung and self.cluster.world.now - self.hung[0] > ANSWER_SECONDS:
            raise ClusterError("the cluster's head does not answer (simulated)")
        return self._known

    def hangs(self) -> bool:
        """Whether the head does not answer now: what is known of the nodes is old, and nothing arrives."""
        return self.hung is not None and self.cluster.world.now < self.hung[1]

    def submit(self, submission: Submission) -> None:
        self.cluster.watcher.submitted(self, submission)
        self.cluster.submit(self, submission, submission.tasks(self._task_of))

    def wait(self, seconds: float) -> Sequence[tuple[Submission, Sequence[Ending]]]:
        self._told(seconds)
        if not self.inbox or self.hangs():
            self.cluster.world.sleep(seconds)
        if self.hangs():
            return []
        landed, self.inbox = self.inbox, []
        for submission, endings in landed:
            self.cluster.watcher.delivered(self, submission, endings)
        return landed

    def receive(self, submission: Submission, endings: Sequence[Ending]) -> None:
        self.inbox.append((submission, endings))
        self.driver.wake()
