"""Sequential seeds: rounds that follow from the outcomes alone, in the sweep, after interruptions, and on the page."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from tiny import write_tiny

from ganbench import load_suite, read_ledger, run
from ganbench.harness.canonical import digest
from ganbench.harness.errors import SuiteError
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.planning.seeding import Place, Sequential, seeds_wanted
from ganbench.harness.sweeps.sweep import wanted_trials
from ganbench.harness.traces.trace import Trace
from ganbench.harness.tracking import read_back, sync
from ganbench.reports.evidence.from_mlflow import evidence_of
from ganbench.reports.evidence.gathering import gather

WIDTH = Sequential(least=4, most=20, step=4, half_width=0.25, test=None)
SPENDING = Sequential(least=8, most=40, step=4, half_width=None, test="spending")
PLACES = [Place(f"{name}{group}", name, str(group)) for group in range(3) for name in ("a", "b", "c")]


def outcomes(**rates: float) -> dict[str, dict[int, bool]]:
    """Forty seeds of every cell, drawn from a failure rate of each normalizer."""
    random = np.random.default_rng(0)
    return {
        place.cell: {seed: bool(random.random() < rates[place.normalizer]) for seed in range(40)} for place in PLACES
    }


def cut(failed: dict, wanted: dict) -> dict:
    """What a ledger holds after a round."""
    return {cell: {seed: failed[cell][seed] for seed in range(count)} for cell, count in wanted.items()}


def rounds(sequential: Sequential, failed: dict) -> list[dict[str, int]]:
    """All rounds of a sweep."""
    found = [seeds_wanted(PLACES, sequential, {})]
    while True:
        wanted = seeds_wanted(PLACES, sequential, cut(failed, found[-1]))
        if wanted == found[-1]:
            return found
        found.append(wanted)


@pytest.mark.parametrize("sequential", [WIDTH, SPENDING])
def test_what_is_wanted_follows_from_the_rounds_before_and_not_from_what_else_the_ledger_holds(sequential):
    failed = outcomes(a=0.1, b=0.3, c=0.9)
    last = rounds(sequential, failed)[-1]
    assert seeds_wanted(PLACES, sequential, failed) == last
    assert all(sequential.least <= count <= sequential.most for count in last.values())
    assert {count % sequential.step for count in last.values()} == {0}


def test_an_interrupted_round_is_finished_before_anything_is_decided():
    failed = outcomes(a=0.1, b=0.3, c=0.9)
    first = rounds(SPENDING, failed)[0]
    held = cut(failed, first)
    del held["b1"][7]
    assert seeds_wanted(PLACES, SPENDING, held) == first


def test_a_difference_that_is_plain_needs_few_seeds_and_a_close_one_needs_more():
    plain = rounds(SPENDING, outcomes(a=0.0, b=0.5, c=1.0))[-1]
    close = rounds(SPENDING, outcomes(a=0.1, b=0.25, c=1.0))[-1]
    assert max(plain.values()) <= 12
    assert close["a0"] > plain["a0"]
    assert close["c0"] < close["a0"]  # all that is to be known of c is known


def test_a_rate_near_its_end_has_a_narrow_interval_sooner():
    wanted = rounds(WIDTH, outcomes(a=0.0, b=0.5, c=0.5))[-1]
    assert wanted["a0"] <= wanted["b0"]
    assert len({wanted[place.cell] for place in PLACES if place.normalizer == "a"}) == 1


TEXT = "seeds: {{min: 2, max: 6, step: 2, until: {until}}}\n"


def sequential_suite(tiny, tmp_path, until: str = "{ci_halfwidth: 0.3}"):
    text = tiny.read_text().replace("seeds: 2\n", TEXT.format(until=until)).replace("steps: 40", "steps: 5")
    path = tmp_path / "sequential.yaml"
    path.write_text(text[: text.index("  - dataset: digits")])
    return path


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sequential suite, what its sweep reported, and the folder of its ledger."""
    folder = tmp_path_factory.mktemp("swept")
    suite = load_suite(sequential_suite(write_tiny(folder / "tiny.yaml"), folder))
    return suite, run(suite, folder / "out", address="inline"), folder / "out"


