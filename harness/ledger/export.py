"""A ledger as one table, a row for every trial, for whoever wants to do their own statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.harness.ledger.ledger import Ledger
from ganbench.harness.ledger.parts import summary_of

if TYPE_CHECKING:
    import pandas as pd

LABELS = ("dataset", "architecture", "setting", "normalizer")


def trials_table(ledger: Ledger) -> pd.DataFrame:
    """Return a row for every trial of the plan's cells: labels, verdict, time and place, and last measures.

    Columns: suite, version, dataset, architecture, setting, normalizer; those of ``parts.SUMMARY`` but ``modes``;
    failure_modes, first_failed (the step; empty for a stable trial), sha256; and a column for each measure (its last
    evaluation; empty where it was not computed).
    """
    import pandas as pd

    plan = ledger.plan()
    cells = {cell["id"]: cell for cell in plan["cells"]}
    rows = []
    for record in ledger.records():
        if record.cell_id not in cells:
            continue
        steps = [finding.step for finding in record.verdict.findings]
        evaluations = {} if record.trace is None else record.trace.evaluations
        rows.append(
            {"suite": plan["suite"], "version": plan["version"]}
            | {key: cells[record.cell_id][key] for key in LABELS}
            | {key: value for key, value in summary_of(record).items() if key != "modes"}
            | {"failure_modes": ", ".join(record.verdict.modes)}  # a measure is named `modes`
            | {"first_failed": min(steps) if steps else None, "sha256": record.sha256}
            | {key: float(column[-1]) for key, column in evaluations.items() if len(column)}
        )
    table = pd.DataFrame(rows)
    if "first_failed" in table:
        table["first_failed"] = table["first_failed"].astype("Int64")
    return table
