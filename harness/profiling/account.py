"""What the parts of a trial add up to, and what a reader can do about the largest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganbench.harness.profiling.clock import Path
from ganbench.harness.profiling.timed_training import DRAWING, EVALUATION, LOGGING, PENALTY, PROBES, WEIGHTS

STEPS = "steps"
CHECKPOINTS = "checkpoints"
JUDGING = "judging and committing"
REST = "not accounted for"

HOST_BOUND_US = 30.0
"""Microseconds per operation of PyTorch's below which the host spends more on asking for it than on computing it, about."""


DOMINATES = 0.25
"""Share of the trial from which a part of a part is what the advice is about."""


@dataclass(frozen=True)
class Cost:
    """What a part costs in a whole trial.

    Attributes:
        seconds: Of all times together.
        times: How often it happens.
    """

    seconds: float
    times: float


@dataclass(frozen=True)
class Part:
    """A part of a trial, with its own parts.

    Attributes:
        name: What it is.
        seconds: In a whole trial, parts included.
        times: How often it happens in a trial.
        parts: What it consists of, the largest first; where there are any, the last is what they leave over.
    """

    name: str
    seconds: float
    times: float
    parts: tuple[Part, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        return {
            "name": self.name,
            "seconds": self.seconds,
            "times": self.times,
            "parts": [part.to_json() for part in self.parts],
        }


@dataclass(frozen=True)
class Profile:
    """Where the time of a trial goes.

    Attributes:
        title: The cell.
        number: Its number in the suite, from 1.
        seed: The seed that was trained.
        device: What it computed on.
        mode: How its steps ran: ``"plain"`` or ``"compiled"``.
        steps: The budget.
        measured: Steps that were made.
        step_seconds: Of a step that nobody watches.
        watched_seconds: Of a step with a clock around its parts.
        replayed_seconds: Of the same step as ``ganbench run`` makes it by itself; None where that was not measured, or
            the step cannot be replayed.
        parts: Of a whole trial, the largest first; start-up is apart.
        startup: What happens before the first step, in its order: seconds by name.
        operations: Of PyTorch's in a plain step; None where that was not counted.
        notes: What a reader should know of the numbers, one line each.
    """

    title: str
    number: int
    seed: int
    device: str
    mode: str
    steps: int
    measured: int
    step_seconds: float
    watched_seconds: float
    replayed_seconds: float | None
    parts: tuple[Part, ...]
    startup: dict[str, float]
    operations: int | None
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Of a whole trial, start-up apart."""
        return sum(part.seconds for part in self.parts)

    def share(self, part: Part) -> float:
        """Return a part's share of the trial, in [0, 1]."""
        return part.seconds / self.seconds if self.seconds else 0.0

    @property
    def host_bound(self) -> bool:
        """Whether a step spends most of its time on asking for operations."""
        return bool(self.operations) and 1e6 * self.step_seconds / (self.operations or 1) < HOST_BOUND_US

    def advice(self) -> str:
        """Return a sentence on what dominates, and what could be changed."""
        largest = self.parts[0]
        inner = max((part for part in leaves(largest) if part.name != REST), key=lambda part: part.seconds)
        verb = "are" if largest.name.endswith("s") else "is"
        head = f"{largest.name} {verb} {self.share(largest):.0%} of the trial"
        if inner is not largest:
            head += f", and the largest part of that is {inner.name} ({self.share(inner):.0%})"
        return f"{head}: {self._remedy(largest, inner)}"

    def _remedy(self, largest: Part, inner: Part) -> str:
        if self.share(inner) >= DOMINATES and inner.name in REMEDIES:
            return REMEDIES[inner.name]
        if largest.name == STEPS and self.host_bound and self.mode == "plain":
            each = 1e6 * self.step_seconds / (self.operations or 1)
            return (
                f"{self.operations} operations a step at {each:.0f} us each are mostly the host's overhead, which"
                " replaying leaves out, and --compile still more; compiling takes up to a minute the first time"
            )
        return REMEDIES[largest.name]

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON values; times in seconds."""
        return {
            "cell": {"number": self.number, "title": self.title, "seed": self.seed},
            "device": self.device,
            "mode": self.mode,
            "steps": self.steps,
            "measured_steps": self.measured,
            "step_seconds": {
                "plain": self.step_seconds,
                "watched": self.watched_seconds,
                "replayed": self.replayed_seconds,
            },
            "seconds": self.seconds,
            "parts": [part.to_json() for part in self.parts],
            "startup": self.startup,
            "operations": self.operations,
            "notes": list(self.notes),
            "advice": self.advice(),
        }


REMEDIES = {
    STEPS: "that is the training itself; what is left is a GPU, a smaller network or a smaller budget",
    EVALUATION: "fewer `evaluations`, or a metric of fewer samples or measures, would save most",
    PROBES: "a smaller `log_points` takes fewer of them",
    LOGGING: "a smaller `log_points` logs less often",
    CHECKPOINTS: "a larger --checkpoint-every writes fewer",
    JUDGING: "the trial is so short that its end shows",
    WEIGHTS.format("discriminator"): "that is the normalizer's `reparameterize`, the first place to make faster",
    PENALTY: "that is the normalizer's penalty; a larger `penalty_every` takes it less often, where the method allows",
    DRAWING: "the data set is read for every batch; one that is kept in memory is drawn from faster",
}
"""What could be changed where a part is the largest."""


def parts_of(costs: Mapping[Path, Cost], inside: Path = ()) -> tuple[Part, ...]:
    """Return the parts inside of a path, the largest first, and after them what they leave over.

    Args:
        costs: By path; one that lies inside of another is part of it.
        inside: The path.
    """
    paths = [path for path in costs if path[:-1] == inside]
    parts = [Part(path[-1], costs[path].seconds, costs[path].times, parts_of(costs, path)) for path in paths]
    parts.sort(key=lambda part: -part.seconds)
    if parts and inside:
        whole = costs[inside]
        left = max(whole.seconds - sum(part.seconds for part in parts), 0.0)  # rounding may leave less than nothing
        parts.append(Part(REST, left, whole.times))
    return tuple(parts)


def leaves(part: Part) -> list[Part]:
    """Return the parts of a part that have no parts themselves; itself where it has none."""
    return [leaf for inner in part.parts for leaf in leaves(inner)] if part.parts else [part]
