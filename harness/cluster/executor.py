"""Trials as Ray tasks. Ray's own retries are off: only we can tell a lost worker from a result."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from textwrap import shorten
from typing import Any

from ganbench.harness.cells.cell import Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.cluster.connection import Asked, HeadWatch, connected
from ganbench.harness.errors import ClusterError
from ganbench.harness.plugins.source import PluginSource
from ganbench.harness.scheduling.drive import Execute, Round, drive
from ganbench.harness.scheduling.endings import FAULT, MEMORY, NODE, UNFIT, WORKER, Ending, Event, Failed, Kind, fault
from ganbench.harness.scheduling.schedule import SPOT, Node, Submission
from ganbench.harness.scheduling.task import Task
from ganbench.harness.worker.attempt import attempt_all

LOOK_SECONDS = 2.0
"""How old what is known of the nodes may be."""

ANSWER_SECONDS = 25.0
"""How long the head may think about who its nodes are. One that hangs still accepts connections."""

FIRST_SECONDS = 10.0
"""How long is waited for the first answer; later ones come when they come."""

GIB = 2**30
REASON = 120
"""Letters of what Ray says that a person is told; it goes on about what else could be looked at."""

NODE_ID, MARKET = "ray.io/node-id", "market"
"""Labels of nodes: the first is Ray's, the second ours (``ray_cluster.yaml``)."""

KINDS: dict[str, Kind] = {
    "OutOfMemoryError": MEMORY,
    "NodeDiedError": NODE,
    "LocalRayletDiedError": NODE,
    "ObjectLostError": NODE,
    "WorkerCrashedError": WORKER,
    "TaskCancelledError": WORKER,
    "RuntimeEnvSetupError": UNFIT,
    "OutOfDiskError": UNFIT,
    "ObjectStoreFullError": UNFIT,
}
"""What Ray's exceptions say of a task, by the names of their classes and of the classes that these are made from."""


class RayCluster:
    """A Ray cluster as the scheduler sees it.

    Args:
        ray: The module, connected.
        task_of: What a trial becomes when its turn comes.
        watch: Says when the head is gone.
        clock: Seconds; it only goes forward.
        execute: What runs in a worker: tasks, and the sources of plugins where there are any, to their endings.
    """

    def __init__(
        self,
        ray: Any,
        task_of: Callable[[Trial], Task],
        watch: HeadWatch,
        clock: Callable[[], float],
        execute: Callable[..., list[Ending]] | None = None,
    ) -> None:
        self._ray, self._task_of, self._watch, self._clock = ray, task_of, watch, clock
        self._flying: dict[Any, Submission] = {}
        self._carried: dict[tuple[PluginSource, ...], Any] = {}
        # Declared here, not with .options(): only a declaration can say whether a process serves a second task. With a GPU
        # it does not: it would keep the first one's CUDA context, on what may be another GPU.
        self._on_cpu = ray.remote(max_retries=0)(execute or _execute)
        self._on_gpu = ray.remote(max_retries=0, max_calls=1)(execute or _execute)
        self._nodes: list[Node] = []
        self._looked = -LOOK_SECONDS
        self._asked: Asked | None = None

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are alive.

        Raises:
            ClusterError: The head is gone.
        """
        self._watch.look()
        if self._asked is not None and self._clock() - self._looked >= ANSWER_SECONDS:
            raise ClusterError(
                f"the cluster's head has not answered for {ANSWER_SECONDS:.0f} seconds, though it can be reached; committed"
                " trials are kept: start the cluster again and repeat the command"
            )
        if self._asked is None and self._clock() - self._looked >= LOOK_SECONDS:
            self._looked = self._clock()
            self._asked = Asked(self._ray.nodes)
        if self._asked is not None and self._asked.answered(0.05 if self._nodes else FIRST_SECONDS):
            nodes = [_node(described) for described in self._asked.answer if described["Alive"]]
            self._asked = None
            if nodes != self._nodes:
                self._nodes = nodes
        return self._nodes

    def submit(self, submission: Submission) -> None:
        """Hand a task to Ray."""
        need = submission.need
        options: dict[str, Any] = {"num_cpus": need.cpus}
        if need.gpus:
            options["num_gpus"] = need.gpus
        if need.memory:
            options["memory"] = int(need.memory * GIB)
        selector = _selector(submission)
        if selector:
            options["label_selector"] = selector
        remote = self._on_gpu if need.gpus else self._on_cpu
        tasks = submission.tasks(self._task_of)
        self._flying[remote.options(**options).remote(*self._packed(tasks))] = submission

    def wait(self, seconds: float) -> list[tuple[Submission, Sequence[Ending]]]:
        """Return the tasks that have ended."""
        flying = list(self._flying)
        if not flying:  # all that is left waits for its next attempt: without a rest the driver would only spin
            time.sleep(seconds)
            return []
        # With a time limit, because without one Ray returns nothing after eleven days. The first one alone, and then
        # whatever else is there: waiting for all would wait for the limit.
        ready, rest = self._ray.wait(flying, num_returns=1, timeout=seconds)
        if ready and rest:
            ready += self._ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        landed = [(reference, self._flying.pop(reference)) for reference in ready]
        return [(submission, self._endings(reference, submission)) for reference, submission in landed]

    def _packed(self, tasks: list[Task]) -> tuple[Any, ...]:
        """Return what a task is sent as: thousands wait, so sources go to each node once, by Ray's object store."""
        sources = tasks[0].sources
        if not sources:
            return (tasks,)
        if sources not in self._carried:
            self._carried[sources] = self._ray.put(sources)
        return [replace(task, sources=()) for task in tasks], self._carried[sources]

    def _endings(self, reference: Any, submission: Submission) -> list[Ending]:
        try:
            endings: list[Ending] = self._ray.get(reference)
            return endings
        except self._ray.exceptions.RayError as error:
            return [_failed(error)] * len(submission.attempts)