def test_a_sweep_adds_seeds_until_its_rule_is_met_and_the_same_command_changes_nothing(swept):
    suite, report, out = swept
    assert report.missing == 0
    wanted, missing = wanted_trials(suite, read_ledger(out))
    assert (missing, report.committed) == ([], len(wanted))
    assert 8 <= len(wanted) <= 24
    again = run(suite, out, address="inline")
    assert (again.committed, again.before) == (0, len(wanted))


def test_an_interrupted_sequential_sweep_ends_where_an_undisturbed_one_does(swept, tmp_path):
    suite, _, out = swept
    for _ in range(20):
        if run(suite, tmp_path / "pieces", address="inline", limit=3).missing == 0:
            break
    whole, pieces = read_ledger(out), read_ledger(tmp_path / "pieces")
    assert whole.committed() == pieces.committed()


def test_seeds_on_the_command_line_make_the_number_fixed(tiny, tmp_path):
    suite = load_suite(sequential_suite(tiny, tmp_path))
    assert run(suite, tmp_path / "out", address="inline", seeds=1).committed == 4
    assert suite.with_seeds(1).sequential is None


def test_the_page_says_which_rule_was_used_and_is_not_provisional_when_it_was_met(swept):
    from ganbench.reports import leaderboard

    board = leaderboard(read_ledger(swept[2]))
    page = board.markdown()
    assert "2 to 6 seeds, 2 more at a time, until its interval is at most 60% wide" in page
    assert "Provisional" not in page
    assert board.table["missing"].sum() == 0


def test_a_page_of_a_sweep_that_looked_claims_by_the_test_that_allows_for_it(tmp_path):
    """A ledger made by hand: one normalizer always fails, the other never, in eight seeds."""
    from ganbench.reports.board import build
    from ganbench.reports.wording.pairs import conclusion

    named = {"dataset": {"name": "d"}, "architecture": {"name": "a"}, "metric": {"name": "m"}}
    cells = []
    for name in ("bad", "good"):
        spec = {**named, "normalizer": {"name": name}, "steps": 10}
        labels = {"dataset": "d", "architecture": "a", "normalizer": name, "setting": "s"}
        cells.append({"id": digest(spec), **labels, "measures": [{"key": "fid", "better": "lower"}], "spec": spec})
    said = {**SPENDING.to_json(), "definition": 2}
    plan = {"suite": "t", "version": 1, "description": "", "seed": 3, "seeds": SPENDING.most}
    ledger = Ledger(tmp_path / "ledger")
    ledger.write_plan({**plan, "sequential": said, "definition": 2, "baseline": None, "cells": cells, "text": ""})
    for cell, last in zip(cells, (math.nan, 1.0), strict=True):
        for seed in range(SPENDING.least):
            steps, losses = np.array([1.0, 10.0]), np.array([float(seed), last])
            trace = Trace(10, 10, steps, {"d_loss": losses}, np.empty(0), {}, np.empty(0), {})
            ledger.commit(Record.of({"cell": cell["spec"], "suite_seed": 3, "seed": seed}, trace, {"definition": 2}))
    assert ledger.verify().problems == ()
    board = build(gather(ledger))
    (pair,) = board.pairs
    assert pair.failing.test == "spending"
    # What decides is the test that allows for the looks, whatever the fixed one says.
    assert pair.failing.holm_p < 0.05
    assert pair.significant == (pair.failing.separated is not None)
    assert "spending test" in conclusion(pair, pairs=1)


