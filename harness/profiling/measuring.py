"""A profile of a trial: some of its steps, one of everything else that it does, and how often it does each."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch.profiler import ProfilerActivity, record_function

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.data.store import Store
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.metrics.metric import Evaluate, Generated, Metric, Staged
from ganbench.harness.models.phase import Phase
from ganbench.harness.normalizer import Normalizer
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.profiling import account
from ganbench.harness.profiling.account import Cost, Profile, parts_of
from ganbench.harness.profiling.clock import Clock
from ganbench.harness.profiling.clock import Path as Nested
from ganbench.harness.profiling.stepping import SECONDS, Stretch, measured_steps, replayed_seconds
from ganbench.harness.profiling.timed_training import EVALUATION, LOGGING, PROBES, WatchedRecorder, WatchedTraining
from ganbench.harness.stability import Definition, judge
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.steps.step import Observations
from ganbench.harness.steps.ways import PLAIN
from ganbench.harness.training.checkpoint import EVERY_SECONDS, Checkpoints
from ganbench.harness.training.devices import CPU, device_name
from ganbench.harness.training.numerics import ProcessSettings
from ganbench.harness.training.training import Material

PAIRS = 15
"""Steps that are made again with and without being observed; three are enough where they take long."""

REPEATS = 5
CHEAP_SECONDS = 1.0
"""What takes less is done once in vain and then a few times; what takes more, once."""

TRACED = 5
"""Steps in the trace file."""

OBSERVING = "observing the step"
KEEPING = "keeping the numbers"


def profile(
    trial: Trial,
    catalog: Catalog,
    store: Store,
    definition: Definition,
    *,
    number: int = 1,
    device: str = CPU,
    way: str = PLAIN,
    steps: int | None = None,
    out: Path | None = None,
    started: dict[str, float] | None = None,
) -> Profile:
    """Measure where the time of a trial goes.

    The steps are the trial's own first ones, and the numbers in them are those of the trial. What happens seldom, such as
    an evaluation, is done once or a few times, and counts as often as it happens in the whole trial. A growing network
    is measured in each of its phases.

    Args:
        trial: The trial; it is trained for its first steps, and nothing of it is kept.
        catalog: The plugins.
        store: Where data sets stand.
        definition: Of the detectors' thresholds.
        number: The cell's number in its suite.
        device: Where to compute.
        way: How steps are run, one of :class:`ganbench.harness.steps.execution_mode.ExecutionMode`'s.
        steps: How many steps; as many as take a few seconds where none is said.
        out: Where to write a trace of some steps; None for nowhere.
        started: What was done before, and took seconds; by name.

    Raises:
        MethodError: The normalizer raised or broke its contract.
        InputError: The data, or what the metric needs, are absent.
        OSError: The trace cannot be written.
    """
    settle = torch.cuda.synchronize if device != CPU else lambda: None
    cell, startup = trial.cell, Clock(settle)
    with ProcessSettings(ExecutionMode(way)):
        material, recorded = _material(trial, catalog, store, device, startup)
        with startup.part("building networks"):
            training = WatchedTraining(trial, material, ExecutionMode(way).programs(at_once=True))
        recorded.clock = Clock(settle)  # the first evaluation also prepares what the others use
        recorder = WatchedRecorder(training, before := recorded.clock)
        costs: dict[Nested, Cost] = {}
        stretches: list[Stretch] = []
        replayed: list[float | None] = []
        remarks: list[str] = []
        for phase in training.phases:
            training.now = max(training.now, phase.first - 1)
            wanted = steps if phase.first == 1 else None
            stretch = measured_steps(training, Clock(settle), wanted, SECONDS / len(training.phases), phase)
            if way == PLAIN:
                each, said = replayed_seconds(training, settle)
                replayed.append(each)
                remarks += [line for line in said if line not in remarks]
            observing, seen = _observing(training, settle)
            _around(training, recorder, recorded, events := Clock(settle), seen, before)
            before = Clock()
            stretches.append(stretch)
            _add(costs, _of_steps(stretch))
            _add(costs, _of_events(recorder, cell, phase, events, observing))
        final = _final(training, recorder, recorded, events)
        _add(costs, {path: Cost(seconds, 1) for path, seconds in final.items()})
        _add(costs, _of_end(training, recorder, definition, len(training.phases), costs))
        operations = _traced(training, recorder, recorded, seen, events, out) if out is not None else None
    taken = {name: seconds for (name, *rest), seconds in startup.seconds.items() if not rest}
    first = sum(stretch.first for stretch in stretches)
    mean = _weighted(stretches, [stretch.plain for stretch in stretches])
    watched = _weighted(stretches, [stretch.whole for stretch in stretches])
    known = [each for each in replayed if each is not None]
    return Profile(
        title=cell.title(),
        number=number,
        seed=trial.seed,
        device=device_name(device),
        mode=training.mode,
        steps=cell.steps,
        measured=stretches[0].measured,
        step_seconds=mean,
        watched_seconds=watched,
        replayed_seconds=_weighted(stretches, known) if len(known) == len(stretches) else None,
        parts=parts_of(costs),
        startup={
            **(started or {}),
            **taken,
            "making programs" if way != PLAIN else "first steps, beyond the others": first,
        },
        operations=operations if training.mode == "plain" else None,
        notes=(*training.notes, *remarks, *_remarks(recorder, device, training.mode, len(stretches))),
    )


class _Recorded:
    """Holds the clock that the evaluation tells its stages to; it changes between measurements."""

    clock: Clock


def _material(trial: Trial, catalog: Catalog, store: Store, device: str, startup: Clock) -> tuple[Material, _Recorded]:
    """Load what a trial needs, as a worker does, with a clock around each metric."""
    cell, recorded = trial.cell, _Recorded()
    with startup.part("loading data"):
        data = cell.dataset.load(store).to(device)
        data_hash = data.content_hash()
    ready: list[tuple[Metric, Evaluate]] = []
    parts = cell.metric.parts()
    same = Counter(metric.name for metric in parts)
    names = {metric: metric.label() if same[metric.name] > 1 else metric.name for metric in parts}
    for metric in parts:
        with startup.part(f"preparing {names[metric]}"):
            ready.append((metric, metric.prepare(data, store)))

    def evaluate(generated: Generated) -> dict[str, float]:
        recorded.clock.leave()  # the samples are made
        values: dict[str, float] = {}
        for metric, part in ready:
            given = replace(generated, samples=generated.samples[: metric.sample_count()])
            with recorded.clock.part(names[metric]):
                values |= _staged(part, given, recorded.clock)
        return values

    default = cast("Normalizer", catalog.create("normalizer", cell.architecture.generator_normalizer))
    return Material(data, data_hash, evaluate, default, device), recorded


def _staged(part: Evaluate, generated: Generated, clock: Clock) -> dict[str, float]:
    """Evaluate, with a clock around each stage where the metric tells them apart."""
    if not isinstance(part, Staged):
        return part(generated)
    values: dict[str, float] = {}
    for name, stage in part.stages(generated):
        with clock.part(name):
            values |= stage()
    return values


def _observing(training: WatchedTraining, settle: Callable[[], None]) -> tuple[float, Observations]:
    """Return the seconds that observing adds to a step, and what is seen.

    A step is pure: the same one is made twice, and the one result is as good as the other. The median of pairs is not
    moved by what else the machine did.
    """
    now, differences = training.now, []
    seen: Observations = {}
    for pair in range(PAIRS):
        batch = training.draw(max(now - pair, training.phase.first))
        took = {}
        for observe in (False, True) if pair % 2 else (True, False):
            settle()
            begun = time.perf_counter()
            _, found = training.usual(training.state, batch, observe)
            settle()
            took[observe] = time.perf_counter() - begun
            seen = found or seen
        differences.append(took[True] - took[False])
        if len(differences) >= 3 and took[False] > CHEAP_SECONDS / PAIRS:
            break
    return max(statistics.median(differences), 0.0), seen


def _around(
    training: WatchedTraining,
    recorder: WatchedRecorder,
    recorded: _Recorded,
    clock: Clock,
    seen: Observations,
    before: Clock,
) -> None:
    """Log, probe and evaluate.

    Args:
        training: What is recorded.
        recorder: Its recorder.
        recorded: Gets the clock.
        clock: Gets what a time of each takes.
        seen: What was observed of a step.
        before: What has seen the first time of each, if it was.
    """
    for _ in range(REPEATS):
        with clock.part(LOGGING):
            recorder.record(training, seen)

    def on(which: Clock) -> None:
        recorder.clock = recorded.clock = which

    works = {PROBES: lambda: recorder.probe(training, seen), EVALUATION: lambda: recorder.evaluate(training)}
    for name, work in works.items():
        once = before
        if not once.counts[(name,)]:
            on(once := Clock(clock.settle))
            work()
        if once.each((name,)) > CHEAP_SECONDS:
            clock.add(once, name)
            continue
        on(clock)
        for _ in range(REPEATS):
            work()


def _of_steps(stretch: Stretch) -> dict[Nested, Cost]:
    """Return what the steps of a phase cost in the whole trial.

    The parts are in proportion to each other as in steps that were watched, and together as long as one that was not.
    """
    steps = stretch.phase.last - stretch.phase.first + 1
    factor = stretch.plain / stretch.whole * steps / stretch.watched
    costs = {
        path: Cost(seconds * factor, stretch.clock.counts[path] * steps / stretch.watched)
        for path, seconds in stretch.clock.seconds.items()
    }
    return costs | {(account.STEPS,): Cost(stretch.plain * steps, steps)}


def _of_events(
    recorder: WatchedRecorder, cell: Cell, phase: Phase, clock: Clock, observing: float
) -> dict[Nested, Cost]:
    """Return what logging, probes and evaluations of a phase cost in the whole trial, the last evaluation left out."""

    def within(points: frozenset[int]) -> int:
        return sum(phase.first <= point <= phase.last for point in points)

    begins = phase.first == 1  # the untrained networks are probed and evaluated as well
    logged, keeping = within(recorder.log_points), clock.each((LOGGING,))
    probed = within(recorder.probe_points) + begins
    costs = {
        (LOGGING,): Cost((observing + keeping) * logged, logged),
        (LOGGING, OBSERVING): Cost(observing * logged, logged),
        (LOGGING, KEEPING): Cost(keeping * logged, logged),
        (PROBES,): Cost(clock.each((PROBES,)) * probed, probed),
    }
    evaluated = within(recorder.evaluation_points - {cell.steps}) + begins
    once = max(clock.counts[(EVALUATION,)], 1)
    for path, seconds in clock.seconds.items():
        if path[0] == EVALUATION:
            costs[path] = Cost(seconds / once * evaluated, clock.counts[path] / once * evaluated)
    return costs


def _final(
    training: WatchedTraining, recorder: WatchedRecorder, recorded: _Recorded, usual: Clock
) -> dict[Nested, float]:
    """Return what the last evaluation costs, by path; some metrics do more in it."""
    if usual.each((EVALUATION,)) > CHEAP_SECONDS * REPEATS:
        return {path: usual.each(path) for path in usual.seconds if path[0] == EVALUATION}
    clock = recorder.clock = recorded.clock = Clock(usual.settle)
    now, training.now = training.now, training.trial.cell.steps
    recorder.evaluate(training)
    training.now = now
    return dict(clock.seconds)


def _of_end(
    training: WatchedTraining,
    recorder: WatchedRecorder,
    definition: Definition,
    phases: int,
    costs: dict[Nested, Cost],
) -> dict[Nested, Cost]:
    """Return what checkpoints cost in the whole trial, and its end: the verdict and the commit."""
    trial, clock = training.trial, Clock()
    with tempfile.TemporaryDirectory(prefix="ganbench-profile-") as folder:
        kept = Checkpoints(Path(folder) / "checkpoints", "profile")
        for step in range(2):
            with clock.part(account.CHECKPOINTS):
                kept.save(step, {"training": training.snapshot(), "recorder": recorder.snapshot()})
        with clock.part(account.JUDGING):
            with clock.part("judging"):
                trace = recorder.trace(trial.cell.steps)
                judge(trace, definition)
            with clock.part("committing"):
                record = Record.of(trial.spec(), trace, {"definition": definition.version, "notes": []})
                Ledger(folder).commit(record)
    seconds = sum(cost.seconds for path, cost in costs.items() if len(path) == 1)
    times = int(seconds / EVERY_SECONDS) + phases - 1  # one before each new phase, too
    found = {path: Cost(clock.seconds[path], 1) for path in clock.seconds if path[0] == account.JUDGING}
    return found | {(account.CHECKPOINTS,): Cost(clock.each((account.CHECKPOINTS,)) * times, times)}


def _traced(
    training: WatchedTraining,
    recorder: WatchedRecorder,
    recorded: _Recorded,
    seen: Observations,
    usual: Clock,
    out: Path,
) -> int:
    """Write a trace of some steps, a probe and, where it is short, an evaluation.

    Returns:
        How many operations of PyTorch's a step consists of.
    """
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
    clock = Clock(mark=record_function)
    last = training.phase.last
    with torch.profiler.profile(activities=activities) as seen_by_torch:
        training.watch(clock)
        for _ in range(TRACED):
            training.now = min(training.now, last - 1)
            with clock.part("step"):
                training.advance(observe=False)
        training.watch(None)
        recorder.clock = recorded.clock = clock
        recorder.probe(training, seen)
        if usual.each((EVALUATION,)) < CHEAP_SECONDS:
            recorder.evaluate(training)
    seen_by_torch.export_chrome_trace(str(out))
    steps = [event for event in seen_by_torch.events() or [] if event.name == "step"]
    return round(sum(map(_operations, steps)) / TRACED)


def _operations(event: torch.autograd.profiler_util.FunctionEvent) -> int:
    """Count the operations inside of an event that consist of no others."""
    if not event.cpu_children:
        return int(event.name.startswith("aten::"))
    return sum(map(_operations, event.cpu_children)) or int(event.name.startswith("aten::"))


def _add(costs: dict[Nested, Cost], more: dict[Nested, Cost]) -> None:
    for path, cost in more.items():
        before = costs.get(path, Cost(0.0, 0.0))
        costs[path] = Cost(before.seconds + cost.seconds, before.times + cost.times)


def _weighted(stretches: list[Stretch], values: list[float]) -> float:
    lengths = [stretch.phase.last - stretch.phase.first + 1 for stretch in stretches]
    return sum(value * length for value, length in zip(values, lengths, strict=True)) / sum(lengths)


def _remarks(recorder: WatchedRecorder, device: str, mode: str, phases: int) -> list[str]:
    remarks = []
    if not recorder.finite:
        remarks.append("values are not finite any more: this trial ends before its budget, and its evaluations are cut")
    if device != CPU:
        remarks.append(
            "on a GPU each part is waited for, which a training does not do: the parts are in proportion to that, and"
            " together as long as a step that nobody waits for"
        )
    if mode != "plain":
        remarks.append(f"a {mode} step is one program: its parts are in a profile without --compile")
    if phases > 1:
        remarks.append(f"the networks grow in {phases} phases, each of which was measured")
    return remarks
