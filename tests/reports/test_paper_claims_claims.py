"""Every rule on trials whose truth is known: it finds what was planted, refuses the contrary, and asks for more seeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ganbench.reports.paper_claims.claims import (
    CLAIMS,
    batch_norm,
    gradients,
    late_decay,
    reconstruction,
    scales,
    strict_norm,
    techniques,
    weight_variance,
)
from ganbench.reports.paper_claims.judging.effects import Effect
from ganbench.reports.paper_claims.judging.reading import Either, Part, Reading, answer
from ganbench.reports.paper_claims.rules import read_rules
from tests.support.found import cases

YES, NO, MORE = Reading.REPRODUCED, Reading.NOT_REPRODUCED, Reading.NOT_ENOUGH
ERROR, FINAL = "reconstruction_error", "final_reconstruction_error"


def luck(seed: int, label: str) -> float:
    return float(np.random.default_rng([seed, *label.encode()]).random())


# --- from effects to a reading


def effect(value: float, low: float, high: float, p: float | None = None) -> Effect:
    return Effect(value, low, high, 40, "pairs", p)


@pytest.mark.parametrize(
    ("found", "reading"),
    [
        (effect(0.3, 0.1, 0.5, 0.01), YES),
        (effect(0.3, 0.1, 0.5, 0.2), MORE),  # the test does not agree
        (effect(0.3, -0.1, 0.5, 0.01), MORE),  # the interval does not exclude nothing
        (effect(0.05, 0.01, 0.2, 0.01), MORE),  # there, but smaller than what counts, perhaps
        (effect(0.02, 0.01, 0.09, 0.01), NO),  # there, and surely smaller than what counts
        (effect(-0.3, -0.5, -0.1, 0.01), NO),
        (effect(float("nan"), -1, 1, 1), MORE),
    ],
)
def test_a_part_is_read_by_its_threshold_and_its_interval(found, reading):
    assert Part("", found, 0.1).reading(found.p) is reading


def test_a_claim_of_less_is_read_downwards():
    ratio = Part("", effect(0.9, 0.85, 0.95, 0.01), 0.93, nothing=1, below=True)
    assert ratio.reading(0.01) is YES
    assert Part("", effect(1.0, 0.95, 1.1, 0.9), 0.93, nothing=1, below=True).reading(0.9) is NO


def test_at_least_as_good_is_read_from_the_interval_alone():
    def part(low: float, high: float) -> Part:
        return Part("", effect((low + high) / 2, low, high), 0.5, nothing=0.35, reaches=False)

    assert part(0.36, 0.6).reading(None) is YES
    assert part(0.30, 0.6).reading(None) is MORE
    assert part(0.2, 0.45).reading(None) is NO


def test_all_parts_must_hold_and_one_refutes():
    good, open_, bad = (Part("", effect(*numbers), 0.1) for numbers in
                        ((0.3, 0.1, 0.5), (0.1, -0.2, 0.4), (-0.1, -0.2, 0.05)))  # fmt: skip
    assert answer((good, good)).reading is YES
    assert answer((good, open_)).reading is MORE
    assert answer((good, open_, bad)).reading is NO


def test_either_suffices_and_only_both_are_refuted():
    good, bad = Part("", effect(0.3, 0.1, 0.5), 0.1), Part("", effect(-0.1, -0.2, 0.05), 0.1)
    assert answer((Either((good, bad)),)).reading is YES
    assert answer((Either((bad, bad)),)).reading is NO


def test_tests_of_one_claim_share_holm_s_correction():
    once = Part("", effect(0.3, 0.1, 0.5, 0.03), 0.1)
    assert answer((once,)).reading is YES
    twice = answer((once, once))
    assert twice.reading is MORE
    assert [p for _, p, _ in twice.parts] == [0.06, 0.06]
    assert answer((once,), together=[0.001, 1.0]).parts[0][1] == 0.06


# --- 1


def test_variances_that_stay_near_with_and_drift_without_reproduce_claim_1():
    found = cases("bssn-small", lambda group, label, seed: {"variance": (0.5, 3.0 if label == "none" else 0.4)})
    assert weight_variance.read(found).answers[0].reading is YES


def test_variances_that_drift_with_spectral_normalization_refute_claim_1():
    found = cases("bssn-small", lambda group, label, seed: {"variance": (0.5, 3.0)})
    assert weight_variance.read(found).answers[0].reading is NO


def test_the_last_layer_and_the_first_steps_do_not_count_in_claim_1():
    """The made last layer has nine times its bound; were it read, no trial would be near."""
    found = cases("bssn-small", lambda group, label, seed: {"variance": (0.5, 0.5)})
    assert weight_variance.read(found).answers[0].parts[0][0].effect.value == 1


# --- 2


@pytest.mark.parametrize(("sign", "reading"), [(1, YES), (-1, NO)])
def test_gradients_that_go_far_with_bad_quality_reproduce_claim_2(sign, reading):
    def outcome(group, label, seed):
        far = luck(seed, label + group.setting)
        return {"gradient": 10 ** (3 * far), "quality": 50 + sign * 20 * far}

    assert gradients.read(cases("bssn-small", outcome)).answers[0].reading is reading


def test_gradients_that_vanish_are_as_far_as_those_that_explode():
    def outcome(group, label, seed):
        far = luck(seed, label + group.setting)
        return {"gradient": 10 ** (3 * far * (-1) ** seed), "quality": 50 + 20 * far}

    assert gradients.read(cases("bssn-small", outcome)).answers[0].reading is YES


def test_cells_that_fail_altogether_have_no_say_in_claim_2():
    def outcome(group, label, seed):
        far = luck(seed, label + group.setting)
        failed = label != "spectral_norm"
        return {"gradient": 10 ** (3 * far), "quality": 50 + 20 * far, "modes": ("mode_collapse",) * failed}

    effect_ = gradients.read(cases("bssn-small", outcome)).answers[0].parts[0][0].effect
    assert effect_.size == 6
    assert effect_.value == pytest.approx(1)


# --- 3


@pytest.mark.parametrize(("strict", "reading"), [(30.0, YES), (10.0, NO)])
def test_a_strict_norm_that_does_worse_reproduces_claim_3(strict, reading):
    def outcome(group, label, seed):
        return {"quality": (strict if label == "spectral_norm_conv" else 20.0) + luck(seed, label)}

    assert strict_norm.read(cases("bssn-small", outcome)).answers[0].reading is reading


def test_failures_are_the_worst_quality():
    """The strict norm has the smaller distances, and fails."""

    def outcome(group, label, seed):
        return {"quality": 1.0, "modes": ("mode_collapse",)} if label == "spectral_norm_conv" else {"quality": 50.0}

    assert strict_norm.read(cases("bssn-small", outcome)).answers[0].reading is YES


# --- 4


def test_a_scale_that_is_better_on_both_halves_reproduces_claim_4():
    def outcome(group, label, seed):
        return {"quality": (5.0 if label == "bssn(scale=1.6)" else 20.0) + luck(seed, label)}

    found = scales.read(cases("bssn-small", outcome, seeds=32))
    assert found.answers[0].reading is YES
    assert {row[2] for row in found.tables[0].rows if "g1_d1" in row[0]} == {"1.6"}


def test_a_bssn_that_is_worse_at_every_scale_refutes_claim_4():
    def outcome(group, label, seed):
        return {"quality": (40.0 if label.startswith("bs") else 20.0) + luck(seed, label)}

    assert scales.read(cases("bssn-small", outcome)).answers[0].reading is NO


def test_no_trial_chooses_the_scale_that_it_is_compared_at():
    """Each scale shines on one half only, so the choice of either half fails on the other."""

    def outcome(group, label, seed):
        shines = (label == "bssn(scale=1.6)") == (seed % 2 == 0)
        return {"quality": (5.0 if label in ("bssn(scale=1.6)", "bssn(scale=1.2)") and shines else 40.0)
                if label.startswith("bs") else 20.0 + luck(seed, label)}  # fmt: skip

    found = scales.read(cases("bssn-small", outcome))
    assert found.answers[0].reading is NO
    assert found.answers[0].parts[0][0].effect.value == 0


# --- 5


def _late(label: str, seed: int, share: float = 1.0) -> dict:
    return {"modes": ("late_deterioration",) if label == "spectral_norm" and luck(seed, "late") < share else ()}


def test_late_decay_under_spectral_normalization_alone_reproduces_claim_5():
    found = cases("bssn-small", lambda group, label, seed: _late(label, seed))
    assert late_decay.read(found).answers[0].reading is YES


def test_no_late_decay_in_many_seeds_refutes_claim_5_and_in_few_does_not():
    none = cases("bssn-small", lambda group, label, seed: {}, seeds=64)
    assert late_decay.read(none).answers[0].reading is NO
    assert late_decay.read(cases("bssn-small", lambda group, label, seed: {})).answers[0].reading is MORE


def test_only_the_long_setting_speaks_of_late_decay():
    def outcome(group, label, seed):
        return {} if group.setting == "g2_d2_long" else _late(label, seed)

    assert late_decay.read(cases("bssn-small", outcome)).answers[0].parts[0][0].effect.value == 0


# --- 6 and 7


def _errors(final: float, early: float = 0.1, late: float = 0.1, failed: bool = False) -> dict:
    running = [0.3, early, *[0.1] * 7, late, late]
    return {"measures": {ERROR: running, FINAL: [final] * 11}, "modes": ("mode_collapse",) * failed}


@pytest.mark.parametrize(("ratio", "reading"), [(0.8, YES), (1.0, NO), (1.2, NO)])
def test_errors_that_are_smaller_reproduce_claim_6(ratio, reading):
    def outcome(group, label, seed):
        error = (0.1 + 0.001 * luck(seed, "both")) * (ratio if label == "weight_norm_strict" else 1)
        return _errors(error, failed=label == "batch_norm" and seed % 2 == 0)

    assert reconstruction.read(cases("weight-norm-small", outcome, seeds=16)).answers[0].reading is reading


def test_stability_against_batch_normalization_is_asked_too():
    def outcome(group, label, seed):
        return _errors(0.08 if label == "weight_norm_strict" else 0.1)

    found = reconstruction.read(cases("weight-norm-small", outcome, seeds=32)).answers[0]
    assert [reading for _, _, reading in found.parts] == [YES, NO]
    assert found.reading is NO


def test_the_residual_network_has_no_say_in_claim_6():
    found = reconstruction.read(cases("weight-norm-small", lambda group, label, seed: _errors(0.1)))
    assert [part.effect.size for part, _, _ in found.answers[0].parts] == [16, 16]  # two settings of eight seeds
    assert "21-layer residual network, without a verdict" in found.told[0]


@pytest.mark.parametrize(
    ("early", "late", "fails", "reading"),
    [(0.05, 0.1, True, YES), (0.05, 0.2, False, YES), (0.05, 0.05, False, NO), (0.2, 0.2, True, NO)],
)
def test_a_fast_start_and_a_bad_end_reproduce_claim_7(early, late, fails, reading):
    def outcome(group, label, seed):
        batch, jitter = label == "batch_norm", 0.001 * luck(seed, label)
        return _errors(0.1, (early if batch else 0.1) + jitter, (late if batch else 0.1) + jitter, batch and fails)

    assert batch_norm.read(cases("weight-norm-small", outcome, seeds=24)).answers[0].reading is reading


# --- 8


def _techniques(**who: tuple[str, ...]) -> dict[str, Reading]:
    """Read claim 8 where each technique fails as said, and a plain GAN in every way."""

    def outcome(group, label, seed):
        grows = group.architecture.startswith("progressive") and "grows=False" not in group.architecture
        name = "progressive" if grows else label.split("(")[0].split(" ")[0]
        plain = ("vanishing_gradient", "mode_collapse")
        modes = who.get(name, plain)
        return {"modes": modes, "measures": {"modes": [0] + [5 if "mode_collapse" in modes else 20] * 10}}

    found = techniques.read(cases("stability-techniques-small", outcome))
    return {answer_.about[0]: answer_.reading for answer_ in found.answers}


def test_each_technique_is_judged_by_the_failure_that_it_was_made_for():
    assert _techniques(gradient_penalty=("mode_collapse",)) == {"a": YES, "b": NO, "c": MORE, "d": MORE}
    assert _techniques(spectral_norm=())["b"] is YES
    assert _techniques(minibatch_discrimination=("vanishing_gradient",))["c"] is YES
    assert _techniques(progressive=())["d"] is YES


def test_never_converged_does_not_count_for_growing():
    assert _techniques(progressive=("never_converged",))["d"] is YES


def test_a_failure_that_does_not_happen_cannot_be_reduced():
    found = _techniques(none=(), equalized_learning_rate=(), spectral_norm=())
    assert found["b"] is Reading.NOTHING_TO_REDUCE


# --- all of them


def test_every_rule_has_its_claim_and_every_claim_its_rule():
    rules = read_rules()
    assert [claim.number for claim in CLAIMS] == sorted(rules) == list(range(1, 9))
    for claim in CLAIMS:
        for suite in claim.suites:
            assert f"`{suite}`" in rules[claim.number].text or claim.number == 8, (claim.number, suite)
        assert rules[claim.number].claim.endswith(tuple("abcdefghijklmnopqrstuvwxyz"))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: str(claim.number))
@pytest.mark.parametrize("form", ["full", "small"])
def test_every_rule_reads_every_suite_that_it_names(claim, form):
    def outcome(group, label, seed):
        modes = [100 * luck(seed, label)] * 11
        return {"gradient": 1 + luck(seed, label), "measures": {"modes": modes, ERROR: modes, FINAL: modes}}

    for suite in claim.suites:
        if suite.endswith("-small") == (form == "small"):
            found = claim.read(cases(suite, outcome))
            assert found.answers
            assert all(part.effect.size for answer_ in found.answers for part, _, _ in answer_.parts), suite


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: str(claim.number))
def test_a_suite_without_the_cells_of_a_rule_gets_no_verdict(claim):
    """Somebody's own suite under a shipped one's name."""
    whole = cases(claim.suites[-1], lambda group, label, seed: _errors(0.1))
    label = next(iter(whole.groups[0].cells))
    only = replace(whole.groups[0], cells={"other": whole.groups[0].cells[label]})
    those = tuple(replace(case, group=only, normalizer="other") for case in whole.cell(whole.groups[0], label))
    found = claim.read(replace(whole, groups=(only,), cases=those))
    assert not {Reading.REPRODUCED, Reading.NOT_REPRODUCED} & {answer_.reading for answer_ in found.answers}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: str(claim.number))
def test_a_verdict_needs_nearly_all_trials(claim):
    whole = cases(claim.suites[-1], lambda group, label, seed: _errors(0.1))
    half = type(whole)(whole.plan, whole.groups, whole.cases[::2])
    assert [answer_.reading for answer_ in claim.read(half).answers] == [Reading.INCOMPLETE]
