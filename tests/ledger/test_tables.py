"""The tables of a ledger hold what its records hold, number for number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from records import CELL, PLAN, record

from ganbench.harness.canonical import digest
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.row import SUMMARY
from ganbench.harness.traces.trace import LayerTrace, Probe, Samples, Trace

BSSN = {**CELL, "normalizer": {"name": "bssn"}}
STRANGE = {**CELL, "lr_g": 0.5}
"""Of no cell of the plan."""


def plan() -> dict:
    (about,) = PLAN["cells"]
    return {**PLAN, "cells": [about, {**about, "id": digest(BSSN), "normalizer": "bssn", "setting": "b", "spec": BSSN}]}


def full(seed: int) -> Record:
    """A record with something of everything, and numbers of all kinds; its series end where it does."""
    random = np.random.default_rng(seed)
    steps, probes = np.array([1.0, 10.0, 20.0]), np.array([0.0, 5.0, 10.0, 20.0])
    trace = Trace(
        budget=20,
        stopped=20,
        steps=steps,
        scalars={"d_loss": np.array([0.1, -0.0, np.nan]), "g_loss": random.random(3)},
        probe_steps=probes,
        layers={
            "conv1": LayerTrace((4, 9), random.random(4), random.random(4), 0, random.random(4)),
            "grown": LayerTrace((4, 9), random.random(2), random.random(2), 2),
        },
        evaluation_steps=probes,
        evaluations={"fid[x]": np.array([9.0, np.inf, 1e-300, 1 / 3]), "modes": np.array([1.0, 2.0, 3.0, np.nan])},
        better={"fid[x]": "lower", "modes": "higher"},
        samples=Samples(random.integers(0, 255, (2, 1, 4, 4), dtype=np.uint8)),
        probes={"diversity": Probe(random.random(3), 1)},
    )
    made = record(seed, cell=BSSN)
    return Record.of(made.spec, trace, made.provenance)


def error(seed: int) -> Record:
    made = record(seed, cell=BSSN)
    return Record.of(made.spec, None, made.provenance, "it raised")


@pytest.fixture(params=["single", "compacted", "both"])
def ledger(request, tmp_path) -> Ledger:
    """Four trials without measures, two with all kinds of series, one that could not run, and one of no cell."""
    made = Ledger(tmp_path / "out")
    made.write_plan(plan())
    records = [*map(record, range(4)), full(10), full(11), error(12), record(0, cell=STRANGE)]
    for number, item in enumerate(records):
        made.commit(item)
        if request.param == "both" and number == 4:
            made.compact()
    if request.param == "compacted":
        made.compact()
    return made


def planned(ledger: Ledger) -> dict[str, Record]:
    cells = {cell["id"] for cell in plan()["cells"]}
    return {item.trial_id: item for item in ledger.records() if item.cell_id in cells}


def test_the_table_of_trials_has_a_row_for_every_trial_of_the_plan_and_its_columns(ledger):
    table, records = ledger.trials(), planned(ledger)
    assert sorted(table["trial"]) == sorted(records) and len(records) == 7
    labels = ["suite", "version", "dataset", "architecture", "setting", "normalizer"]
    summary = [name for name in SUMMARY if name != "modes"]
    told = ["definition", "failure_modes", "first_failed", "reason", "needs", "least_loss", "sha256"]
    assert list(table.columns) == [*labels, *summary, *told, "fid[x]", "modes"]


def test_the_rows_of_trials_say_what_their_records_say(ledger):
    records = planned(ledger)
    for row in ledger.trials().to_dict("records"):
        item = records[row["trial"]]
        verdict = item.verdict
        assert (row["suite"], row["version"], row["dataset"], row["architecture"]) == ("s", 1, "ring8", "mlp")
        assert (row["normalizer"], row["setting"]) == (("bssn", "b") if item.seed >= 10 else ("none", ""))
        assert (row["cell"], row["seed"], row["sha256"]) == (item.cell_id, item.seed, item.sha256)
        assert (row["outcome"], row["definition"]) == (verdict.outcome, verdict.definition)
        assert row["failure_modes"] == ", ".join(verdict.modes)
        assert (pd.isna(row["first_failed"]) and verdict.failed_at is None) or row["first_failed"] == verdict.failed_at
        about = item.provenance
        for name in ("seconds", "started", "host", "device", "attempt"):
            assert row[name] == about[name]
        for name in ("fid[x]", "modes"):
            last = item.trace.evaluations[name][-1] if item.trace is not None and item.seed >= 10 else np.nan
            np.testing.assert_equal(row[name], last)


def test_types_of_the_table_of_trials_are_those_that_one_computes_with(ledger):
    table = ledger.trials()
    assert str(table["first_failed"].dtype) == "Int64"
    for name in ("seed", "attempt", "version", "definition"):
        assert table[name].dtype == np.int64
    for name in ("seconds", "started", "fid[x]", "modes"):
        assert table[name].dtype == np.float64


def series(item: Record) -> dict[str, tuple[Sequence[float], Sequence[float]]]:
    """All series of a record, written out by hand."""
    trace = item.trace
    if trace is None:
        return {}
    found = {f"scalars.{name}": (trace.steps, column) for name, column in trace.scalars.items()}
    found |= {f"evaluations.{name}": (trace.evaluation_steps, column) for name, column in trace.evaluations.items()}
    if "diversity" in trace.probes:
        found["probes.diversity"] = ([5.0, 10.0, 20.0], trace.probes["diversity"].values)
        for name, steps in (("conv1", trace.probe_steps), ("grown", [10.0, 20.0])):
            layer = trace.layers[name]
            found |= {f"layers.{name}.sigma": (steps, layer.sigma), f"layers.{name}.variance": (steps, layer.variance)}
        found["layers.conv1.stable_rank"] = (trace.probe_steps, trace.layers["conv1"].stable_rank)
    return found


def test_the_table_of_traces_has_every_number_of_every_series_and_no_other(ledger):
    table, records = ledger.traces(), planned(ledger)
    assert list(table.columns) == ["trial", "series", "step", "value"]
    assert (table["step"].dtype, table["value"].dtype) == (np.int64, np.float64)
    expected = {(name, key): pair for name, item in records.items() for key, pair in series(item).items()}
    found = dict(list(table.groupby(["trial", "series"], observed=True)))
    assert found.keys() == expected.keys()
    for key, (steps, values) in expected.items():
        assert found[key]["step"].tolist() == list(map(int, steps))
        np.testing.assert_array_equal(found[key]["value"], values)
        np.testing.assert_array_equal(np.signbit(found[key]["value"]), np.signbit(values))
    assert len(table) == sum(len(values) for _, values in expected.values())


def test_the_two_tables_go_together(ledger):
    """As in the document: the last evaluations of the one are in the other."""
    trials, traces = ledger.trials(), ledger.traces()
    last = traces[traces["series"] == "evaluations.fid[x]"].groupby("trial", observed=True)["value"].last()
    joined = trials.set_index("trial")["fid[x]"].dropna()
    assert joined.to_dict() == last.to_dict() and len(joined) == 2


def test_the_table_of_a_relabelled_ledger_says_what_its_sweep_found(ledger):
    """And names the definition: readers who want another one have the traces."""
    before = ledger.trials()
    ledger.relabel(1)
    assert set(ledger.trials()["definition"]) == {2}
    pd.testing.assert_frame_equal(ledger.trials(), before)


def test_an_undecided_trial_has_its_reason_and_what_it_needs_and_a_stable_one_the_least_loss(tmp_path):
    made = Ledger(tmp_path)
    (about,) = PLAN["cells"]
    spec = {**CELL, "dataset": {"name": "ring8"}}
    made.write_plan({**PLAN, "definition": 3, "cells": [{**about, "id": digest(spec), "spec": spec}]})
    for seed, budget in enumerate((20, 40)):  # the second log ends at half of its budget
        steps = np.arange(0.0, 21.0)
        quality = {
            name: np.where(steps > 2, 0.95 + 0.001 * seed, 0.1) for name in ("mode_coverage", "high_quality_share")
        }
        trace = Trace(budget, 20, steps[1:], {}, np.empty(0), {}, steps, quality)
        made.commit(Record.of({"cell": spec, "suite_seed": 1, "seed": seed}, trace, {"definition": 3}))
    stable, undecided = made.trials().sort_values("seed").to_dict("records")
    assert (stable["outcome"], stable["reason"], stable["needs"]) == ("stable", "", "")
    assert stable["least_loss"] >= 1
    assert (undecided["outcome"], undecided["needs"]) == ("undecided", "log")
    assert undecided["reason"] == "the log ends at step 20 of 40"
    assert np.isnan(undecided["least_loss"]) and pd.isna(undecided["first_failed"])


@pytest.mark.parametrize("which", ["trials", "traces"])
def test_a_ledger_without_trials_has_empty_tables(which, tmp_path):
    ledger = Ledger(tmp_path)
    ledger.write_plan(plan())
    assert len(getattr(ledger, which)()) == 0
