"""Detectors on curves whose label is known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stability import STABLE, UNSTABLE, Finding, Verdict, judge, load_definition
from harness.trace import LayerTrace, Trace

DEFINITION = load_definition(1)
BUDGET = 2000
STEPS = np.arange(10.0, BUDGET + 1, 10)
EVALUATIONS = np.linspace(0, BUDGET, 26)
TIME = STEPS / BUDGET
EVAL_TIME = EVALUATIONS / BUDGET


def trace(**changes) -> Trace:
    """A healthy training on images, with what a test changes of it."""
    noise = np.random.default_rng(0).normal(size=len(STEPS))
    parts = {
        "d_grad_norm": np.exp(0.2 * noise),
        "g_grad_norm": 0.5 * np.exp(0.2 * noise),
        "d_loss": 1 + 0.1 * noise,
        "d_accuracy": np.full_like(STEPS, 0.7),
        "fid": 5 + 95 * np.exp(-8 * EVAL_TIME),
        "inception_score": 3 - 2 * np.exp(-8 * EVAL_TIME),
        "diversity": 0.9 - 0.7 * np.exp(-8 * EVAL_TIME),
        "sigma": np.linspace(1, 3, 41),
        "stopped": BUDGET,
        **changes,
    }
    evaluations = {
        f"{key}[digits-cnn]" if key in ("fid", "inception_score", "diversity") else key: parts[key]
        for key in ("fid", "inception_score", "diversity", "high_quality_share", "mode_coverage", "largest_mode_ratio")
        if parts.get(key) is not None
    }
    scalars = {key: parts[key] for key in ("d_grad_norm", "g_grad_norm", "d_loss", "d_accuracy") if key in parts}
    sigma = parts["sigma"]
    return Trace(
        budget=BUDGET,
        stopped=parts["stopped"],
        steps=STEPS[: len(parts["d_loss"])],
        scalars=scalars,
        probe_steps=np.linspace(0, BUDGET, len(sigma)),
        layers={"conv1": LayerTrace((16, 64), np.full_like(sigma, 0.01), sigma)},
        evaluation_steps=EVALUATIONS,
        evaluations=evaluations,
    )


def toy(**changes) -> Trace:
    """A healthy training on the ring."""
    healthy = {
        "high_quality_share": 0.9 - 0.9 * np.exp(-8 * EVAL_TIME),
        "mode_coverage": np.where(EVAL_TIME < 0.1, 0.25, 1.0),
        "largest_mode_ratio": np.where(EVAL_TIME < 0.1, 4.0, 1.1),
    }
    return trace(fid=None, inception_score=None, diversity=None, **{**healthy, **changes})


def found(what: Trace) -> dict[str, Finding]:
    verdict = judge(what, DEFINITION)
    assert (verdict.outcome == UNSTABLE) == bool(verdict.findings)
    return {finding.mode: finding for finding in verdict.findings}


def after(fraction: float, late: float, early: np.ndarray, time: np.ndarray = TIME) -> np.ndarray:
    return np.where(time > fraction, late, early)


@pytest.mark.parametrize("healthy", [trace(), toy()])
def test_a_healthy_training_is_stable(healthy):
    assert judge(healthy, DEFINITION).outcome == STABLE


def test_the_first_value_that_is_not_finite_is_a_divergence():
    loss = np.ones(50)
    loss[-1] = np.nan
    short = {key: np.ones(50) for key in ("d_grad_norm", "g_grad_norm", "d_accuracy")}
    finding = found(trace(d_loss=loss, stopped=500, **short))["diverged"]
    assert finding.step == 500
    assert "d_loss" in finding.reason


def test_samples_that_are_not_finite_are_a_divergence():
    fid = trace().evaluations["fid[digits-cnn]"].copy()
    fid[20:] = np.nan
    assert found(trace(fid=fid))["diverged"].step == EVALUATIONS[20]


@pytest.mark.parametrize(("height", "expected"), [(50, False), (200, True), (1e6, True)])
def test_a_discriminator_gradient_that_stays_100_times_higher_explodes(height, expected):
    grads = after(0.5, height, np.ones_like(STEPS))
    finding = found(trace(d_grad_norm=grads)).get("exploding_gradient")
    assert (finding is not None) == expected
    if finding:
        assert 1000 < finding.step < 1100


def test_one_spike_of_the_gradient_is_no_explosion():
    grads = np.ones_like(STEPS)
    grads[100] = 1e6
    assert "exploding_gradient" not in found(trace(d_grad_norm=grads))


def test_a_singular_value_that_grows_a_hundredfold_is_an_explosion():
    finding = found(trace(sigma=np.geomspace(0.5, 100, 41)))["exploding_gradient"]
    assert "layer conv1" in finding.reason


@pytest.mark.parametrize(("accuracy", "cause"), [(1.0, "is saturated"), (0.8, "is not saturated")])
def test_a_generator_gradient_that_stays_a_thousandth_vanishes_and_the_cause_is_told(accuracy, cause):
    grads = after(0.6, 1e-5, np.full_like(STEPS, 0.5))
    finding = found(trace(g_grad_norm=grads, d_accuracy=np.full_like(STEPS, accuracy)))["vanishing_gradient"]
    assert 1200 < finding.step < 1300
    assert cause in finding.reason


def test_a_gradient_that_vanishes_for_a_twentieth_of_the_budget_only_is_no_failure():
    grads = np.where((TIME > 0.5) & (TIME < 0.55), 1e-6, 0.5)
    assert "vanishing_gradient" not in found(trace(g_grad_norm=grads))


@pytest.mark.parametrize(
    "change",
    [
        {"mode_coverage": after(0.7, 0.875, np.ones_like(EVALUATIONS), EVAL_TIME)},
        {"largest_mode_ratio": after(0.7, 3.5, np.ones_like(EVALUATIONS), EVAL_TIME)},
    ],
)
def test_modes_lost_to_the_end_are_a_collapse_from_the_evaluation_that_lost_them(change):
    finding = found(toy(**change))["mode_collapse"]
    assert finding.step == EVALUATIONS[EVAL_TIME > 0.7][0]


def test_seven_modes_of_eight_in_one_evaluation_are_no_collapse():
    coverage = np.ones_like(EVALUATIONS)
    coverage[-2] = 0.875
    assert "mode_collapse" not in found(toy(mode_coverage=coverage))


def test_an_untrained_generator_without_diversity_is_no_collapse_but_a_trained_one_is():
    assert "mode_collapse" not in found(trace())
    low = after(0.4, 0.3, trace().evaluations["diversity[digits-cnn]"], EVAL_TIME)
    assert found(trace(diversity=low))["mode_collapse"].value == pytest.approx(0.3)


def test_what_was_collapsed_from_the_start_failed_at_the_first_evaluation_of_a_trained_generator():
    finding = found(toy(mode_coverage=np.full_like(EVALUATIONS, 0.25)))["mode_collapse"]
    assert finding.step == EVALUATIONS[1]


@pytest.mark.parametrize(("ratio", "expected"), [(1.21, False), (1.49, False), (1.5, True), (3.0, True)])
def test_a_tail_one_and_a_half_times_worse_than_the_best_is_late_deterioration(ratio, expected):
    fid = np.full_like(EVALUATIONS, 10.0)
    fid[0], fid[-5:] = 100, 10 * ratio
    finding = found(trace(fid=fid)).get("late_deterioration")
    assert (finding is not None) == expected
    if finding:
        assert finding.step == EVALUATIONS[-5]
        assert finding.value == pytest.approx(ratio)


def test_one_bad_last_evaluation_is_no_late_deterioration():
    fid = np.full_like(EVALUATIONS, 10.0)
    fid[0], fid[-1] = 100, 90
    assert "late_deterioration" not in found(trace(fid=fid))


@pytest.mark.parametrize(("drop", "expected"), [(0.09, False), (0.15001, True)])
def test_an_inception_score_that_lost_15_percent_is_late_deterioration(drop, expected):
    score = np.full_like(EVALUATIONS, 4.0)
    score[-5:] = 4 * (1 - drop)
    assert ("late_deterioration" in found(trace(inception_score=score))) == expected


def test_a_share_of_good_samples_that_was_high_and_is_lost_is_late_deterioration():
    share = after(0.7, 0.5, np.full_like(EVALUATIONS, 0.9), EVAL_TIME)
    assert "late_deterioration" in found(toy(high_quality_share=share))


def test_what_never_was_good_cannot_deteriorate_and_has_never_converged():
    share = after(0.7, 0.01, np.full_like(EVALUATIONS, 0.3), EVAL_TIME)
    modes = found(toy(high_quality_share=share))
    assert "late_deterioration" not in modes
    assert modes["never_converged"].value == pytest.approx(0.3)


@pytest.mark.parametrize(("best", "expected"), [(49.0, False), (51.0, True)])
def test_a_distance_that_never_halves_the_untrained_generators_has_never_converged(best, expected):
    fid = np.linspace(100, best, len(EVALUATIONS))
    assert ("never_converged" in found(trace(fid=fid))) == expected


def test_a_detector_that_has_nothing_to_look_at_says_so():
    blind = judge(trace(fid=None, inception_score=None, diversity=None), DEFINITION).blind
    assert set(blind) == {"mode_collapse", "late_deterioration", "never_converged"}


def test_verdicts_and_traces_survive_json_bit_for_bit():
    fid = trace().evaluations["fid[digits-cnn]"].copy()
    fid[-1] = np.nan
    original = trace(fid=fid)
    again = Trace.from_json(original.to_json())
    np.testing.assert_array_equal(again.evaluations["fid[digits-cnn]"], fid)
    assert again.to_json() == original.to_json()
    verdict = judge(original, DEFINITION)
    assert Verdict.from_json(verdict.to_json()).modes == verdict.modes


def test_a_method_error_and_an_unstable_trial_fail_and_a_stable_one_does_not():
    from harness.stability import method_error

    assert method_error("no", DEFINITION).failed
    assert not judge(trace(), DEFINITION).failed
