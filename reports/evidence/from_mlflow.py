"""A leaderboard from what ``ganbench sync`` wrote to MLflow: the ledger's own numbers, without samples and layers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.harness.canonical import canonical_json
from ganbench.harness.stability import load_definition
from ganbench.harness.traces.trace import Trace
from ganbench.reports.evidence import Evidence, Result, lasted
from ganbench.reports.evidence.combining import changed_sources
from ganbench.reports.evidence.gathering import detector_sources, software_words, wanted_seeds
from ganbench.reports.evidence.grouping import group_cells
from ganbench.reports.evidence.thinning import Thinning

if TYPE_CHECKING:
    from ganbench.harness.tracking import ReadBack
    from ganbench.harness.tracking.transcript import Transcript


def evidence_of(read: ReadBack) -> Evidence:
    """Return what was read back as evidence, equal to that of the ledger but for what MLflow does not hold.

    Raises:
        InputError: The plan's definition of instability is not known here.
    """
    plan = read.plan
    groups = group_cells(plan["cells"])
    specs = {cell["id"]: cell["spec"] for cell in plan["cells"]}
    measures = {cell: group.protocol.measure for group in groups for cell in group.cells.values()}
    results: dict[str, dict[int, Result]] = {cell: {} for cell in measures}
    failed: dict[str, dict[int, bool | None]] = {}
    thinning = Thinning()
    for trial in read.trials:
        results[trial.cell_id][trial.seed] = _result(trial, measures[trial.cell_id], thinning)
        failed.setdefault(trial.cell_id, {})[trial.seed] = trial.deciding
    software = Counter(software_words(trial.provenance) for trial in read.trials)
    plugins = sorted({item for trial in read.trials for item in _plugins(trial, specs[trial.cell_id])})
    contents = {
        (canonical_json(specs[trial.cell_id].get("dataset")), str(trial.provenance["data"]))
        for trial in read.trials
        if trial.provenance.get("data")
    }
    return Evidence(
        plan=plan,
        definition=load_definition(plan["definition"]),
        normalizers=tuple(dict.fromkeys(cell["normalizer"] for cell in plan["cells"])),
        groups=tuple(groups),
        protocols=tuple(dict.fromkeys(group.protocol for group in groups)),
        results=results,
        software=tuple(sorted(software.items(), key=lambda item: (-item[1], item[0]))),
        sources=tuple(sorted(changed_sources(plugins))),
        relabelled=sum(trial.relabelled for trial in read.trials),
        wanted=wanted_seeds(plan, groups, failed),
        plugins=tuple(plugins),
        contents=tuple(sorted(contents)),
    )


def _trace(trial: Transcript, budget: int, measure: str) -> Trace:
    """Return what is known of a trial's trace. Both gradient norms have the same steps."""
    steps = [steps for steps, _ in trial.scalars.values()]
    return Trace(
        budget=budget,
        stopped=budget,
        steps=steps[0] if steps else np.empty(0),
        scalars={key: values for key, (_, values) in trial.scalars.items()},
        probe_steps=np.empty(0),
        layers={},
        evaluation_steps=trial.quality[0],
        evaluations={measure: trial.quality[1]},
    )


def _result(trial: Transcript, measure: str, thinning: Thinning) -> Result:
    return Result(
        trial_id=trial.trial_id,
        seed=trial.seed,
        verdict=trial.verdict,
        lasted=lasted(trial.verdict, trial.budget, trial.stopped),
        quality=trial.measured.get(measure, math.nan),
        measured=trial.measured,
        step_seconds=float(trial.provenance.get("step_seconds") or math.nan),
        curves=None if trial.budget is None else thinning.curves(_trace(trial, trial.budget, measure), measure),
        sha256=trial.sha256,
        device=str(trial.provenance.get("device") or ""),
    )


def _plugins(trial: Transcript, spec: Mapping[str, Any]) -> set[tuple[str, str, str, str]]:
    """Return whose source made a trial: (kind, name, version, source)."""
    found = set(detector_sources(trial.verdict))
    for kind, source in (trial.provenance.get("sources") or {}).items():
        plugin = spec.get(kind) or {}
        found.add((kind, str(plugin.get("name", "?")), str(plugin.get("version", "")), str(source)))
    return found
