"""What an attempt at a trial can come to, and which of that is nobody's fault.

A verdict, a plugin's exception and a GPU that is too small at the declared size are results: the attempt is ``Done``.
Everything else is ``Failed``, and its kind says whether the trial is tried again.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass


@dataclass(frozen=True)
class Done:
    """What a worker reports of a committed trial.

    Attributes:
        trial_id: Which one.
        outcome: Its verdict's outcome.
        modes: Its failure modes.
        seconds: How long it took.
        first: False if another attempt had committed it before.
        notes: What a reader should know of how it ran, one line each.
        node: The node's identity, where it is known.
        message: What a method error said; empty for others.
        host: The node's name, where it is known.
    """

    trial_id: str
    outcome: str
    modes: tuple[str, ...]
    seconds: float
    first: bool
    notes: tuple[str, ...] = ()
    node: str | None = None
    message: str = ""
    host: str = ""


@dataclass(frozen=True)
class Kind:
    """A way in which an attempt can fail without a result.

    Attributes:
        name: In a word or two.
        budget: How often it may happen to one trial in one sweep and be tried again.
        node: Whether the node went with it: after two of these a trial is kept off nodes that can be taken away.
        grows: Of what the next attempt gets twice as much: a field of its resources, or nothing.
        unfit: Whether it says something about the node, which gets no more trials after some of these.
        elsewhere: Whether it is tried again on another node: if that one says the same, it is the trial's, or ours.
        ends: Whether the sweep itself is coming to rest: the trial goes on when the same command is repeated.
    """

    name: str
    budget: int = 20
    node: bool = False
    grows: str = ""
    unfit: bool = False
    elsewhere: bool = False
    ends: bool = False


NODE = Kind("node lost", node=True)
PREEMPTED = Kind("machine taken away", node=True)
WORKER = Kind("process killed", budget=6, elsewhere=True)  # a trial that ends its own process does so every time
PLUGIN = Kind("plugin cannot be used here", budget=3, elsewhere=True)  # another node may have what this one lacks
MEMORY = Kind("out of memory", budget=3, grows="memory", elsewhere=True)
GPU_MEMORY = Kind("out of memory on a GPU", budget=3, grows="gpus", elsewhere=True)
DEVICE = Kind("device or system failed", budget=3, unfit=True, elsewhere=True)
HOOK = Kind("a hook met a failing device or system", budget=3, elsewhere=True)
HUNG = Kind("a hook does not return", elsewhere=True)  # the second time, elsewhere, it is a result
STUCK = Kind("no progress", budget=3, elsewhere=True)
CROWDED = Kind("out of memory beside others")  # tried again it is alone, and that tells whose fault it was
UNFIT = Kind("node not fit", unfit=True)
RESULTS = Kind("results cannot be written", unfit=True)
FAULT = Kind("a fault of ours", budget=1, elsewhere=True)
STOPPED = Kind("asked to stop", budget=0, ends=True)


@dataclass(frozen=True)
class Failed:
    """An attempt that came to nothing.

    Attributes:
        kind: How.
        reason: One line for people.
        node: The node's identity, where it is known.
        host: The node's name, where it is known.
        result: What it is a result of the method's as, if it comes to the same once more; else empty.
    """

    kind: Kind
    reason: str
    node: str | None = None
    host: str = ""
    result: str = ""


Ending = Done | Failed


@dataclass(frozen=True)
class Lost:
    """A trial that could not be brought to a commit. It is not a result: it is missing, and runs again next time.

    Attributes:
        trial_id: Which one.
        reason: What happened.
        normalizer: Label of the normalizer, where the trial was given up; empty where the sweep was asked to stop.
    """

    trial_id: str
    reason: str
    normalizer: str = ""


@dataclass(frozen=True)
class Retried:
    """An attempt that infrastructure took away; the trial was queued again.

    Attributes:
        trial_id: Which one.
        reason: What happened.
    """

    trial_id: str
    reason: str


@dataclass(frozen=True)
class Note:
    """Something that an operator should know of the cluster.

    Attributes:
        text: One line.
    """

    text: str


Event = Done | Lost | Retried | Note


def fault(error: BaseException) -> str:
    """Describe an exception that is no verdict in one line, with the place in our code where it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
