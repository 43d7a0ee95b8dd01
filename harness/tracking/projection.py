"""What MLflow is to hold of a trial and of a cell: pure functions of the ledger, without mlflow.

Names in MLflow:

    unstable              0 or 1; a method error counts as 1, as everywhere in ganbench; absent where it is undecided
    not_learnt, undecided 0 or 1, where the definition knows these outcomes
    failed_at             the step of the first failure, where there is one
    last/<measure>        the measure at the last evaluation
    best/<measure>        its best value over all evaluations but that of the untrained generator
    curve/<measure>       its curve
    train/<scalar>        the curves of the gradient norms
    trials, unstable, instability_rate, ci_low, ci_high     of a cell, at the step "number of trials"
    decided, not_learnt, undecided, low_bound, high_bound   likewise, where the definition knows these outcomes

The rate of a cell is that of its decided trials; its bounds are the rates that it would have if all undecided trials were
stable, and if all of them had failed, and the ends of its interval are those of these two.

Curves have at most :data:`CURVE_POINTS` points; the whole ones are in the ledger. Of a name that comes from a plugin
``[`` becomes ``.``, ``]`` disappears, and whatever else MLflow may refuse becomes ``_``: ``fid[digits-cnn]`` is
``fid.digits-cnn``. Values that are not finite are never sent, for MLflow would store them as 0 or 1.8e308; the tag
``ganbench.first_nonfinite_step`` says where the first one was. All times are those of the training, never of the sync.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from ganbench.harness.canonical import canonical_json, digest
from ganbench.harness.cells.points import even_points
from ganbench.harness.ledger import Record
from ganbench.harness.stability import METHOD_ERROR, NOT_LEARNT, UNDECIDED, UNSTABLE, Verdict, load_definition
from ganbench.harness.statistics.intervals import rate_interval
from ganbench.harness.traces.trace import Column, Trace
from ganbench.harness.tracking import transcript
from ganbench.harness.tracking.transcript import CURVE_POINTS, VALUE_LENGTH, plain

MESSAGE_LENGTH = 500
NAME_LENGTH = 200

TRIAL, CELL = "trial", "cell"
KIND, SHA256, TRIALS = "ganbench.kind", "ganbench.sha256", "ganbench.trials"
CHECKSUM = "ganbench.checksum"


class Point(NamedTuple):
    """One number of a metric.

    Attributes:
        key: The metric.
        value: Finite.
        timestamp: Milliseconds since 1970.
        step: The generator step; for a cell the number of trials.
    """

    key: str
    value: float
    timestamp: int
    step: int


@dataclass(frozen=True)
class Projection:
    """What one MLflow run is to hold.

    Attributes:
        kind: ``"trial"`` or ``"cell"``.
        id: Identity of the trial or the cell.
        name: For people.
        tags: All of them; ``ganbench.sha256`` changes with the content.
        params: By name.
        points: The metrics.
        start: Milliseconds since 1970.
        end: Likewise.
    """

    kind: str
    id: str
    name: str
    tags: dict[str, str]
    params: dict[str, str]
    points: list[Point]
    start: int
    end: int


# --- a trial ----------------------------------------------------------------------------------------------------------


def project_trial(
    record: Record, plan: Mapping[str, Any], cell: Mapping[str, Any], committed: Record | None = None
) -> Projection:
    """Return what MLflow is to hold of a trial.

    Args:
        record: The trial, with the verdict by the plan's definition.
        plan: The ledger's plan.
        cell: The plan's entry for the trial's cell.
        committed: The trial as the ledger holds it, where its verdict is by another definition.
    """
    start, end = record_times(record)
    return Projection(
        kind=TRIAL,
        id=record.trial_id,
        name=f"{_title(cell)} · seed {record.seed}"[:NAME_LENGTH],
        tags=trial_tags(record, plan, cell) | transcript.trial_tags(record, plan, cell, committed or record),
        params=spec_params(record.spec["cell"]) | {"seed": str(record.seed), "suite_seed": str(plan["seed"])},
        points=trial_points(record),
        start=start,
        end=end,
    )


def record_times(record: Record) -> tuple[int, int]:
    """Return when a trial started and ended, in milliseconds; at least 1, for MLflow takes 0 as "now"."""
    started = float(record.provenance.get("started", 0.0))
    ended = started + float(record.provenance.get("seconds", 0.0))
    return max(1, round(started * 1000)), max(1, round(ended * 1000))


def trial_tags(record: Record, plan: Mapping[str, Any], cell: Mapping[str, Any]) -> dict[str, str]:
    """Return a trial's tags: what it is and what became of it."""
    verdict = record.verdict
    tags = _shared_tags(TRIAL, plan, cell) | {
        "ganbench.trial": record.trial_id,
        "ganbench.seed": str(record.seed),
        "ganbench.outcome": verdict.outcome,
        "ganbench.definition": str(verdict.definition),
        SHA256: content_of(record),
        CHECKSUM: record.checksum,
    }
    if verdict.modes:
        tags["ganbench.modes"] = ",".join(verdict.modes)
    for key, text in (("reason", verdict.reason), ("needs", verdict.needs)):
        if text:
            tags[f"ganbench.{key}"] = _text(text, MESSAGE_LENGTH)
    if verdict.message:
        # A traceback of any length would be more than a tag is for.
        tags["ganbench.message"] = _text(verdict.message, MESSAGE_LENGTH)
    step = None if record.trace is None else first_nonfinite_step(record.trace)
    if step is not None:
        tags["ganbench.first_nonfinite_step"] = str(step)
    return tags


