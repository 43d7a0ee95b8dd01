"""Several metrics of one cell: one identity, one trace, and to each its own samples."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest
import torch
from cells import CATALOG, IMAGES, STORE, a_cell

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.data.ring8 import Ring8
from ganbench.harness.errors import InputError
from ganbench.harness.metrics.composite import Together, combine
from ganbench.harness.metrics.metric import Generated, Measure, Metric
from ganbench.harness.metrics.mode_coverage import ModeCoverage
from ganbench.harness.stability import load_definition
from ganbench.harness.training.workshop import Workshop
from ganbench.harness.worker.trial import run_trial

BOTH = [IMAGES["metric"], {"name": "reconstruction", "validation": 4, "test": 6, "steps": 2}]
HELD_OUT = {**IMAGES, "dataset": {"name": "digits", "held_out": 20}, "metric": BOTH}


class Counting(Metric):
    name: ClassVar[str] = "counting"

    def sample_count(self):
        return 3

    def measures(self):
        return (Measure("count", "higher"),)

    def prepare(self, data, store):
        return lambda generated: {"count": float(len(generated.samples))}


def test_a_cell_with_two_metrics_survives_its_own_specification():
    cell = a_cell(HELD_OUT)
    again = Cell.from_spec(cell.spec(), CATALOG)
    assert again.id == cell.id
    assert [part.name for part in again.metric.parts()] == ["fidelity", "reconstruction"]
    assert cell.id != a_cell({**HELD_OUT, "metric": BOTH[0]}).id


def test_a_trials_trace_holds_the_numbers_of_both_metrics():
    record = run_trial(Workshop(CATALOG), Trial(a_cell(HELD_OUT, steps=2), 0, 0), load_definition(2))
    measured = record.trace.evaluations
    assert next(iter(measured)).split("[")[0] == "fid"
    assert all(math.isfinite(value) for value in measured["reconstruction_error"])
    assert math.isnan(measured["final_reconstruction_error"][0])
    assert math.isfinite(measured["final_reconstruction_error"][-1])


def test_each_metric_is_given_as_many_samples_as_it_asked_for():
    evaluate = Together(metrics=(ModeCoverage(), Counting())).prepare(Ring8(size=100).load(STORE), STORE)
    assert evaluate(Generated(torch.zeros(2500, 2)))["count"] == 3


def test_two_metrics_of_the_same_measure_are_refused():
    with pytest.raises(InputError, match="both report 'count'"):
        combine([Counting(), Counting()])
    assert isinstance(combine([Counting()]), Counting)
