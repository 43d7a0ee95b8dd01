"""Definition 3, by its properties, over generated trainings: what is slow is not unstable, what nobody saw is not stable.

docs/stability.md lists the properties, each with its test here.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ganbench.harness.stability import Verdict, judge, load_definition
from ganbench.harness.stability.references import DIGITS, references_of
from ganbench.harness.traces.trace import Trace

DEFINITION = load_definition(3)
EMPTY = np.empty(0)
UNTRAINED, LEVEL = 300.0, 20.0
FACTOR = DEFINITION.loss.factor


def training(evaluations: dict[str, np.ndarray], steps: np.ndarray | None = None, budget: int | None = None) -> Trace:
    """A trace of evaluations alone, at even steps from 0."""
    count = len(next(iter(evaluations.values())))
    steps = 100.0 * np.arange(count) if steps is None else steps
    return Trace(int(budget or steps[-1]), int(steps[-1]), EMPTY, {}, EMPTY, {}, steps, evaluations)


def verdict_on(distances: np.ndarray, **more: np.ndarray) -> Verdict:
    trace = training({"fid": np.asarray(distances, dtype=float), **more})
    return judge(trace, DEFINITION, references={"fid": UNTRAINED})


def learnt(after: np.ndarray) -> np.ndarray:
    """The untrained generator, a fall in five evaluations, and what comes after, as logarithms over the level."""
    fall = LEVEL + (UNTRAINED - LEVEL) * np.exp(-np.arange(1, 6) / 1.2)
    return np.concatenate([[UNTRAINED], fall, LEVEL * np.exp(after)])


def noise(count: int, size: float, seed: int) -> np.ndarray:
    return size * np.random.default_rng(seed).standard_normal(count)


seeds = st.integers(0, 2**32 - 1)
sizes = st.sampled_from([0.0, 0.02, 0.05, 0.1, 0.2, 0.4])
counts = st.integers(12, 50)


# --- outcomes do not overlap ------------------------------------------------------------------------------------------


def test_what_learns_and_keeps_it_is_stable():
    verdict = verdict_on(learnt(noise(20, 0.05, 0)))
    assert verdict.outcome == "stable"
    assert 1.2 <= verdict.least_loss < 1.3


@pytest.mark.parametrize(("factor", "mode"), [(2, "lost_quality"), (1.5, "lost_quality")])
def test_what_loses_quality_for_good_is_unstable_from_the_step_on_at_which_it_lost_it(factor, mode):
    after = noise(20, 0.05, 1)
    after[14:] += math.log(factor)
    verdict = verdict_on(learnt(after))
    assert (verdict.outcome, verdict.modes, verdict.failed_at) == ("unstable", (mode,), 100 * (1 + 5 + 14))


def test_what_loses_diversity_alone_is_unstable():
    diversity = np.where(np.arange(26) < 18, 0.9, 0.4)
    assert verdict_on(learnt(noise(20, 0.05, 2)), diversity=diversity).modes == ("lost_diversity",)


def test_what_was_collapsed_from_the_beginning_is_not_learnt_and_not_unstable():
    assert verdict_on(np.r_[UNTRAINED, 280 + np.zeros(20)]).outcome == "not_learnt"


def test_a_training_that_is_cut_while_it_improves_is_undecided():
    slow = UNTRAINED * np.exp(-np.arange(41) / 25)  # at the bar from the 18th evaluation on
    assert (verdict_on(slow[:16]).outcome, verdict_on(slow[:16]).needs) == ("undecided", "steps")
    assert (verdict_on(slow[:22]).outcome, verdict_on(slow[:22]).needs) == ("undecided", "evaluations")
    assert verdict_on(slow).outcome == "stable"


MODES = {"high_quality_share": 0.95, "mode_coverage": 1.0}


def ring(coverage: np.ndarray, share: float = 0.95) -> Verdict:
    return judge(training({"high_quality_share": np.full(len(coverage), share), "mode_coverage": coverage}), DEFINITION)


def test_modes_that_come_and_go_are_lost_again_and_again():
    coverage = np.r_[0.1, 0.5, np.ones(8), np.tile([1.0, 0.5, 1.0], 10)]
    assert ring(coverage).modes == ("lost_modes",)
    assert ring(np.r_[0.1, 0.5, np.ones(38)]).outcome == "stable"
    assert ring(np.r_[0.1, 0.5, np.ones(20), 0.5, np.ones(17)]).outcome == "stable"  # a passing dip


def test_modes_lost_while_quality_rises_are_lost_though_both_were_never_good_at_once():
    """The share of good samples passes its bar in the evaluation in which all modes but one are lost."""
    trace = training(
        {
            "high_quality_share": np.r_[0.02, np.full(20, 0.3), np.full(9, 0.95)],
            "mode_coverage": np.r_[0.1, np.ones(20), np.full(9, 0.125)],
        }
    )
    verdict = judge(trace, DEFINITION)
    assert (verdict.outcome, verdict.modes, verdict.failed_at) == ("unstable", ("lost_modes",), 2100)


def test_modes_that_come_and_go_are_lost_from_the_first_evaluation_without_them():
    coverage = np.r_[0, 0.3, 0.6, np.ones(5), np.tile([0.5, 1], 8)]
    trace = training({"mode_coverage": coverage, "high_quality_share": np.r_[0.1, np.full(len(coverage) - 1, 0.9)]})
    assert judge(trace, DEFINITION).failed_at == 800


@pytest.mark.parametrize("first", ["mode_coverage", "high_quality_share"])
def test_measures_that_are_logged_at_different_steps_are_judged_together(first):
    """One has the even evaluations, the other the odd ones; modes are lost from the 42nd on."""
    kept = np.r_[0, 0.3, 0.6, np.ones(39), np.full(20, 0.25)]
    good = np.r_[0.1, 0.1, 0.1, np.full(59, 0.9)]
    even = np.arange(62) % 2 == 0
    own = even if first == "mode_coverage" else ~even
    evaluations = {
        "mode_coverage": np.where(own, kept, np.nan),
        "high_quality_share": np.where(own, np.nan, good),
    }
    assert judge(training(evaluations), DEFINITION).modes == ("lost_modes",)


def test_resting_on_a_quarter_of_the_modes_is_not_learnt():
    assert ring(np.r_[0.0, np.full(30, 0.25)]).outcome == "not_learnt"


# --- 1: monotone ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "high"), [(60, 85), (60, 90), (60, 200), (100, 634)])
def test_good_and_bad_in_turns_ever_after_is_one_and_the_same(low, high):
    fall = 20 + 300 * np.exp(-np.arange(19) / 4.5)
    verdict = verdict_on(np.r_[UNTRAINED, fall, 20, np.tile([low, high], 15)])
    assert (verdict.outcome, verdict.modes) == ("unstable", ("lost_quality",))
    assert verdict.failed_at in (2100, 2200)  # the first of them are bad, and the worse ones stand apart


@given(seeds, sizes, counts, st.floats(1.3, 4), st.floats(0.1, 0.7), st.data())
@settings(max_examples=40, deadline=None)
def test_making_evaluations_from_the_onset_on_worse_takes_no_finding_back(seed, size, count, factor, share, data):
    after = noise(count, size, seed)
    after[int(count * (1 - share)) :] += math.log(factor)
    distances = learnt(after)
    verdict = verdict_on(distances)
    assume(verdict.outcome == "unstable")
    onset = verdict.failed_at // 100
    worse = st.floats(1, 1e4)
    factors = data.draw(st.lists(worse, min_size=len(distances) - onset, max_size=len(distances) - onset))
    distances[onset:] *= factors
    assert verdict_on(distances).outcome == "unstable"


@given(seeds, st.integers(10, 40), st.data())
@settings(max_examples=40, deadline=None)
def test_losing_more_modes_after_the_onset_takes_no_finding_back(seed, count, data):
    drawn = np.random.default_rng(seed).choice([1.0, 0.75, 0.5], count, p=[0.6, 0.2, 0.2])
    coverage = np.r_[0.1, np.ones(5), drawn]
    verdict = ring(coverage)
    assume(verdict.outcome == "unstable")
    onset = verdict.failed_at // 100
    shares = data.draw(
        st.lists(
            st.sampled_from([1.0, 0.75, 0.5, 0.25]), min_size=len(coverage) - onset, max_size=len(coverage) - onset
        )
    )
    assert ring(np.r_[coverage[:onset], coverage[onset:] * shares]).outcome == "unstable"


# --- 2: evidence ------------------------------------------------------------------------------------------------------


def test_without_a_measure_of_quality_nothing_is_decided():
    steps = np.arange(1.0, 41)
    trace = Trace(40, 40, steps, {"d_loss": np.full(40, 0.7)}, EMPTY, {}, EMPTY, {})
    verdict = judge(trace, DEFINITION)
    assert (verdict.outcome, verdict.needs) == ("undecided", "measure")


def test_without_a_bar_nothing_is_decided():
    verdict = judge(training({"fid": learnt(np.zeros(20))}), DEFINITION)
    assert (verdict.outcome, verdict.needs) == ("undecided", "measure")


@given(seeds, sizes, st.integers(0, 7))
@settings(max_examples=50, deadline=None)
def test_with_fewer_than_ten_evaluations_after_learning_nothing_is_stable(seed, size, count):
    assert verdict_on(learnt(noise(count, size, seed))).outcome != "stable"


def test_a_log_that_ends_early_is_undecided():
    trace = replace(training({"fid": learnt(np.zeros(20))}), budget=10_000)
    verdict = judge(trace, DEFINITION, references={"fid": UNTRAINED})
    assert (verdict.outcome, verdict.needs) == ("undecided", "log")


def test_quality_that_was_not_measured_at_the_end_is_undecided():
    distances = learnt(np.zeros(30))
    distances[-6:] = np.nan  # samples are finite, the metric failed
    assert (verdict_on(distances).outcome, verdict_on(distances).needs) == ("undecided", "measure")


@pytest.mark.parametrize("after", [3, 4, 6])
@pytest.mark.parametrize("size", [0.02, 0.1])
def test_a_loss_soon_after_learning_is_hardly_ever_called_stable(after, size):
    """Most of what is before the last quarter is bad already: the best that it had shows the loss."""
    found = []
    for seed in range(60):
        values = noise(30 + after, size, seed)
        values[after:] += math.log(1.6)
        found.append(verdict_on(learnt(values)).outcome)
    assert found.count("stable") <= 6


def test_good_and_bad_in_turns_soon_after_learning_is_not_stable():
    assert verdict_on(learnt(np.r_[0, 0, np.log(np.tile([1.5, 2.25], 15))])).outcome == "undecided"


@pytest.mark.parametrize("count", [12, 20, 40])
@pytest.mark.parametrize("size", [0.05, 0.2])
def test_the_least_loss_that_is_named_would_be_found(count, size):
    tail, found = max(3, count // 4), []
    for seed in range(150):
        values = noise(count, size, seed)
        named = verdict_on(learnt(values)).least_loss
        if named is not None:
            values[-tail:] += math.log(named)
            found.append(verdict_on(learnt(values)).outcome == "unstable")
    assert len(found) > 100
    assert np.mean(found) >= 0.9


def test_a_loss_within_the_noise_is_undecided_and_says_what_would_have_been_seen():
    after = noise(12, 0.35, 5)
    after[-3:] = after[:-3].mean() + 0.4
    verdict = verdict_on(learnt(after))
    assert (verdict.outcome, verdict.needs) == ("undecided", "evaluations")
    assert verdict.least_loss > 1.7


# --- 4: density -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("onset", "least"), [(7, 0.2), (16, 0.5), (28, 0.7)])
def test_dropping_every_second_evaluation_changes_at_most_2_percent_of_decided_verdicts(onset, least):
    """Over losses from none to a doubling, with most of them near what counts as one."""
    changed = decided = 0
    kinds = [(size, factor) for size in (0.05, 0.1, 0.2) for factor in (1.0, 1.1, 1.2, 1.3, 1.5, 2.0)]
    dropped = np.unique(np.r_[np.arange(0, 46, 2), 45])
    for size, factor in kinds:
        for seed in range(20):
            after = noise(40, size, 1000 * seed + int(100 * factor))
            after[onset:] += math.log(factor)
            distances, steps = learnt(after), 100.0 * np.arange(46)
            first, second = (
                judge(training({"fid": distances[kept]}, steps[kept]), DEFINITION, references={"fid": UNTRAINED})
                for kept in (np.arange(46), dropped)
            )
            decided += first.decided
            changed += first.decided and second.decided and first.outcome != second.outcome
    assert decided >= least * 20 * len(kinds)
    assert changed <= 0.02 * decided


# --- 5: scale ---------------------------------------------------------------------------------------------------------


@given(seeds, sizes, counts, st.floats(1, 3), st.floats(1e-3, 1e3))
@settings(max_examples=40, deadline=None)
def test_multiplying_a_distance_by_a_constant_changes_nothing(seed, size, count, factor, constant):
    after = noise(count, size, seed)
    after[-count // 3 :] += math.log(factor)
    distances = learnt(after)
    outcomes = [
        judge(training({"fid": scale * distances}), DEFINITION, references={"fid": scale * UNTRAINED})
        for scale in (1.0, constant)
    ]
    assert outcomes[0].outcome == outcomes[1].outcome
    assert outcomes[0].failed_at == outcomes[1].failed_at


# --- 6: power ---------------------------------------------------------------------------------------------------------


def share_of(outcome: str, make, count: int = 200) -> float:
    return sum(verdict_on(learnt(make(seed))).outcome == outcome for seed in range(count)) / count


def lost(count: int, factor: float, size: float, seed: int) -> np.ndarray:
    after = noise(count, size, seed)
    after[-max(3, math.ceil(count / 4)) :] += math.log(factor)
    return after


@pytest.mark.parametrize("size", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("count", [12, 14, 20, 40])
def test_steady_series_are_hardly_ever_accused(count, size):
    assert share_of("unstable", lambda seed: noise(count, size, seed)) <= 0.035  # 2 %, and chance among 200


@pytest.mark.parametrize("together", [0.3, 0.6])
@pytest.mark.parametrize("count", [30, 40])
def test_noise_that_hangs_together_is_hardly_ever_accused(count, together):
    def steady(seed: int) -> np.ndarray:
        drawn = np.random.default_rng(seed).standard_normal(count)
        for at in range(1, count):
            drawn[at] = together * drawn[at - 1] + math.sqrt(1 - together**2) * drawn[at]
        return 0.2 * drawn

    assert share_of("unstable", steady) <= 0.07  # 5 %, and chance among 200


@pytest.mark.parametrize(("count", "factor", "least"), [(12, 2, 0.92), (20, 2, 0.95), (14, 1.5, 0.65), (20, 1.5, 0.65)])
def test_losses_at_a_noise_of_20_percent_are_found(count, factor, least):
    assert share_of("unstable", lambda seed: lost(count, factor, 0.2, seed)) >= least


def test_most_healthy_series_with_a_noise_of_10_percent_are_stable():
    assert share_of("stable", lambda seed: noise(20, 0.1, seed)) >= 0.95


# --- 7: one bar for a setting -----------------------------------------------------------------------------------------


@given(st.floats(30, 300))
def test_the_bar_does_not_depend_on_the_untrained_network(untrained):
    distances = learnt(noise(20, 0.05, 3))
    distances[0] = untrained
    assert verdict_on(distances).outcome == "stable"


def test_the_recorded_reference_is_used_and_published_digits_are_known():
    metric = {"name": "fidelity", "extractor": "digits-cnn", "samples": 500, "real": None, "split": "train"}
    cell = {"dataset": {"name": "digits", "held_out": 0}, "metric": metric}
    assert references_of(cell, {}) == {"fid[digits-cnn:500_full]": DIGITS[0]}
    assert references_of(cell, {"references": {"fid": 3.0}}) == {"fid": 3.0}
    assert references_of({**cell, "metric": {**metric, "real": 100}}, {}) == {}


@pytest.mark.parametrize("held_out", DIGITS)
def test_the_known_reference_is_what_the_metric_computes(held_out, tmp_path):
    from ganbench.harness.data.digits import Digits
    from ganbench.harness.data.store import Store
    from ganbench.harness.metrics.fidelity import Fidelity
    from ganbench.harness.metrics.metric import references_of as computed

    store = Store.find(tmp_path)
    metric = Fidelity(extractor="digits-cnn", samples=500, measures=("fid",))
    found = computed(metric.prepare(Digits(held_out=held_out).load(store), store))
    assert found == {"fid[digits-cnn:500_full]": pytest.approx(DIGITS[held_out], rel=1e-6)}


def test_no_rule_reads_the_name_of_a_method():
    """A trace holds no name, and a verdict is made from the trace, the definition and the data's references."""
    names = {"none", "spectral_norm", "bssn", "weight_norm", "batch_norm"}
    from pathlib import Path

    import ganbench.harness.stability as room

    code = " ".join(path.read_text() for path in Path(room.__file__).parent.glob("*.py"))
    assert not {name for name in names - {"none"} if name in code}
