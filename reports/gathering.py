"""From a ledger to evidence: every record is read once, judged by the plan's definition, and thinned."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.cell import canonical_json
from harness.ledger import Ledger, Record
from harness.seeding import Place, Sequential, seeds_wanted
from harness.stability import Verdict, load_definition
from harness.trace import Column, Trace
from reports.evidence import Curves, Evidence, Group, Result
from reports.grouping import group_cells

CURVE_POINTS = 100


def gather(ledger: Ledger) -> Evidence:
    """Read a ledger once. Trials that the plan does not name (another cell, seed or suite seed) are left out.

    Raises:
        LedgerError: There is no plan, or a record is damaged.
        InputError: The plan's definition of instability is not known here.
    """
    plan = ledger.plan()
    definition = load_definition(plan["definition"])
    groups = group_cells(plan["cells"])
    measures = {identity: group.protocol.measure for group in groups for identity in group.cells.values()}
    results: dict[str, dict[int, Result]] = {identity: {} for identity in measures}
    software: Counter[str] = Counter()
    sources: dict[tuple[str, str], set[tuple[str, str]]] = {}
    contents: set[tuple[str, str]] = set()
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
        software[software_words(record.provenance)] += 1
        _note_sources(record, sources)
        if record.provenance.get("data"):
            contents.add((canonical_json(record.spec["cell"].get("dataset")), str(record.provenance["data"])))
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
        wanted=wanted_seeds(plan, groups, failed),
        plugins=tuple(sorted((*key, *item) for key, found in sources.items() for item in found)),
        contents=tuple(sorted(contents)),
    )


def wanted_seeds(
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


def _result(record: Record, verdict: Verdict, measure: str) -> Result:
    trace = record.trace
    evaluations = {} if trace is None else trace.evaluations
    measured = {key: float(column[-1]) for key, column in evaluations.items() if len(column)}
    return Result(
        trial_id=record.trial_id,
        seed=record.seed,
        verdict=verdict,
        lasted=_lasted(record, verdict),
        quality=measured.get(measure, math.nan),
        measured=measured,
        step_seconds=_step_seconds(record.provenance),
        curves=None if trace is None else _curves(trace, measure),
        sha256=record.sha256,
    )


def _lasted(record: Record, verdict: Verdict) -> float:
    if not verdict.failed:
        return 1.0
    if record.trace is None or verdict.failed_at is None:
        return 0.0
    return min(1.0, verdict.failed_at / record.trace.budget)


def _step_seconds(provenance: Mapping[str, Any]) -> float:
    return float(provenance.get("step_seconds") or math.nan)


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


def software_words(provenance: Mapping[str, Any]) -> str:
    """Return versions and device in words, nothing that names a host, a process or a time."""
    packages = provenance.get("packages") or {}
    parts = [f"{name} {packages[name]}" for name in sorted(packages)]
    parts += [f"Python {provenance['python']}"] if provenance.get("python") else []
    parts += [str(provenance[key]) for key in ("device", "machine") if provenance.get(key)]
    parts += [f"{provenance['step']} step"] if provenance.get("step", "plain") != "plain" else []
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