def spec_params(spec: Mapping[str, Any]) -> dict[str, str]:
    """Flatten a cell's specification: ``normalizer = bssn``, ``normalizer.scale = 1.2``, ``lr_d = 0.001``."""
    pairs = sorted((key, value) for key, value in spec.items() if key != "identity_version")
    flat = [pair for key, value in pairs for pair in _flatten(key, value)]
    names = clean_names(key for key, _ in flat)
    return {names[key]: _text(value) for key, value in flat}


def trial_points(record: Record) -> list[Point]:
    """Return a trial's metrics."""
    start, end = record_times(record)
    trace = record.trace
    became = _outcome(record.verdict)
    points = [Point(key, float(value), end, 0 if trace is None else trace.stopped) for key, value in became.items()]
    if trace is None:
        return points
    if record.verdict.failed_at is not None:
        points.append(Point("failed_at", float(record.verdict.failed_at), end, record.verdict.failed_at))
    pace = (end - start) / max(trace.stopped, 1)
    measures = clean_names(trace.evaluations)
    for key, name in measures.items():
        points += _summary(name, trace.evaluation_steps, trace.evaluations[key], trace.better.get(key), end)
        points += _curve(f"curve/{name}", trace.evaluation_steps, trace.evaluations[key], start, pace)
    norms = [key for key in sorted(trace.scalars) if key.endswith("grad_norm")]
    for key, name in clean_names(norms).items():
        points += _curve(f"train/{name}", trace.steps, trace.scalars[key], start, pace)
    return points


def _outcome(verdict: Verdict) -> dict[str, bool]:
    """Return what became of a trial, as metrics of 0 or 1."""
    found = {"unstable": verdict.failed} if verdict.decided else {}
    if can_be_undecided(verdict.definition):
        found |= {outcome: verdict.outcome == outcome for outcome in (NOT_LEARNT, UNDECIDED)}
    return found


def can_be_undecided(definition: int) -> bool:
    """Say whether a definition knows the outcomes not learnt and undecided."""
    return load_definition(definition).evidence is not None


def first_nonfinite_step(trace: Trace) -> int | None:
    """Return the first step at which anything that was logged is not finite, or None."""
    columns: list[tuple[Column, Column]] = [(trace.steps, column) for column in trace.scalars.values()]
    columns += [
        (trace.steps_of(layer), item) for layer in trace.layers.values() for item in (layer.variance, layer.sigma)
    ]
    columns += [(trace.evaluation_steps, column) for column in trace.evaluations.values()]
    return min(
        (int(step) for steps, column in columns for step in steps[: len(column)][~np.isfinite(column)]), default=None
    )


# --- a cell -----------------------------------------------------------------------------------------------------------


class Counted(Protocol):
    """What is counted of a trial of which only its run is known."""

    @property
    def sha256(self) -> str: ...  # noqa: D102
    @property
    def outcome(self) -> str: ...  # noqa: D102
    @property
    def start(self) -> int: ...  # noqa: D102
    @property
    def end(self) -> int: ...  # noqa: D102


def content_of(record: Record) -> str:
    """Return a digest of what a trial's run holds: its result, and the verdict that the readers' definition gives."""
    return digest([record.sha256, plain(record.verdict.to_json())], digits=64)


@dataclass
class Tally:
    """What is counted of a cell while the ledger is read.

    Attributes:
        outcomes: Trials of each outcome.
        start: When the first of them started, in milliseconds.
        end: When the last of them ended.
        content: Identity and :func:`content_of` of each trial.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    start: int = 0
    end: int = 0
    content: list[tuple[str, str]] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Count a trial."""
        self._count(record.trial_id, content_of(record), record.verdict.outcome, record_times(record))

    def plus(self, runs: Mapping[str, Counted]) -> Tally:
        """Return a tally that counts further trials, by identity, of which only their runs are known."""
        if not runs:
            return self
        tally = replace(self, outcomes=self.outcomes.copy(), content=list(self.content))
        for identity, run in runs.items():
            tally._count(identity, run.sha256, run.outcome, (run.start, run.end))
        return tally

    def _count(self, identity: str, sha256: str, outcome: str, times: tuple[int, int]) -> None:
        self.outcomes[outcome] += 1
        self.start = min(self.start, times[0]) if self.content else times[0]
        self.end = max(self.end, times[1])
        self.content.append((identity, sha256))


