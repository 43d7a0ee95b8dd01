"""Detectors on curves whose label is known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from ganbench.harness.stability import STABLE, UNSTABLE, Finding, Verdict, judge, load_definition
from ganbench.harness.traces.columns import Columns
from ganbench.harness.traces.trace import LayerTrace, Probe, Trace

DEFINITIONS = {version: load_definition(version) for version in (1, 2)}
DEFINITION = DEFINITIONS[max(DEFINITIONS)]
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


def found(what: Trace, only: int | None = None) -> dict[str, Finding]:
    """What one definition finds; without ``only`` what all of them find, which must be the same."""
    verdicts = [judge(what, item) for version, item in DEFINITIONS.items() if only in (None, version)]
    assert len({verdict.modes for verdict in verdicts}) == 1
    assert (verdicts[-1].outcome == UNSTABLE) == bool(verdicts[-1].findings)
    return {finding.mode: finding for finding in verdicts[-1].findings}


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
    fid[20:] = np.inf
    assert found(trace(fid=fid))["diverged"].step == EVALUATIONS[20]


def test_an_evaluation_that_could_not_be_computed_is_absent_and_the_others_decide():
    """By definition 1 it was a divergence."""
    healthy, broken = trace().evaluations["fid[digits-cnn]"], trace().evaluations["fid[digits-cnn]"].copy()
    broken[12] = np.nan
    assert found(trace(fid=broken), only=2) == {}
    assert set(found(trace(fid=broken), only=1)) == {"diverged"}
    worse = after(0.7, 60.0, healthy, EVAL_TIME)
    expected = found(trace(fid=worse))["late_deterioration"]
    worse[-2] = np.nan
    assert found(trace(fid=worse), only=2)["late_deterioration"].step == expected.step


@pytest.mark.parametrize(("absent", "seen"), [(13, True), (14, False)])
def test_a_measure_with_more_than_half_of_its_evaluations_absent_is_not_looked_at(absent, seen):
    fid = np.full_like(EVALUATIONS, 10.0)
    fid[:2], fid[-3:] = 100, 90
    fid[2 : 2 + absent] = np.nan
    verdict = judge(trace(fid=fid, inception_score=None, diversity=None), DEFINITION)
    assert ("late_deterioration" in verdict.modes) == seen
    assert ("late_deterioration" in verdict.blind) == (not seen)


def test_a_training_that_diverges_before_its_first_evaluation_is_not_collapsed_as_well():
    fid, diversity = (np.full_like(EVALUATIONS, np.inf) for _ in range(2))
    fid[0], diversity[0] = 100, 0.1
    loss = np.ones(5)
    loss[-1] = np.nan
    short = {key: np.ones(5) for key in ("d_grad_norm", "g_grad_norm", "d_accuracy")}
    assert set(found(trace(fid=fid, diversity=diversity, inception_score=None, d_loss=loss, stopped=50, **short))) == {
        "diverged"
    }


def test_a_gradient_that_vanished_within_the_first_steps_is_measured_against_the_very_first():
    grads = np.full_like(STEPS, 1e-5)
    grads[0] = 0.5
    assert "saturated" in found(trace(g_grad_norm=grads), only=2)["vanishing_gradient"].reason
    assert found(trace(g_grad_norm=grads), only=1) == {}
    assert found(trace(g_grad_norm=np.full_like(STEPS, 1e-5))) == {}  # small from the start, and no less


def test_a_discriminator_without_a_gradient_at_generated_samples_is_a_vanishing_gradient():
    from dataclasses import replace

    probe = Probe(np.where(np.arange(41) > 20, 1e-8, 1.0))
    flat = replace(trace(), probes={"input_gradient.fake": probe})
    finding = found(flat, only=2)["vanishing_gradient"]
    assert finding.step == np.linspace(0, BUDGET, 41)[21]
    assert found(flat, only=1) == {}
    brief = replace(trace(), probes={"input_gradient.fake": Probe(np.where(np.arange(41) == 20, 1e-8, 1.0))})
    assert found(brief) == {}


@pytest.mark.parametrize("measure", ["recall", "coverage"])
@pytest.mark.parametrize(
    ("extractor", "counts"),
    [("", True), ("[10k_5k]", True), ("[10k_10k:test]", True), ("[digits-cnn:1k_full]", False)],
)
def test_a_low_recall_or_coverage_is_a_collapse_over_the_features_that_its_limit_was_found_on(
    measure, extractor, counts
):
    """Published stable trainings have 0.2 and more through Inception; over other features the limit means nothing."""
    from dataclasses import replace

    for end, low in ((0.05, True), (0.3, False)):
        column = after(0.7, end, np.full_like(EVALUATIONS, 0.5), EVAL_TIME)
        what = trace()
        modes = found(replace(what, evaluations={**what.evaluations, f"{measure}{extractor}": column}), only=2)
        assert ("mode_collapse" in modes) == (low and counts)


def test_a_distance_that_swings_is_a_warning_and_no_failure():
    swinging = np.where(np.arange(26) % 2 == 0, 10.0, 14.0)
    swinging[0] = 100
    verdict = judge(trace(fid=swinging), DEFINITION)
    assert (verdict.outcome, verdict.modes) == (STABLE, ())
    assert [warning.mode for warning in verdict.warnings] == ["oscillation"]
    assert Verdict.from_json(verdict.to_json()) == verdict
    assert judge(trace(), DEFINITION).warnings == ()
    spike = np.full_like(EVALUATIONS, 10.0)
    spike[0], spike[20] = 100, 14
    assert judge(trace(fid=spike), DEFINITION).warnings == ()
    assert judge(trace(fid=swinging), DEFINITIONS[1]).warnings == ()


def test_a_ceiling_makes_a_distance_that_never_was_good_a_failure_without_an_untrained_generator():
    limits = DEFINITION.never_converged.model_copy(update={"ceiling": 100.0})
    strict = DEFINITION.model_copy(update={"never_converged": limits})
    flat = Trace(1000, 1000, np.empty(0), {}, np.empty(0), {}, np.array([100.0, 500, 1000]), {"fid": np.full(3, 159.0)})
    assert judge(flat, strict).modes == ("never_converged",)
    assert "never_converged" in judge(flat, DEFINITION).blind


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


@pytest.mark.parametrize(
    ("ratio", "by_1", "by_2"), [(1.14, False, False), (1.31, False, True), (1.5, True, True), (3.0, True, True)]
)
def test_a_tail_that_is_much_worse_than_the_best_is_late_deterioration(ratio, by_1, by_2):
    fid = np.full_like(EVALUATIONS, 10.0)
    fid[0], fid[-5:] = 100, 10 * ratio
    for version, expected in ((1, by_1), (2, by_2)):
        finding = found(trace(fid=fid), only=version).get("late_deterioration")
        assert (finding is not None) == expected
        if finding:
            assert finding.step == EVALUATIONS[-5]
            assert finding.value == pytest.approx(ratio)


@pytest.mark.parametrize("noise", [0.05, 0.2, 0.3])
def test_a_steady_distance_is_not_accused_for_its_noise(noise):
    """Definition 1 compares with the best single evaluation, which in a noisy series is far from the others."""
    random = np.random.default_rng(0)
    accused = {1: 0, 2: 0}
    for _ in range(300):
        fid = 10 * np.exp(random.normal(0, noise, len(EVALUATIONS)))
        fid[0] = 1000
        what = trace(fid=fid, inception_score=None, diversity=None)
        for version in accused:
            accused[version] += "late_deterioration" in judge(what, DEFINITIONS[version]).modes
    assert accused[2] <= 0.05 * 300
    assert accused[1] >= 0.3 * 300 or noise < 0.1


def test_a_noisy_distance_that_doubles_is_late_deterioration_all_the_same():
    random = np.random.default_rng(0)
    for _ in range(20):
        fid = np.where(EVAL_TIME > 0.7, 30.0, 10.0) * np.exp(random.normal(0, 0.1, len(EVALUATIONS)))
        fid[0] = 1000
        assert "late_deterioration" in found(trace(fid=fid))


def test_one_bad_last_evaluation_is_no_late_deterioration():
    fid = np.full_like(EVALUATIONS, 10.0)
    fid[0], fid[-1] = 100, 90
    assert "late_deterioration" not in found(trace(fid=fid))


@pytest.mark.parametrize(("drop", "by_1", "by_2"), [(0.14, False, False), (0.155, True, False), (0.2, True, True)])
def test_an_inception_score_that_lost_much_of_its_best_is_late_deterioration(drop, by_1, by_2):
    score = np.full_like(EVALUATIONS, 4.0)
    score[-5:] = 4 * (1 - drop)
    for version, expected in ((1, by_1), (2, by_2)):
        assert ("late_deterioration" in found(trace(inception_score=score), only=version)) == expected


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


def test_verdicts_and_traces_are_stored_bit_for_bit():
    fid = trace().evaluations["fid[digits-cnn]"].copy()
    fid[-1] = np.nan
    fid[-2] = np.inf
    original = trace(fid=fid)
    again = Columns.of(original).trace
    np.testing.assert_array_equal(again.evaluations["fid[digits-cnn]"], fid)
    assert Columns.of(again).sha256 == Columns.of(original).sha256
    verdict = judge(original, DEFINITION)
    assert Verdict.from_json(verdict.to_json()).modes == verdict.modes


def test_a_method_error_and_an_unstable_trial_fail_and_a_stable_one_does_not():
    from ganbench.harness.stability import method_error

    assert method_error("no", DEFINITION).failed
    assert not judge(trace(), DEFINITION).failed
