"""What MLflow is to hold of a ledger, and that it holds it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from tracked import CELLS, contents, four_trials, make_error, make_ledger, make_plan, make_record, make_trace

from ganbench.harness.ledger import Record
from ganbench.harness.statistics.intervals import rate_interval
from ganbench.harness.tracking import SyncReport, default_uri, sync
from ganbench.harness.tracking.connection import connected
from ganbench.harness.tracking.projection import clean_names, content_of, project_trial


def test_every_trial_and_every_cell_has_one_run_with_what_the_ledger_says(root: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    seen: list[tuple[int, int]] = []
    report = sync(ledger, on_progress=lambda done, total: seen.append((done, total)))
    assert report == SyncReport(default_uri(ledger), "toy v1", trials_created=4, cells_created=2, done=4, planned=4)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]

    held = contents(default_uri(ledger))
    assert len(held) == 6
    run = held["ring8 · mlp · none · fast · seed 1"]
    assert run["status"] == "FINISHED", "an unstable trial is a valid result"
    assert run["times"] == (1_700_000_010_000, 1_700_000_015_000)
    tags = {key.removeprefix("ganbench."): value for key, value in run["tags"].items() if key.startswith("ganbench.")}
    expected = {"kind": "trial", "cell": CELLS[0], "suite": "toy", "seed": "1", "outcome": "unstable"}
    assert expected.items() <= tags.items()
    assert (tags["modes"], tags["sha256"]) == ("mode_collapse", content_of(make_record(0, 1, unstable=True)))
    assert run["params"]["normalizer"] == "none" and run["params"]["normalizer.scale"] == "1.2"
    assert run["params"]["metric.layers"] == "[1,2]" and run["params"]["seed"] == "1"
    assert run["metrics"]["unstable"][0][2] == 1.0 and run["metrics"]["failed_at"][0][2] == 40.0
    times = [time for points in run["metrics"].values() for _, time, _ in points]
    assert min(times) >= 1_700_000_010_000 and max(times) <= 1_700_000_015_000, "times are the training's"

    cell = held["cell: ring8 · mlp · none · fast"]
    low, high = rate_interval(1, 2)
    assert {key: [(step, value) for step, _, value in points] for key, points in cell["metrics"].items()} == {
        "trials": [(2, 2.0)],
        "unstable": [(2, 1.0)],
        "instability_rate": [(2, 0.5)],
        "ci_low": [(2, low)],
        "ci_high": [(2, high)],
    }


def by_definition_3(record: Record) -> Record:
    return replace(record, provenance={**record.provenance, "definition": 3})


def learning(reached: float, seed: int) -> Record:
    """A trial whose generator ends at a share of good samples, on its way up."""
    trace = make_trace()
    share = np.where(trace.evaluation_steps > 0, reached * (0.2 + 0.8 * trace.evaluation_steps / 100), 0.01)
    shown = {"high_quality_share": share, "mode_coverage": np.ones(len(share))}
    return by_definition_3(make_record(0, seed, trace=replace(trace, evaluations=shown)))


def test_an_undecided_trial_is_neither_stable_nor_unstable_and_says_what_would_decide_it(root: Path) -> None:
    error, open_ = by_definition_3(make_error("it raised", 0, 1)), learning(0.4, 0)
    ledger = make_ledger(root, open_, error, definition=3, seeds=3)
    sync(ledger)
    held = contents(default_uri(ledger))
    run = held["ring8 · mlp · none · fast · seed 0"]
    assert "unstable" not in run["metrics"]
    assert {key: run["metrics"][key][0][2] for key in ("undecided", "not_learnt")} == {"undecided": 1, "not_learnt": 0}
    tags = {key.removeprefix("ganbench."): value for key, value in run["tags"].items()}
    assert (tags["outcome"], tags["needs"]) == ("undecided", "steps")
    assert tags["reason"] == "it was still improving when its budget ended"
    failed = held["ring8 · mlp · none · fast · seed 1"]
    assert {"ganbench.reason", "ganbench.needs"}.isdisjoint(failed["tags"])
    assert [failed["metrics"][key][0][2] for key in ("unstable", "undecided", "not_learnt")] == [1, 0, 0]
    low, high = rate_interval(1, 2)[0], rate_interval(2, 2)[1]
    counts = {"trials": 2, "decided": 1, "unstable": 1, "undecided": 1, "not_learnt": 0}
    rates = {"instability_rate": 1, "ci_low": low, "ci_high": high, "low_bound": 0.5, "high_bound": 1}
    cell = held["cell: ring8 · mlp · none · fast"]
    assert {key: points[0][2] for key, points in cell["metrics"].items()} == counts | rates


def test_a_cell_of_which_no_trial_is_decided_has_no_rate(root: Path) -> None:
    ledger = make_ledger(root, learning(0.4, 0), definition=3)
    sync(ledger)
    cell = contents(default_uri(ledger))["cell: ring8 · mlp · none · fast"]["metrics"]
    assert "instability_rate" not in cell
    assert [cell[key][0][2] for key in ("ci_low", "ci_high", "low_bound", "high_bound")] == [0, 1, 0, 1]


def test_cells_count_the_undecided_trials_that_only_another_ledger_holds(root: Path) -> None:
    error = by_definition_3(make_error("it raised", 0, 1))
    uri = f"sqlite:///{root.parent / 'both.db'}"
    sync(make_ledger(root / "one", learning(0.4, 0), definition=3), uri)
    assert sync(make_ledger(root / "two", error, definition=3), uri).trials_elsewhere == 1
    cell = contents(uri)["cell: ring8 · mlp · none · fast"]["metrics"]
    assert {key: cell[key][-1][2] for key in ("trials", "decided", "undecided", "unstable")} == {
        "trials": 2,
        "decided": 1,
        "undecided": 1,
        "unstable": 1,
    }


def test_values_that_are_not_finite_are_never_sent(root: Path) -> None:
    trace = make_trace()
    for column, first in ((trace.scalars["d_grad_norm"], 63), (trace.evaluations["kid[digits-cnn]"], 25)):
        column[first:] = np.resize([math.nan, math.inf, -math.inf], len(column) - first)
    all_lost = replace(make_trace(), evaluations={"kid[digits-cnn]": np.full(31, math.nan)})
    ledger = make_ledger(root, make_record(trace=trace), make_record(1, trace=all_lost))
    sync(ledger)
    held = contents(default_uri(ledger))
    values = [point[2] for run in held.values() for points in run["metrics"].values() for point in points]
    assert values and max(map(abs, values)) < 1e6, "MLflow stores infinity as 1.8e308"
    assert not any(map(math.isnan, values))
    run = held["ring8 · mlp · none · fast · seed 0"]
    assert run["tags"]["ganbench.first_nonfinite_step"] == "64"
    assert "last/kid.digits-cnn" not in run["metrics"] and "best/kid.digits-cnn" in run["metrics"]
    lost = held["ring8 · mlp · bssn · fast · seed 0"]
    assert lost["tags"]["ganbench.first_nonfinite_step"] == "0"
    assert not [key for key in lost["metrics"] if "kid" in key]


def test_a_method_error_is_a_finished_run_with_its_message(root: Path) -> None:
    broken = make_error("out of\0 reach " * 100)
    ledger = make_ledger(root, broken)
    sync(ledger)
    run = contents(default_uri(ledger))["ring8 · mlp · none · fast · seed 0"]
    assert (run["status"], run["tags"]["ganbench.outcome"]) == ("FINISHED", "method_error")
    assert (
        run["tags"]["ganbench.message"].startswith("out of reach out") and "\0" not in run["tags"]["ganbench.message"]
    )
    assert len(run["tags"]["ganbench.message"]) == 500
    assert run["metrics"] == {"unstable": [(0, 1_700_000_005_000, 1.0)]}


def test_curves_are_bounded_and_an_untrained_generator_is_nobody_s_best() -> None:
    plan = make_plan()
    points = project_trial(make_record(trace=make_trace(points=1000, evaluations=200)), plan, plan["cells"][0]).points
    by_key: dict[str, list] = {}
    for point in points:
        by_key.setdefault(point.key, []).append(point)
    assert {key: len(found) for key, found in by_key.items()} == {
        "unstable": 1,
        "last/kid.digits-cnn": 1,
        "best/kid.digits-cnn": 1,
        "curve/kid.digits-cnn": 25,
        "train/d_grad_norm": 25,
        "train/g_grad_norm": 25,
    }
    assert by_key["curve/kid.digits-cnn"][-1].step == 1000
    assert (by_key["best/kid.digits-cnn"][0].step, by_key["best/kid.digits-cnn"][0].value) == (50, 1.0)
    assert (by_key["last/kid.digits-cnn"][0].step, by_key["last/kid.digits-cnn"][0].value) == (1000, 1 + 950**2)


def test_names_of_plugins_become_names_that_mlflow_accepts_and_stay_apart() -> None:
    from mlflow.utils.validation import _validate_metric_name

    keys = ["fid[digits-cnn]", "fid.digits-cnn", "../..", "", "a=b/c;<script>", "größe", "x" * 1000, "x" * 1001]
    names = clean_names(keys)
    assert names["fid[digits-cnn]"] == "fid.digits-cnn"
    assert len(set(names.values())) == len(keys)
    for name in names.values():
        _validate_metric_name(name)
        assert len(f"curve/{name}") <= 250


def test_trials_outside_the_plan_are_counted_and_not_sent(root: Path) -> None:
    made = make_record(0, 5)
    elsewhere = replace(made, spec={**made.spec, "cell": {**made.spec["cell"], "lr_d": 1e-5}})
    other = make_record(0, 6)
    other = replace(other, spec={**other.spec, "suite_seed": 8})
    ledger = make_ledger(root, make_record(), elsewhere, other)
    report = sync(ledger)
    assert (report.trials_created, report.trials_outside) == (1, 2)
    assert contents(default_uri(ledger))["cell: ring8 · mlp · none · fast"]["metrics"]["trials"][0][2] == 1.0


def test_every_search_that_the_document_names_finds_something(root: Path) -> None:
    import mlflow

    document = (Path(__file__).parents[2] / "docs" / "tracking.md").read_text()
    searches = document.split("```text\n")[1].split("```")[0].splitlines()
    assert len(searches) >= 5
    ledger = make_ledger(root, *four_trials())
    sync(make_ledger(root.parent / "undecided", learning(0.4, 2), definition=3, seeds=3), default_uri(ledger))
    sync(ledger)
    with connected(default_uri(ledger)) as client:
        experiment = client.get_experiment_by_name("toy v1").experiment_id
        for search in searches:
            assert 0 < len(client.search_runs([experiment], search)) < 6, search
    program = document.split("```python\n")[1].split("```")[0]
    program = program.replace("sqlite:///results/quick/mlflow.db", default_uri(ledger)).replace("quick v1", "toy v1")
    before = mlflow.get_tracking_uri()
    try:
        found: dict = {}
        exec(program, found)
    finally:
        mlflow.set_tracking_uri(None if before.startswith("sqlite") else before)
    assert list(found["cells"]["metrics.instability_rate"]) == [0.5, 0.0]


def test_every_tag_that_a_run_has_is_in_the_document(root: Path) -> None:
    document = (Path(__file__).parents[2] / "docs" / "tracking.md").read_text()
    trace = make_trace()
    trace.scalars["d_grad_norm"][5:] = math.nan
    broken = make_error("out of reach", 1)
    ledger = make_ledger(root, make_record(unstable=True, trace=trace), broken)
    sync(ledger)
    tags = {tag for run in contents(default_uri(ledger)).values() for tag in run["tags"] if tag.startswith("ganbench.")}
    assert len(tags) == 20
    assert [tag for tag in tags if f"`{tag.removeprefix('ganbench.')}`" not in document] == []