def project_cell(tally: Tally, plan: Mapping[str, Any], cell: Mapping[str, Any]) -> Projection:
    """Return what MLflow is to hold of a cell.

    Args:
        tally: The cell's trials, at least one.
        plan: The ledger's plan.
        cell: The plan's entry for the cell.
    """
    trials = len(tally.content)
    unstable, undecided = tally.outcomes[UNSTABLE] + tally.outcomes[METHOD_ERROR], tally.outcomes[UNDECIDED]
    decided = trials - undecided
    values: dict[str, float] = {"trials": trials, "unstable": unstable}
    if decided:
        values["instability_rate"] = unstable / decided
    values["ci_low"] = rate_interval(unstable, trials)[0]
    values["ci_high"] = rate_interval(unstable + undecided, trials)[1]
    if can_be_undecided(plan["definition"]):
        values |= {"decided": decided, NOT_LEARNT: tally.outcomes[NOT_LEARNT], UNDECIDED: undecided}
        values |= {"low_bound": unstable / trials, "high_bound": (unstable + undecided) / trials}
    tags = _shared_tags(CELL, plan, cell) | {TRIALS: str(trials), SHA256: digest(sorted(tally.content), digits=64)}
    return Projection(
        kind=CELL,
        id=cell["id"],
        name=f"cell: {_title(cell)}"[:NAME_LENGTH],
        tags=tags,
        params=spec_params(cell["spec"]),
        points=[Point(key, float(value), tally.end, trials) for key, value in values.items()],
        start=tally.start,
        end=tally.end,
    )


# --- names ------------------------------------------------------------------------------------------------------------


def clean_names(keys: Iterable[str]) -> dict[str, str]:
    """Return for each key a name that MLflow accepts; no two keys share one."""
    names: dict[str, str] = {}
    for key in keys:
        name = _clean(key)
        count = 2
        while name in names.values():
            name = f"{_clean(key)}_{count}"
            count += 1
        names.setdefault(key, name)
    return names


def _clean(key: str) -> str:
    text = re.sub(r"[^A-Za-z0-9_.\- ]", "_", key.replace("[", ".").replace("]", ""))
    # A name made of dots would be read as a path.
    return text[:NAME_LENGTH].strip(" .") or "_"


def _shared_tags(kind: str, plan: Mapping[str, Any], cell: Mapping[str, Any]) -> dict[str, str]:
    named = {key: cell[key] for key in ("dataset", "architecture", "normalizer", "setting")}
    tags = {"kind": kind, "suite": plan["suite"], "suite_version": str(plan["version"]), "cell": cell["id"], **named}
    return {f"ganbench.{key}": _text(value) for key, value in tags.items() if value}


def _title(cell: Mapping[str, Any]) -> str:
    parts = (cell[key] for key in ("dataset", "architecture", "normalizer", "setting"))
    return _text(" · ".join(part for part in parts if part))


def _text(text: str, length: int = VALUE_LENGTH) -> str:
    """Return a text that every database takes: none takes NUL, nor half a character, which JSON can hold."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")[:length]


def _flatten(key: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for inner in sorted(value):
            yield from _flatten(key if inner == "name" else f"{key}.{inner}", value[inner])
    else:
        yield key, canonical_json(value) if isinstance(value, list | tuple) else str(value)


# --- numbers ----------------------------------------------------------------------------------------------------------


def _summary(name: str, steps: Column, column: Column, better: str | None, end: int) -> Iterator[Point]:
    trained = steps[: len(column)] > 0  # an untrained generator's numbers are nobody's achievement
    steps, column = steps[: len(column)][trained], column[trained]
    if len(column) and np.isfinite(column[-1]):
        yield Point(f"last/{name}", float(column[-1]), end, int(steps[-1]))
    finite = np.isfinite(column)
    if finite.any() and better in ("lower", "higher"):
        sign = 1.0 if better == "lower" else -1.0
        best = int(np.argmin(np.where(finite, sign * column, np.inf)))
        yield Point(f"best/{name}", float(column[best]), end, int(steps[best]))


def _curve(name: str, steps: Column, column: Column, start: int, pace: float) -> Iterator[Point]:
    for index in _thinned(column):
        if np.isfinite(column[index]):
            step = int(steps[index])
            yield Point(name, float(column[index]), start + round(pace * step), step)


def _thinned(column: Sequence[Any] | Column) -> list[int]:
    return [place - 1 for place in even_points(len(column), CURVE_POINTS)] if len(column) else []
