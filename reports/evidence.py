"""What a ledger says about its plan: the cells, and what became of each trial, in the size that a page needs."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.cell import canonical_json
from harness.ledger import Ledger, Record
from harness.seeding import Place, Sequential, seeds_wanted
from harness.stability import Definition, Verdict, load_definition
from harness.trace import Column, Trace

CURVE_POINTS = 100


@dataclass(frozen=True)
class Protocol:
    """One way to measure quality; numbers of two protocols never share a column.

    Attributes:
        dataset: Label of the data set.
        measure: Name of the measure, the first of the cell's metric.
        better: ``"lower"`` or ``"higher"``.
        title: Unique within a page.
        measures: Name and direction of everything that the metric reports.
    """

    dataset: str
    measure: str
    better: str
    title: str
    measures: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Group:
    """Cells that differ in nothing but the normalizer: their trials of one seed form pairs.

    Attributes:
        dataset: Label of the data set.
        architecture: Label of the architecture.
        setting: The suite's name for the hyperparameters.
        title: Unique within a page.
        protocol: How quality is measured.
        cells: The cells' identities by the label of the normalizer.
    """

    dataset: str
    architecture: str
    setting: str
    title: str
    protocol: Protocol
    cells: dict[str, str]


@dataclass(frozen=True)
class Curves:
    """A trace, thinned to what a figure can show.

    Attributes:
        quality: Steps and values of the protocol's measure.
        gradient: Steps and values of the discriminator's gradient norm.
        weights: Steps and variance of each layer's effective weights.
        bounds: 1 / max(m, n) of each layer.
    """

    quality: tuple[Column, Column]
    gradient: tuple[Column, Column]
    weights: dict[str, tuple[Column, Column]]
    bounds: dict[str, float]


@dataclass(frozen=True)
class Result:
    """What became of one trial.

    Attributes:
        trial_id: Identity of the trial.
        seed: The seed's index.
        verdict: By the plan's definition.
        quality: The last evaluation of what trials are ranked by; nan where there is none.
        measured: The last evaluation of every measure.
        curves: What it logged, or None.
        sha256: Of the record's result.
    """

    trial_id: str
    seed: int
    verdict: Verdict
    quality: float
    measured: dict[str, float]
    curves: Curves | None
    sha256: str


@dataclass(frozen=True)
class Evidence:
    """Everything that a page says something about.

    Attributes:
        plan: The ledger's plan.
        definition: What "unstable" means here.
        normalizers: Labels, in the plan's order.
        groups: In the plan's order.
        protocols: In the plan's order.
        results: The committed trials of the plan, by cell and seed.
        software: Where and with what they were made, without hosts and times, and how many trials.
        sources: Plugins whose source changed under an unchanged version: (kind, name).
        relabelled: How many verdicts were reached anew because the record's was by another definition.
        wanted: How many trials each cell should have.
    """

    plan: dict[str, Any]
    definition: Definition
    normalizers: tuple[str, ...]
    groups: tuple[Group, ...]
    protocols: tuple[Protocol, ...]
    results: dict[str, dict[int, Result]]
    software: tuple[tuple[str, int], ...]
    sources: tuple[tuple[str, str], ...]
    relabelled: int
    wanted: dict[str, int]

    @property
    def seeds(self) -> int:
        """Planned trials per cell; at most so many where seeds are sequential."""
        return int(self.plan["seeds"])

    @property
    def sequential(self) -> Sequential | None:
        """The rule of sequential seeds, or None where all cells get the same number."""
        return Sequential.of_plan(self.plan)

    @property
    def planned(self) -> int:
        """Planned trials; where seeds are sequential, those wanted so far."""
        return sum(self.wanted[cell] for group in self.groups for cell in group.cells.values())

    @property
    def committed(self) -> int:
        """Committed trials of the plan."""
        return sum(len(results) for results in self.results.values())

    def of(self, group: Group, normalizer: str) -> list[Result]:
        """Return the committed trials of a cell, by seed; none where the plan has no such cell."""
        results = self.results.get(group.cells.get(normalizer, ""), {})
        return [results[seed] for seed in sorted(results)]

    def hash(self) -> str:
        """Return the SHA-256 over the sorted SHA-256 of the committed trials: what this page was made from."""
        hashes = sorted(result.sha256 for results in self.results.values() for result in results.values())
        return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def gather(ledger: Ledger) -> Evidence:
    """Read a ledger once. Trials that the plan does not name (another cell, seed or suite seed) are left out.

    Raises:
        LedgerError: There is no plan, or a record is damaged.
        InputError: The plan's definition of instability is not known here.
    """
    plan = ledger.plan()
    definition = load_definition(plan["definition"])
    groups = _groups(plan["cells"])
    measures = {identity: group.protocol.measure for group in groups for identity in group.cells.values()}
    results: dict[str, dict[int, Result]] = {identity: {} for identity in measures}
    software: Counter[str] = Counter()
    sources: dict[tuple[str, str], set[tuple[str, str]]] = {}
    relabelled = 0
    said = plan.get("sequential")
    decides = load_definition(said["definition"]) if said else definition
    failed: dict[str, dict[int, bool]] = {}
    for record in ledger.records():
        planned = 0 <= record.seed < plan["seeds"] and record.spec.get("suite_seed") == plan["seed"]
        if not planned or record.cell_id not in measures:
            continue
        verdict = record.judged_by(definition)
        deciding = verdict if decides.version == definition.version else record.judged_by(decides)
        failed.setdefault(record.cell_id, {})[record.seed] = deciding.failed
        relabelled += verdict is not record.verdict
        results[record.cell_id][record.seed] = _result(record, verdict, measures[record.cell_id])
        software[_software(record.provenance)] += 1
        _note_sources(record, sources)
    return Evidence(
        plan=plan,
        definition=definition,
        normalizers=tuple(dict.fromkeys(cell["normalizer"] for cell in plan["cells"])),
        groups=tuple(groups),
        protocols=tuple(dict.fromkeys(group.protocol for group in groups)),
        results=results,
        software=tuple(sorted(software.items(), key=lambda item: (-item[1], item[0]))),
        sources=tuple(sorted({key[:2] for key in _changed(sources)})),
        relabelled=relabelled,
        wanted=_wanted(plan, groups, failed),
    )


def _wanted(
    plan: Mapping[str, Any], groups: Iterable[Group], failed: Mapping[str, Mapping[int, bool]]
) -> dict[str, int]:
    """Return how many trials each cell should have, as the sweep decided it."""
    places = [
        Place(cell, normalizer, str(index))
        for index, group in enumerate(groups)
        for normalizer, cell in group.cells.items()
    ]
    sequential = Sequential.of_plan(plan)
    if sequential is None:
        return {place.cell: int(plan["seeds"]) for place in places}
    return seeds_wanted(places, sequential, failed)


def _groups(cells: Iterable[Mapping[str, Any]]) -> list[Group]:
    """Put cells together whose specifications differ in the normalizer only."""
    members: dict[str, list[Mapping[str, Any]]] = {}
    for cell in cells:
        rest = {key: value for key, value in cell["spec"].items() if key != "normalizer"}
        members.setdefault(canonical_json(rest), []).append(cell)
    first = [group[0] for group in members.values()]
    protocols = _protocols(first)
    titles = _unique(
        [cell["dataset"], cell["setting"] or cell["architecture"], cell["architecture"], _batch(cell)] for cell in first
    )
    return [
        Group(
            dataset=cell["dataset"],
            architecture=cell["architecture"],
            setting=cell["setting"],
            title=title,
            protocol=protocol,
            cells={item["normalizer"]: item["id"] for item in group},
        )
        for group, cell, title, protocol in zip(members.values(), first, titles, protocols, strict=True)
    ]


def _batch(cell: Mapping[str, Any]) -> str:
    return f"{cell['spec'].get('steps', '?')} steps"


def _protocols(cells: list[Mapping[str, Any]]) -> list[Protocol]:
    """Return each cell's protocol. The metric's whole specification tells protocols apart, not only its name."""
    keys = []
    for cell in cells:
        measure = cell["measures"][0] if cell["measures"] else {"key": "", "better": "lower"}
        metric = cell["spec"].get("metric", {})
        parameters = ", ".join(f"{key}={value}" for key, value in metric.items() if key not in ("name", "version"))
        measures = tuple((item["key"], item["better"]) for item in cell["measures"])
        keys.append((cell["dataset"], measure["key"], measure["better"], canonical_json(metric), parameters, measures))
    distinct = list(dict.fromkeys(keys))
    titles = dict(zip(distinct, _unique([key[0], key[1], key[4]] for key in distinct), strict=True))
    return [Protocol(key[0], key[1], key[2], titles[key], key[5]) for key in keys]


def _unique(names: Iterable[list[str]]) -> list[str]:
    """Join the first two parts of each name, and more of them where that is not unique; a number if nothing helps."""
    rows = list(names)
    for length in range(2, max((len(row) for row in rows), default=2) + 1):
        titles = [" · ".join(dict.fromkeys(part for part in row[:length] if part)) for row in rows]
        if len(set(titles)) == len(titles):
            return titles
    seen: Counter[str] = Counter()
    for index, title in enumerate(titles):
        seen[title] += 1
        titles[index] = title if seen[title] == 1 else f"{title} · {seen[title]}"
    return titles


def _result(record: Record, verdict: Verdict, measure: str) -> Result:
    trace = record.trace
    evaluations = {} if trace is None else trace.evaluations
    measured = {key: float(column[-1]) for key, column in evaluations.items() if len(column)}
    return Result(
        trial_id=record.trial_id,
        seed=record.seed,
        verdict=verdict,
        quality=measured.get(measure, math.nan),
        measured=measured,
        curves=None if trace is None else _curves(trace, measure),
        sha256=record.sha256,
    )


def _curves(trace: Trace, measure: str) -> Curves:
    return Curves(
        quality=_thin(trace.evaluation_steps, trace.evaluations.get(measure)),
        gradient=_thin(trace.steps, trace.scalars.get("d_grad_norm")),
        weights={name: _thin(trace.steps_of(layer), layer.variance) for name, layer in trace.layers.items()},
        bounds={name: layer.bound for name, layer in trace.layers.items()},
    )


def _thin(steps: Column, values: Column | None) -> tuple[Column, Column]:
    """Keep at most :data:`CURVE_POINTS` points, evenly spaced, the first and the last among them."""
    if values is None:
        return np.empty(0), np.empty(0)
    count = min(len(steps), len(values))
    kept = np.unique(np.linspace(0, count - 1, min(count, CURVE_POINTS)).round().astype(int)) if count else slice(0)
    return steps[kept], values[kept]


def _software(provenance: Mapping[str, Any]) -> str:
    """Return versions and device in words, nothing that names a host, a process or a time."""
    packages = provenance.get("packages") or {}
    parts = [f"{name} {packages[name]}" for name in sorted(packages)]
    parts += [f"Python {provenance['python']}"] if provenance.get("python") else []
    parts += [str(provenance[key]) for key in ("device", "machine") if provenance.get(key)]
    return ", ".join(parts) or "not recorded"


def _note_sources(record: Record, sources: dict[tuple[str, str], set[tuple[str, str]]]) -> None:
    cell = record.spec.get("cell", {})
    for kind, source in (record.provenance.get("sources") or {}).items():
        plugin = cell.get(kind) or {}
        key = kind, str(plugin.get("name", "?"))
        sources.setdefault(key, set()).add((str(plugin.get("version", "")), str(source)))


def _changed(sources: Mapping[tuple[str, str], set[tuple[str, str]]]) -> list[tuple[str, str]]:
    return [key for key, found in sources.items() if len(found) > len({version for version, _ in found})]


def samples_of(ledger: Ledger, trial_id: str) -> NDArray[Any] | None:
    """Return a trial's samples. They are read when wanted: a page shows few of them, and they are large."""
    trace = ledger.read(trial_id).trace
    return None if trace is None or trace.samples is None else trace.samples.values