def _execute(tasks: Sequence[Task], sources: tuple[PluginSource, ...] = ()) -> list[Ending]:
    """Run in a worker of Ray: attempts, with the plugins' sources, and the node that they were made on."""
    import ray

    node = ray.get_runtime_context().get_node_id()
    endings = attempt_all([replace(task, sources=sources, node=node) for task in tasks])
    return [replace(ending, node=node, host=platform.node()) for ending in endings]


def _node(described: dict[str, Any]) -> Node:
    has, labels = described["Resources"], described.get("Labels") or {}
    amount = Resources(has.get("CPU", 0.0), has.get("GPU", 0.0), has.get("memory", 0.0) / GIB)
    return Node(described["NodeID"], amount, labels.get(MARKET))


def _selector(submission: Submission) -> dict[str, str]:
    selector = {NODE_ID: f"!in({','.join(sorted(submission.avoid))})"} if submission.avoid else {}
    return selector | ({MARKET: f"!{SPOT}"} if submission.steady else {})


def _failed(error: Exception) -> Failed:
    """Say what an exception of Ray's means for the trials of its task."""
    names = [made.__name__ for made in type(error).__mro__]
    kind = next((KINDS[name] for name in names if name in KINDS), None)
    told = shorten(next(iter(str(error).splitlines()), "") or "no message", REASON, placeholder=" …")
    if kind is not None:
        return Failed(kind, f"{kind.name}: {type(error).__name__}: {told}")
    cause = getattr(error, "cause", None)
    if "RayTaskError" in names:
        return Failed(FAULT, fault(cause if isinstance(cause, Exception) else error))
    return Failed(WORKER, f"{type(error).__name__}: {told}")


@contextmanager
def on_ray(address: str, cpus: int | None = None) -> Iterator[Execute]:
    """Yield a function that runs trials on a Ray cluster; one connection, and so one job, serves all rounds of a sweep.

    Args:
        address: ``"local"`` for a Ray of our own on this machine, otherwise a running cluster's address.
        cpus: Slots of a local Ray; all cores when absent.

    Raises:
        InputError: The cluster cannot be reached.
    """
    clock = time.monotonic
    with connected(address, cpus) as ray:
        # A client of Ray's (ray://) speaks to a proxy; the head's own address may be out of its reach.
        watch = HeadWatch(None if address.startswith("ray://") else ray.get_runtime_context().gcs_address, clock)

        def execute(round_: Round) -> Iterator[Event]:
            return drive(round_, RayCluster(ray, round_.task_of, watch, clock), clock)

        yield execute
