"""A ledger as tables, for whoever wants to do their own statistics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.harness.ledger.record import Record
from ganbench.harness.ledger.row import summary_of
from ganbench.harness.traces.trace import Column, Trace

if TYPE_CHECKING:
    import pandas as pd

LABELS = ("dataset", "architecture", "setting", "normalizer")


def trials_table(plan: Mapping[str, Any], records: Iterable[Record]) -> pd.DataFrame:
    """Return a row for every trial of the plan's cells: labels, verdict, time and place, and last measures.

    Columns: suite, version, dataset, architecture, setting, normalizer; those of ``row.SUMMARY`` but ``modes``;
    definition, failure_modes, first_failed (the step; empty where nothing failed), reason (why a trial is not learnt, or
    undecided), needs (what would decide an undecided one, a key of ``stability.NEEDS``), least_loss (the smallest loss that
    would have been found, as a factor; empty where none could be), sha256; and a column for each measure (its last
    evaluation; empty where it was not computed). The verdict is that of the sweep's definition.

    Args:
        plan: The ledger's.
        records: The ledger's.
    """
    import pandas as pd

    cells = {cell["id"]: cell for cell in plan["cells"]}
    rows = []
    for record in records:
        if record.cell_id not in cells:
            continue
        verdict = record.verdict
        evaluations = {} if record.trace is None else record.trace.evaluations
        rows.append(
            {"suite": plan["suite"], "version": plan["version"]}
            | {key: cells[record.cell_id][key] for key in LABELS}
            | {key: value for key, value in summary_of(record).items() if key != "modes"}
            | {
                "definition": verdict.definition,
                "failure_modes": ", ".join(verdict.modes),  # a measure is named `modes`
                "first_failed": verdict.failed_at,
                "reason": verdict.reason,
                "needs": verdict.needs,
                "least_loss": verdict.least_loss,
                "sha256": record.sha256,
            }
            | {key: float(column[-1]) for key, column in evaluations.items() if len(column)}
        )
    table = pd.DataFrame(rows)
    return table.astype({"first_failed": "Int64", "least_loss": "float64"}) if rows else table


def traces_table(plan: Mapping[str, Any], records: Iterable[Record]) -> pd.DataFrame:
    """Return a row for every trial, series and step of the plan's cells: the traces, without samples.

    Columns: trial, series, step, value. Series are named by their place in a trace: ``scalars.d_loss``,
    ``evaluations.fid``, ``probes.diversity``, ``layers.LAYER.sigma``, ``.variance`` and ``.stable_rank``. Labels of a trial
    are in :func:`trials_table`.

    Args:
        plan: The ledger's.
        records: The ledger's.
    """
    import pandas as pd

    cells = {cell["id"] for cell in plan["cells"]}
    trials: list[str] = []
    series: list[str] = []
    counts: list[int] = []
    steps: list[Column] = []
    values: list[Column] = []
    for record in records:
        if record.cell_id in cells and record.trace is not None:
            for name, own, column in _series(record.trace):
                trials.append(record.trial_id)
                series.append(name)
                counts.append(len(column))
                steps.append(own)
                values.append(column)
    return pd.DataFrame(
        {
            "trial": pd.Categorical(trials).repeat(counts),
            "series": pd.Categorical(series).repeat(counts),
            "step": np.concatenate([np.empty(0), *steps]).astype(np.int64),
            "value": np.concatenate([np.empty(0), *values]),
        }
    )


def _series(trace: Trace) -> Iterator[tuple[str, Column, Column]]:
    """Yield name, steps and values of everything that a trace holds, as long as both are."""
    found = [
        *((f"scalars.{name}", trace.steps, column) for name, column in trace.scalars.items()),
        *((f"evaluations.{name}", trace.evaluation_steps, column) for name, column in trace.evaluations.items()),
        *((f"probes.{name}", trace.steps_of(probe), probe.values) for name, probe in trace.probes.items()),
    ]
    for name, layer in trace.layers.items():
        own = trace.steps_of(layer)
        found += [
            (f"layers.{name}.sigma", own, layer.sigma),
            (f"layers.{name}.variance", own, layer.variance),
            (f"layers.{name}.stable_rank", own, layer.stable_rank),
        ]
    for name, steps, column in found:
        count = min(len(steps), len(column))
        yield name, steps[:count], column[:count]