UNDECIDED_TEXT = """
suite: open
version: 1
seed: 7
seeds: {seeds}
normalizers: [none, spectral_norm, weight_norm]
grid:
  - dataset: {{name: ring8, size: 1000}}
    architecture: {{name: mlp, width: 16}}
    metric: {{name: mode_coverage, samples: 200}}
    common: {{steps: 40, evaluations: 20, log_points: 20}}
    settings:
      calm: {{lr_g: 1e-3, lr_d: 1e-3}}
      five: {{lr_g: 1e-3, lr_d: 1e-3, n_dis: 5}}
"""

SHARES = {"none": (0.0, 0.3), "spectral_norm": (0.5, 0.3), "weight_norm": (0.95, 0.0)}
"""Of failed trials, and of undecided ones."""


def as_drawn(trial) -> Record:
    """A trial that is stable, diverged, or undecided because it was still improving."""
    random = np.random.default_rng(list(trial.id.encode()))
    drawn, (failed, undecided) = random.random(), SHARES[trial.cell.normalizer.label()]
    steps = np.arange(0.0, 41.0, 2.0)
    logged = np.array([1.0, *steps[1:]])
    losses = random.random(len(logged))
    good = np.full(len(steps), 0.95)
    if drawn < failed:
        losses[-1] = math.nan
    elif drawn < failed + undecided:
        good = 0.1 * np.exp(1.4 * steps / 40)
    shown = {"high_quality_share": np.where(steps > 0, good, 0.05), "mode_coverage": np.ones(len(steps))}
    trace = Trace(40, 40, logged, {"d_loss": losses}, np.empty(0), {}, steps, shown)
    return Record.of(trial.spec(), trace, {"definition": 3})


@pytest.mark.parametrize("until", ["{separated: spending}", "{separated: betting, ci_halfwidth: 0.2}"])
def test_a_sweep_and_a_page_of_it_want_the_same_seeds_where_trials_are_undecided(until, tmp_path, empty_store):
    """Round by round, also read back from MLflow, and until nothing is missing."""
    (tmp_path / "open.yaml").write_text(UNDECIDED_TEXT.format(seeds=f"{{min: 4, max: 12, step: 4, until: {until}}}"))
    suite = load_suite(tmp_path / "open.yaml")
    ledger = Ledger(tmp_path / "out")
    ledger.write_plan(suite.plan())
    uri = f"sqlite:///{shutil.copy(empty_store, tmp_path / 'store.db')}"
    rounds = 0
    while missing := wanted_trials(suite, ledger)[1]:
        rounds += 1
        for trial in missing:
            ledger.commit(as_drawn(trial))
        wanted = Counter(trial.cell.id for trial in wanted_trials(suite, ledger)[0])
        assert gather(ledger).wanted == wanted
    outcomes = Counter(record.verdict.outcome for record in ledger.records())
    assert outcomes["undecided"] > 5 < outcomes["stable"]
    assert rounds > 1
    sync(ledger, uri)
    assert evidence_of(read_back(uri, "open v1")).wanted == wanted


def test_the_rule_is_part_of_what_the_suite_asks_for(tiny, tmp_path):
    suite = load_suite(sequential_suite(tiny, tmp_path))
    assert suite.hash() != replace(suite, sequential=None).hash()
    assert suite.plan()["sequential"]["definition"] == suite.definition


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ("{min: 8, max: 4, until: {ci_halfwidth: 0.1}}", "max to be at least min"),
        ("{min: 8, max: 64, until: {}}", "ci_halfwidth, separated, or both"),
        ("{min: 8, max: 64, until: {ci_halfwidth: 2}}", "less than 0.5"),
        ("{min: 8, max: 64, untill: {ci_halfwidth: 0.1}}", "did you mean 'until'"),
        ("many", "seeds"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_told(tiny, tmp_path, seeds, words):
    path = tmp_path / "bad.yaml"
    path.write_text(tiny.read_text().replace("seeds: 2\n", f"seeds: {seeds}\n"))
    with pytest.raises(SuiteError) as caught:
        load_suite(path)
    assert words in str(caught.value)
    assert "bad.yaml:5: seeds" in str(caught.value)
