"""Asking every node of a cluster what it is like: one small task on each, also on busy ones and on the head."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ganbench.harness.doctor import probe

ANSWER_SECONDS = 60.0
"""How long a node may take: a cold one imports torch first."""

PINGS = 4
"""How often a node is asked for its time; the fastest answer counts, because it says most."""

PING_SECONDS = 10.0

_HEAD = "node:__internal_head__"


@dataclass(frozen=True)
class Node:
    """A node that is alive, as Ray describes it.

    Attributes:
        id: Ray's name for it.
        address: Its IP address.
        host: Its host's name.
        resources: What it offers to tasks, by Ray's names.
        labels: What its operator and Ray call it.
    """

    id: str
    address: str
    host: str
    resources: Mapping[str, float]
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_head(self) -> bool:
        """Whether it is the cluster's head."""
        return _HEAD in self.resources

    @property
    def market(self) -> str | None:
        """Whether it can be taken away at any time: ``"spot"``, ``"on-demand"``, or what its label says."""
        return self.labels.get("market")


@dataclass(frozen=True)
class Clock:
    """A node's clock against the driver's.

    Attributes:
        offset: Seconds that it is ahead.
        uncertainty: Seconds by which the offset may be wrong: half of the round trip.
    """

    offset: float
    uncertainty: float

    @classmethod
    def read(cls, sent: float, there: float, received: float) -> Clock:
        """Compare a node's time with the driver's before and after it was asked."""
        return cls(there - (sent + received) / 2, (received - sent) / 2)


@dataclass(frozen=True)
class Answer:
    """What one node said.

    Attributes:
        node: Which one.
        facts: What it found out about itself.
        failed: What it could not find out, and why.
        clock: Its clock; None where it did not say.
        silence: Why it did not answer; empty when it did.
    """

    node: Node
    facts: Mapping[str, Any] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    clock: Clock | None = None
    silence: str = ""


def alive(ray: Any) -> list[Node]:
    """Return the nodes that are alive, the head first, then by address."""
    nodes = [
        Node(
            found["NodeID"],
            found["NodeManagerAddress"],
            found["NodeManagerHostname"],
            found["Resources"],
            found.get("Labels", {}),
        )
        for found in ray.nodes()
        if found["Alive"]
    ]
    return sorted(nodes, key=lambda node: (not node.is_head, node.address, node.id))


def ask(ray: Any, nodes: Sequence[Node], question: probe.Question, seconds: float = ANSWER_SECONDS) -> list[Answer]:
    """Ask nodes, all at once; they have nothing else to do for it.

    Args:
        ray: Connected.
        nodes: Whom to ask.
        question: What.
        seconds: How long they may take.
    """
    with _as_it_is_here(ray):
        options = {"num_cpus": 0, "max_retries": 0}
        gather, now = ray.remote(**options)(probe.gather), ray.remote(**options)(probe.now)
        asked = {node.id: gather.options(scheduling_strategy=_on(node)).remote(question) for node in nodes}
        in_time, _ = ray.wait(list(asked.values()), num_returns=len(asked), timeout=seconds)
        answers = []
        for node in nodes:
            reference = asked[node.id]
            if reference not in in_time:
                ray.cancel(reference, force=True)
                answers.append(Answer(node, silence=f"no answer within {seconds:.0f} seconds"))
                continue
            try:
                said = ray.get(reference)
                answers.append(Answer(node, said["facts"], said["failed"], _clock(ray, now, node)))
            except ray.exceptions.RayError as error:
                answers.append(Answer(node, silence=_in_a_line(error)))
    return answers


def _clock(ray: Any, now: Any, node: Node) -> Clock | None:
    remote = now.options(scheduling_strategy=_on(node))
    readings = []
    for _ in range(PINGS):
        sent = time.time()
        try:
            there = ray.get(remote.remote(), timeout=PING_SECONDS)
        except ray.exceptions.RayError:
            continue
        readings.append(Clock.read(sent, there, time.time()))
    return min(readings, key=lambda reading: reading.uncertainty, default=None)


def _on(node: Node) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node.id, soft=False)


def _in_a_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else 'no message'}"


@contextmanager
def _as_it_is_here(ray: Any) -> Iterator[None]:
    """Let the probe's functions travel by value, not by the name of a module that a node may have in another version."""
    ray.cloudpickle.register_pickle_by_value(probe)
    try:
        yield
    finally:
        ray.cloudpickle.unregister_pickle_by_value(probe)
