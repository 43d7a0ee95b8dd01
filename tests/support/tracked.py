"""Small ledgers for tests of tracking, and what a store holds of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ganbench.harness.canonical import digest
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.traces.trace import LayerTrace, Trace
from ganbench.harness.tracking.connection import connected

STARTED = 1_700_000_000.0
NORMALIZERS = ("none", "bssn")


def cell_spec(normalizer: str) -> dict:
    return {
        "identity_version": 1,
        "dataset": {"name": "ring8", "version": "1", "std": 0.05},
        "architecture": {"name": "mlp", "version": "1"},
        "normalizer": {"name": normalizer, "version": "1", "scale": 1.2},
        "metric": {"name": "fidelity", "extractor": "digits-cnn", "layers": [1, 2]},
        "lr_d": 1e-3,
        "steps": 100,
    }


CELLS = tuple(digest(cell_spec(normalizer)) for normalizer in NORMALIZERS)


def make_plan(**changes: object) -> dict:
    cells = [
        {
            "id": cell_id,
            "dataset": "ring8",
            "architecture": "mlp",
            "normalizer": normalizer,
            "setting": "fast",
            "measures": [{"key": "kid[digits-cnn]", "better": "lower"}],
            "spec": cell_spec(normalizer),
        }
        for cell_id, normalizer in zip(CELLS, NORMALIZERS, strict=True)
    ]
    return {
        "suite": "toy",
        "version": 1,
        "hash": "0" * 20,
        "seed": 7,
        "seeds": 2,
        "definition": 1,
        "cells": cells,
        **changes,
    }


def make_trace(points: int = 100, evaluations: int = 30) -> Trace:
    steps = np.arange(1.0, points + 1)
    evaluation_steps = np.linspace(0, points, evaluations + 1).round()
    return Trace(
        budget=points,
        stopped=points,
        steps=steps,
        scalars={"d_loss": steps * 0.5, "d_grad_norm": steps * 0.1, "g_grad_norm": steps * 0.2},
        probe_steps=steps,
        layers={"hidden0": LayerTrace((4, 4), steps * 0.01, 1 + steps * 0.02)},
        evaluation_steps=evaluation_steps,
        # The untrained generator has the best value of all.
        evaluations={"kid[digits-cnn]": 1.0 + (evaluation_steps - 50) ** 2 * (evaluation_steps > 0)},
        better={"kid[digits-cnn]": "lower"},
    )


def make_record(cell: int = 0, seed: int = 0, *, unstable: bool = False, trace: Trace | None = None) -> Record:
    """A trial; an unstable one lost its modes at step 40 and did not find them again."""
    made = trace or make_trace()
    own = {**made.scalars, "d_loss": made.scalars["d_loss"] + 100 * seed + cell}  # no two trials have one trace
    made = replace(made, scalars=own)
    if unstable:
        diversity = np.where(made.evaluation_steps < 40, 1.0, 0.1)
        made = replace(made, evaluations={**made.evaluations, "diversity": diversity})
    return Record.of(spec_of(cell, seed), made, {"started": STARTED + 10 * seed, "seconds": 5.0})


def make_error(message: str, cell: int = 0, seed: int = 0) -> Record:
    """A trial whose normalizer could not run."""
    return Record.of(spec_of(cell, seed), None, {"started": STARTED + 10 * seed, "seconds": 5.0}, message)


def spec_of(cell: int, seed: int) -> dict:
    return {"cell": cell_spec(NORMALIZERS[cell]), "suite_seed": 7, "seed": seed}


def make_ledger(root: Path, *records: Record, **plan: object) -> Ledger:
    ledger = Ledger(root)
    ledger.write_plan(make_plan(**plan))
    for record in records:
        ledger.commit(record)
    return ledger


def four_trials() -> list[Record]:
    return [make_record(0, 0), make_record(0, 1, unstable=True), make_record(1, 0), make_record(1, 1)]


def contents(uri: str, experiment_name: str = "toy v1") -> dict[str, dict]:
    """Everything that a store holds of a suite, except the identities that MLflow draws; a name occurs once."""
    with connected(uri) as client:
        experiment = client.get_experiment_by_name(experiment_name)
        found = {}
        for run in client.search_runs([experiment.experiment_id]):
            assert run.info.run_name not in found, f"two runs named {run.info.run_name}"
            found[run.info.run_name] = {
                "status": run.info.status,
                "times": (run.info.start_time, run.info.end_time),
                "tags": dict(run.data.tags),
                "params": dict(run.data.params),
                "metrics": {
                    key: sorted((m.step, m.timestamp, m.value) for m in client.get_metric_history(run.info.run_id, key))
                    for key in run.data.metrics
                },
            }
        return found


def files_of(root: Path) -> dict[str, bytes]:
    """The ledger's own files."""
    files = [path for path in root.rglob("*") if path.is_file() and not path.name.startswith("mlflow.db")]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}
