"""Whether a record's trace can be that of its specification, as far as reading can say.

Checksums say that nothing changed by accident; whoever forges a record writes new ones. What a trace must be by its
specification is recomputed here, without training anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ganbench.harness.cells.points import even_points
from ganbench.harness.ledger.record import Record
from ganbench.harness.stability.references import holds, known_references, recorded_references
from ganbench.harness.traces.columns import Columns
from ganbench.harness.traces.trace import Column, Trace


def contradictions(record: Record) -> Iterator[str]:
    """Yield in what a record contradicts itself.

    Raises:
        ValueError: Its trace cannot be read.
    """
    if record.columns is None:
        if not record.error:
            yield "it has neither a trace nor the message of a method error"
        return
    if record.error:
        yield "it has both a trace and the message of a method error"
    trace, cell = record.columns.trace, record.spec["cell"]
    recorded = recorded_references(record.provenance)
    if recorded is not None and not holds(recorded, known_references(cell)):
        yield "its bar is not that of its data"
    if trace.stopped < trace.budget and _finite(trace):
        yield f"its trace ends at step {trace.stopped} of {trace.budget}, and all its values are finite"
    asked = tuple(_number(cell.get(key)) for key in ("steps", "log_points", "evaluations"))
    yield from _of_shape(_Shape(record.columns.layout, record.columns.whole.tobytes(), asked, record.columns))


@dataclass(frozen=True)
class _Shape:
    """What a trace has but for its numbers: thousands have the same, and are looked at once.

    Attributes:
        layout: Of its columns.
        steps: Its steps, as they are stored.
        asked: Steps, logged points and evaluations that its specification asks for; None where it does not say.
        columns: Of one that has this shape.
    """

    layout: str
    steps: bytes
    asked: tuple[int | None, ...]
    columns: Columns = field(compare=False)


@lru_cache(maxsize=512)
def _of_shape(shape: _Shape) -> tuple[str, ...]:
    trace = shape.columns.trace
    found = [*_of_budget(trace, *shape.asked), *_of_series(trace)]
    if len(shape.columns.whole) != len(trace.steps) + len(trace.probe_steps) + len(trace.evaluation_steps):
        found.append("its steps are no whole numbers")
    if Columns.of(trace).sha256 != shape.columns.sha256:
        found.append("its trace is not stored in its canonical form")
    return tuple(found)


def _number(value: object) -> int | None:
    return value if type(value) is int else None


def _of_budget(trace: Trace, steps: int | None, log_points: int | None, evaluations: int | None) -> Iterator[str]:
    if steps is not None and trace.budget != steps:
        yield f"its trace is of {trace.budget} steps, and its specification of {steps}"
    if not 0 <= trace.stopped <= trace.budget:
        yield f"its trace ends at step {trace.stopped} of {trace.budget}"
    for count, first, name, found in (
        (log_points, 1, "logged", trace.steps),
        (evaluations, 0, "evaluated", trace.evaluation_steps),
    ):
        if steps is None or count is None:
            continue
        planned = [step for step in sorted({first, *even_points(steps, count)}) if step <= trace.stopped]
        # A trial that is not finite any more is evaluated once more where it ends.
        if found.tolist() not in (planned, [*planned, trace.stopped]):
            yield f"its trace was {name} at other steps than its specification says"


def _of_series(trace: Trace) -> Iterator[str]:
    for name, steps in (("log", trace.steps), ("probe", trace.probe_steps), ("evaluation", trace.evaluation_steps)):
        if (np.diff(steps) <= 0).any() or (len(steps) and not 0 <= steps[0] <= steps[-1] <= trace.stopped):
            yield f"its {name} steps do not rise from 0 to {trace.stopped}"
    columns: list[tuple[str, Column, Column]] = [
        *((name, column, trace.steps) for name, column in trace.scalars.items()),
        *((name, column, trace.evaluation_steps) for name, column in trace.evaluations.items()),
    ]
    for name, column, steps in columns:
        if len(column) != len(steps):
            yield f"its series {name!r} has {len(column)} values at {len(steps)} steps"
    lengths = [(name, probe.first, len(probe.values)) for name, probe in trace.probes.items()]
    for name, layer in trace.layers.items():
        lengths += [(name, layer.first, len(column)) for column in (layer.variance, layer.sigma, layer.stable_rank)]
    for name, first, count in lengths:
        if first < 0 or first + count > len(trace.probe_steps):
            yield f"its series of {name!r} is longer than the steps at which it was measured"


def _finite(trace: Trace) -> bool:
    columns = [*trace.scalars.values(), *trace.evaluations.values(), *(probe.values for probe in trace.probes.values())]
    columns += [column for layer in trace.layers.values() for column in (layer.variance, layer.sigma)]
    return all(bool(np.isfinite(column).all()) for column in columns)
