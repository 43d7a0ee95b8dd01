"""Every rule on trials whose truth is known: it finds what was planted, refuses the contrary, says what it cannot see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

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
from ganbench.reports.paper_claims.judging.effects import Effect, larger_in_pairs, rate
from ganbench.reports.paper_claims.judging.looks import TAILS, UNDECIDED, Look, tail_of
from ganbench.reports.paper_claims.judging.reading import Either, Part, Question, Reading, answers, judge, read
from ganbench.reports.paper_claims.rules import read_rules
from tests.support.found import cases

YES, NO, MORE = Reading.REPRODUCED, Reading.NOT_REPRODUCED, Reading.NOT_ENOUGH
DEPENDS, NOTHING, SILENT, NOT_ASKED = (
    Reading.DEPENDS,
    Reading.NOTHING_TO_REDUCE,
    Reading.CANNOT_SPEAK,
    Reading.NOT_ASKED,
)
ERROR, FINAL = "reconstruction_error", "final_reconstruction_error"


def luck(seed: int, label: str) -> float:
    return float(np.random.default_rng([seed, *label.encode()]).random())


def random(purpose: str = "") -> np.random.Generator:
    return np.random.default_rng([*purpose.encode()])


def settled_at(level: float, late: float | None = None) -> list[float]:
    """Twenty evaluations that are at their level by a quarter of the budget, and somewhere else at the end."""
    return [level] * 12 + [level if late is None else late] * 8


def improving(level: float) -> list[float]:
    return [level * factor for factor in np.linspace(3, 1, 20)]


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


@pytest.mark.parametrize(
    ("low", "high", "said"), [(0.41, 0.6, "yes"), (0.30, 0.6, "open"), (0.2, 0.45, "open"), (0.1, 0.39, "no")]
)
def test_non_inferiority_is_read_from_the_interval_and_names_its_margin(low, high, said):
    part = Part("", effect((low + high) / 2, low, high), 0.4, nothing=0.4, equal=0.5)
    (found,) = answers([Question("", lambda _: [part], margin="10 points")], random)
    assert found.value == f"non-inferior by a margin of 10 points: {said}"


def parts_of(*numbers: tuple[float, float, float]) -> list[Part]:
    return [Part("", effect(*three), 0.1) for three in numbers]


def verdict(parts) -> Reading:
    return read(parts, judge(parts))


def test_all_parts_must_hold_and_one_refutes():
    good, open_, bad = parts_of((0.3, 0.1, 0.5), (0.1, -0.2, 0.4), (-0.1, -0.2, 0.05))
    assert verdict((good, good)) is YES
    assert verdict((good, open_)) is MORE
    assert verdict((good, open_, bad)) is NO


def test_either_suffices_and_only_both_are_refuted():
    good, bad = parts_of((0.3, 0.1, 0.5), (-0.1, -0.2, 0.05))
    silent = replace(bad, barred=(SILENT, "why"))
    assert verdict((Either((good, bad)),)) is YES
    assert verdict((Either((bad, bad)),)) is NO
    assert verdict((Either((bad, silent)),)) is SILENT  # where one cannot be asked, nothing is refuted
    assert verdict((Either((good, silent)),)) is YES


def test_tests_of_one_claim_share_holm_s_correction():
    once = Part("", effect(0.3, 0.1, 0.5, 0.03), 0.1)
    asked = Question("", lambda _: [once])
    assert answers([asked], random)[0].reading is YES
    twice = answers([asked, asked], random)
    assert [one.reading for one in twice] == [MORE, MORE]
    assert [one.parts[0].p for one in twice] == [0.06, 0.06]


@pytest.mark.parametrize(
    ("looks", "turned", "reason"),
    [
        (TAILS, Look(tail=1), "depends on the tail"),
        (TAILS, Look(tail=-1), "depends on the tail"),
        (UNDECIDED, Look(undecided=True), "depends on undecided trials"),
    ],
)
def test_a_verdict_that_another_look_does_not_share_is_open(looks, turned, reason):
    good, bad = parts_of((0.3, 0.1, 0.5), (-0.1, -0.2, 0.05))
    (found,) = answers([Question("", lambda look: [bad if look == turned else good], looks)], random)
    assert (found.reading, found.value, found.level) == (DEPENDS, f"open: {reason}", "")
    (same,) = answers([Question("", lambda look: [good], looks)], random)
    assert same.reading is YES
    assert [said for _, said in same.others] == ["reproduced"] * len(looks[next(iter(looks))])


# --- levels and power


def paired(settings: int, seeds: int, won) -> Part:
    names = [str(setting) for setting in range(settings) for _ in range(seeds)]
    first = [float(won(setting, seed)) for setting in range(settings) for seed in range(seeds)]
    return Part("", larger_in_pairs(first, [0.5] * len(first), settings=names), 0.65, nothing=0.5, form="percent")


@pytest.mark.parametrize(
    ("settings", "won", "level"),
    [
        (5, lambda setting, seed: True, "in these 5 settings alone"),
        (1, lambda setting, seed: True, "in this setting alone"),
        (6, lambda setting, seed: True, "on settings like these (6, p = 0.031)"),
        (6, lambda setting, seed: setting < 5 or seed < 3, "in these 6 settings (over settings p = 0.062)"),
        (8, lambda setting, seed: setting < 6, "in these 8 settings (over settings p = 0.29)"),
    ],
)
def test_only_settings_speak_of_settings_that_were_not_run(settings, won, level):
    part = paired(settings, 40 if settings == 8 else 8, won)
    (found,) = answers([Question("", lambda _: [part])], random)
    assert (found.reading, found.level) == (YES, level)


def test_what_is_refuted_is_tested_against_its_threshold_over_settings():
    mixed = paired(6, 40, lambda setting, seed: seed < (28 if setting == 0 else 12))
    (found,) = answers([Question("", lambda _: [mixed])], random)
    assert (found.reading, found.level) == (NO, "in these 6 settings (over settings p = 0.062)")
    alike = paired(6, 40, lambda setting, seed: seed < 16)
    assert answers([Question("", lambda _: [alike])], random)[0].level == "on settings like these (6, p = 0.031)"


def test_the_power_of_a_share_is_the_binomial_chance_of_its_verdict():
    """Of 48 pairs 32 or more are significant and at least 65 %."""
    part = paired(6, 8, lambda setting, seed: seed < 5)
    assert part.power(1, random()) == pytest.approx(binom.sf(31, 48, 0.65))
    assert part.power(4, random()) == pytest.approx(binom.sf(33, 48, 0.65))  # Holm's first step of four tests
    assert binom.sf(31, 48, 0.65) < 0.5


def test_the_power_of_a_margin_is_that_of_two_that_are_equally_good():
    part = replace(paired(6, 8, lambda setting, seed: seed < 4), threshold=0.4, nothing=0.4, equal=0.5)
    part = replace(part, effect=replace(part.effect, p=None))
    low = next(k for k in range(49) if rate([True] * k + [False] * (48 - k)).low > 0.4)
    assert part.power(1, random()) == pytest.approx(binom.sf(low - 1, 48, 0.5))


def test_more_pairs_have_more_power_and_what_cannot_be_read_has_none():
    few, many = (paired(6, seeds, lambda setting, seed: seed % 2 == 0) for seeds in (2, 32))
    assert few.power(1, random()) < 0.2 < many.power(1, random())
    assert np.isnan(replace(many, barred=(SILENT, "why")).power(1, random()))


# --- tails


def tailed(noise: float, evaluations: int = 20):
    def outcome(group, label, seed):
        draws = np.random.default_rng([seed, *label.encode(), *group.setting.encode()]).normal(size=20)
        return {"quality": 10 * (1 + noise * draws)}

    made = cases("bssn-small", outcome)
    return tail_of(made, made.groups[0], made.groups[0].protocol.measure)


@pytest.mark.parametrize(("noise", "length"), [(0.02, 5), (0.08, 5), (0.11, 8), (0.3, 10)])
def test_a_tail_is_as_long_as_the_noise_before_it_asks(noise, length):
    found = tailed(noise)
    assert found.evaluations == 20
    assert found.noise == pytest.approx(noise, rel=0.15)
    assert found.length == pytest.approx(length, abs=1 if noise == 0.11 else 0)
    assert found.error <= 0.05 or found.length == 10


def test_lengths_nearby_are_a_quarter_shorter_and_longer():
    assert [tailed(0.02).by(Look(tail=step)) for step in (-1, 0, 1)] == [3, 5, 7]
    assert [tailed(0.3).by(Look(tail=step)) for step in (-1, 0, 1)] == [7, 10, 13]


def test_the_tail_itself_does_not_fix_its_length():
    def outcome(group, label, seed):
        return {"quality": [10.0] * 15 + [10.0, 30.0, 10.0, 30.0, 10.0]}

    made = cases("bssn-small", outcome)
    assert tail_of(made, made.groups[0], made.groups[0].protocol.measure).length == 5


# --- 1


def test_variances_that_stay_near_with_and_drift_without_reproduce_claim_1():
    found = cases("bssn-small", lambda group, label, seed: {"variance": (0.5, 3.0 if label == "none" else 0.4)})
    answer = weight_variance.read(found).answers[0]
    assert (answer.reading, answer.level) == (YES, "on settings like these (6, p = 0.031)")
    # 44 of 48 are the fewest that are at least 90 % with an interval above 80 %.
    assert answer.parts[0].power == pytest.approx(binom.sf(43, 48, 0.9), abs=1e-6)


def test_variances_that_drift_with_spectral_normalization_refute_claim_1():
    found = cases("bssn-small", lambda group, label, seed: {"variance": (0.5, 3.0)})
    assert weight_variance.read(found).answers[0].reading is NO


def test_the_last_layer_and_the_first_steps_do_not_count_in_claim_1():
    """The made last layer has nine times its bound; were it read, no trial would be near."""
    found = cases("bssn-small", lambda group, label, seed: {"variance": (0.5, 0.5)})
    assert weight_variance.read(found).answers[0].parts[0].part.effect.value == 1


# --- 2


@pytest.mark.parametrize(("sign", "reading"), [(1, YES), (-1, NO)])
def test_gradients_that_go_far_with_bad_quality_reproduce_claim_2a_and_claim_2b_is_not_asked(sign, reading):
    def outcome(group, label, seed):
        far = luck(seed, label + group.setting)
        return {"gradient": 10 ** (3 * far), "quality": 50 + sign * 20 * far}

    distance, extreme = gradients.read(cases("bssn-small", outcome)).answers
    assert distance.reading is reading
    assert (extreme.reading, extreme.reason) == (NOT_ASKED, "no exploding or vanishing gradient occurred")


def test_gradients_that_vanish_are_as_far_as_those_that_explode():
    def outcome(group, label, seed):
        far = luck(seed, label + group.setting)
        return {"gradient": 10 ** (3 * far * (-1) ** seed), "quality": 50 + 20 * far}

    assert gradients.read(cases("bssn-small", outcome)).answers[0].reading is YES


def test_a_failure_has_the_quality_that_it_has_in_claim_2():
    """Gradients explode where quality is good: were failures the worst quality, it would read the other way round."""

    def outcome(group, label, seed):
        exploded, own = seed % 2 == 0, 0.1 * luck(seed, label + group.setting)
        return {
            "gradient": 10.0 ** (3 if exploded else own),
            "quality": (10 if exploded else 50) + own,
            "modes": ("exploding_gradient",) * exploded,
        }

    assert [one.reading for one in gradients.read(cases("bssn-small", outcome)).answers] == [NO, NO]


def test_exploded_trials_that_are_worse_reproduce_claim_2b_where_a_cell_has_both():
    def outcome(group, label, seed, every: bool = False):
        exploded = label == "none" and (every or seed % 2 == 0)
        return {"quality": (50 if exploded else 10) + luck(seed, label), "modes": ("exploding_gradient",) * exploded}

    assert gradients.read(cases("bssn-small", outcome)).answers[1].reading is YES
    all_of_a_cell = gradients.read(cases("bssn-small", lambda *trial: outcome(*trial, every=True))).answers[1]
    assert all_of_a_cell.reading is NOT_ASKED
    assert all_of_a_cell.reason.startswith("in no cell")


# --- 3


@pytest.mark.parametrize(("strict", "reading"), [(30.0, YES), (10.0, NO)])
def test_a_strict_norm_that_does_worse_reproduces_claim_3(strict, reading):
    def outcome(group, label, seed):
        return {"quality": (strict if label == "spectral_norm_conv" else 20.0) + luck(seed, label)}

    found = strict_norm.read(cases("bssn-small", outcome))
    assert found.answers[0].reading is reading
    assert found.told == (
        "Of 96 trials 96 had settled by 75 % of the budget; the others became more than 5 % better after it.",
    )


def test_failures_are_the_worst_quality():
    """The strict norm has the smaller distances, and fails."""

    def outcome(group, label, seed):
        return (
            {"quality": 1.0, "modes": ("exploding_gradient",)} if label == "spectral_norm_conv" else {"quality": 50.0}
        )

    assert strict_norm.read(cases("bssn-small", outcome)).answers[0].reading is YES


def test_a_verdict_of_claim_3_that_hangs_on_the_last_evaluations_is_open():
    """By the median of the last five the strict norm is better, by that of the last three or seven it is worse."""

    def outcome(group, label, seed):
        strict = [21.0] * 15 + [19.0, 19.0, 19.0, 30.0, 30.0]
        return {"quality": strict if label == "spectral_norm_conv" else [20.0] * 20}

    found = strict_norm.read(cases("bssn-small", outcome)).answers[0]
    assert found.parts[0].reading is NO
    assert found.value == "open: depends on the tail"
    assert dict(found.others) == {"a shorter tail": "reproduced", "a longer tail": "reproduced"}


# --- 4


def test_a_scale_that_is_better_on_both_halves_reproduces_claim_4():
    def outcome(group, label, seed):
        return {"quality": (5.0 if label == "bssn(scale=1.2)" else 20.0) + luck(seed, label)}

    found = scales.read(cases("bssn-small", outcome))
    assert found.answers[0].value == "non-inferior by a margin of 10 points: yes"
    assert {row[2] for row in found.tables[0].rows} == {"1.2"}


def test_a_bssn_that_is_worse_at_every_scale_refutes_claim_4():
    def outcome(group, label, seed):
        return {"quality": (40.0 if label.startswith("bs") else 20.0) + luck(seed, label)}

    assert scales.read(cases("bssn-small", outcome)).answers[0].value == "non-inferior by a margin of 10 points: no"


def test_ssn_chooses_its_scale_too_in_claim_4():
    """Both gain by a scale of 1.2, SSN more; against spectral_norm, which has none, BSSN would have won every pair."""

    def outcome(group, label, seed):
        level = {"ssn(scale=1.2)": 5.0, "bssn(scale=1.2)": 10.0}.get(label, 20.0)
        return {"quality": level + luck(seed, label)}

    found = scales.read(cases("bssn-small", outcome))
    assert found.answers[0].reading is NO
    assert found.answers[0].parts[0].part.effect.value == 0
    assert "better in 48 of 48 pairs" in found.told[0]
    assert {row[3] for row in found.tables[0].rows} == {"1.2"}


def test_no_trial_chooses_the_scale_that_it_is_compared_at():
    """Each scale shines on one half only, so the choice of either half fails on the other."""

    def outcome(group, label, seed):
        shines = (label == "bssn(scale=1.6)") == (seed % 2 == 0)
        return {"quality": (5.0 if label in ("bssn(scale=1.6)", "bssn(scale=1.2)") and shines else 40.0)
                if label.startswith("bs") else 20.0 + luck(seed, label)}  # fmt: skip

    found = scales.read(cases("bssn-small", outcome))
    assert found.answers[0].reading is NO
    assert found.answers[0].parts[0].part.effect.value == 0


def test_undecided_trials_are_counted_both_ways_in_claim_4():
    def outcome(group, label, seed):
        return {
            "quality": (5.0 if label.startswith("bs") else 20.0) + luck(seed, label),
            "undecided": label.startswith("bs"),
        }

    found = scales.read(cases("bssn-small", outcome)).answers[0]
    assert found.value == "non-inferior by a margin of 10 points: open: depends on undecided trials"


# --- 5


def _late(level: dict[str, float], late: dict[str, float]):
    def outcome(group, label, seed):
        own = level.get(label, 10.0) * (1 + 0.001 * luck(seed, label))
        return {"quality": settled_at(own, own * late.get(label, 1.0))}

    return outcome


@pytest.mark.parametrize(
    ("late", "reading"),
    [({"spectral_norm": 1.4}, YES), ({}, NO), ({"spectral_norm": 1.4, "bsn": 1.4}, NO), ({"bsn": 1.4}, NO)],
)
def test_late_decay_under_spectral_normalization_alone_reproduces_claim_5(late, reading):
    found = late_decay.read(cases("bssn-small", _late({}, late))).answers[0]
    assert found.reading is reading
    assert found.parts[0].part.effect.size == 48


def test_trainings_that_still_improve_cannot_speak_of_late_decay():
    found = late_decay.read(
        cases("bssn-small", lambda group, label, seed: {"quality": improving(10 + luck(seed, label))})
    )
    assert found.answers[0].value == "cannot speak to the claim"
    assert (
        found.answers[0].reason == "by 50 % of the budget 0 of 96 trainings had settled, and in no setting half of them"
    )


def test_only_settings_that_have_settled_speak_of_late_decay_whichever_method_did():
    def outcome(group, label, seed):
        decays = group.setting == "g2_d2" and label == "spectral_norm"
        return {"quality": settled_at(10, 14) if decays else improving(10 + luck(seed, label))}

    found = late_decay.read(cases("bssn-small", outcome))
    assert found.answers[0].parts[0].part.effect.size == 8
    assert {row[0] for row in found.tables[0].rows if row[-1] == "yes"} == {"digits · g2_d2"}


def test_a_few_evaluations_cannot_speak_of_late_decay():
    made = cases("bssn-small", _late({}, {"spectral_norm": 1.4}))
    short = tuple(
        replace(case, trace=replace(case.trace, evaluation_steps=case.trace.evaluation_steps[::2],
                                    evaluations={key: column[::2] for key, column in case.trace.evaluations.items()}))
        for case in made.cases
    )  # fmt: skip
    found = late_decay.read(replace(made, cases=short)).answers[0]
    assert (found.reading, found.reason) == (SILENT, "no setting has 10 evaluations in the second half of its budget")


# --- 6 and 7


def _errors(final: float, early: float = 0.1, late: float | None = None, level: float | None = None, **more) -> dict:
    level = final if level is None else level
    running = [0.3, early, early, *[level] * 10, *[level if late is None else late] * 8]
    return {"measures": {ERROR: running, FINAL: [final] * 21}, **more}


@pytest.mark.parametrize(("ratio", "reading"), [(0.8, YES), (1.0, NO), (1.2, NO)])
def test_errors_that_are_smaller_reproduce_claim_6a(ratio, reading):
    def outcome(group, label, seed):
        return _errors((0.1 + 0.001 * luck(seed, "both")) * (ratio if label == "weight_norm_strict" else 1))

    found = reconstruction.read(cases("weight-norm-small", outcome)).answers[0]
    assert (found.reading, found.level) == (reading, "in these 2 settings alone")


def test_an_error_that_still_falls_cannot_speak_to_claim_6a():
    def outcome(group, label, seed):
        return {
            "measures": {ERROR: [0.5, *improving(0.1)], FINAL: [0.08 if label == "weight_norm_strict" else 0.1] * 21}
        }

    found = reconstruction.read(cases("weight-norm-small", outcome)).answers[0]
    assert (found.reading, found.reason.split(" of the budget")[0]) == (SILENT, "by 75 %")


def test_a_final_error_that_the_running_ones_do_not_bear_out_leaves_claim_6a_open():
    def outcome(group, label, seed):
        return _errors(0.08 if label == "weight_norm_strict" else 0.1, level=0.1)

    assert reconstruction.read(cases("weight-norm-small", outcome)).answers[0].value == "open: depends on the tail"


def test_stability_against_batch_normalization_is_asked_apart_in_claim_6b():
    def answer(fails):
        made = cases("weight-norm-small", lambda group, label, seed: _errors(0.1, **fails(label, seed)), seeds=24)
        return reconstruction.read(made).answers[1]

    failed = {"modes": ("exploding_gradient",)}
    assert answer(lambda label, seed: failed if label == "batch_norm" and seed % 2 == 0 else {}).reading is YES
    assert answer(lambda label, seed: failed if label == "weight_norm_strict" else {}).reading is NOTHING
    assert answer(lambda label, seed: {}).reading is NOTHING  # none of 48 is at most 7 %
    few = reconstruction.read(cases("weight-norm-small", lambda group, label, seed: _errors(0.1), seeds=8)).answers[1]
    assert (few.reading, few.reason) == (SILENT, "the failure was seen in none of the 32 trials")


def test_the_residual_network_has_no_say_in_claim_6():
    found = reconstruction.read(cases("weight-norm-small", lambda group, label, seed: _errors(0.1)))
    assert [answer.parts[0].part.effect.size for answer in found.answers] == [16, 16]  # two settings of eight seeds
    assert "21-layer residual network, without a verdict" in found.told[0]


@pytest.mark.parametrize(
    ("early", "late", "fails", "readings"),
    [
        (0.05, 1, True, (YES, YES)),
        (0.05, 2, False, (YES, YES)),
        (0.05, 1, False, (YES, SILENT)),  # nobody fails, so that late ratios alone refute nothing
        (0.2, 2, True, (NO, YES)),
    ],
)
def test_a_fast_start_and_a_bad_end_reproduce_claim_7(early, late, fails, readings):
    def outcome(group, label, seed):
        batch = label == "batch_norm"
        level, factor = (early, late) if batch else (0.1, 1)
        errors = _errors(0.1, level + 0.001 * luck(seed, label), level * factor, level)
        return errors | {"modes": ("exploding_gradient",) * (batch and fails)}

    found = batch_norm.read(cases("weight-norm-small", outcome, seeds=24)).answers
    assert tuple(answer.reading for answer in found) == readings


def test_a_start_that_the_next_evaluation_does_not_bear_out_leaves_claim_7a_open():
    def outcome(group, label, seed):
        running = [0.3, (0.05 if label == "batch_norm" else 0.1) + 0.001 * luck(seed, label), *[0.1] * 19]
        return {"measures": {ERROR: running, FINAL: [0.1] * 21}}

    found = batch_norm.read(cases("weight-norm-small", outcome)).answers[0]
    assert found.value == "open: depends on the evaluation"


def test_trainings_that_still_improve_and_never_fail_cannot_speak_to_claim_7b():
    def outcome(group, label, seed):
        return {"measures": {ERROR: [0.5, *improving(0.1)], FINAL: [0.1] * 21}}

    found = batch_norm.read(cases("weight-norm-small", outcome)).answers[1]
    assert found.reading is SILENT
    assert found.reason.startswith("the failure was seen in none of the 32 trials; by 50 % of the budget 0 of 32")


# --- 8


def _techniques(undecided: tuple[str, ...] = (), **who: tuple[str, ...]):
    """Read claim 8 where each technique fails as said, and a plain GAN in every way."""

    def outcome(group, label, seed):
        grows = group.architecture.startswith("progressive") and "grows=False" not in group.architecture
        name = "progressive" if grows else label.split("(")[0].split(" ")[0]
        modes = who.get(name, ("vanishing_gradient",))
        captured = 20 if name == "minibatch_discrimination" else 5
        return {"modes": modes, "undecided": name in undecided, "measures": {"modes": [0] + [captured] * 20}}

    found = techniques.read(cases("stability-techniques-small", outcome))
    return {answer.about[0]: answer for answer in found.answers}


def test_each_technique_is_judged_by_the_failure_that_it_was_made_for():
    found = _techniques(gradient_penalty=("exploding_gradient",))
    assert {name: answer.reading for name, answer in found.items()} == {"a": YES, "b": NO, "c": YES, "d": MORE}
    assert found["c"].level == "in these 3 settings alone"
    found = _techniques(spectral_norm=(), progressive=())
    assert (found["b"].reading, found["d"].reading) == (YES, YES)
    assert found["b"].level == "on settings like these (6, p = 0.031)"
    assert found["d"].level == "in this setting alone"


def test_a_failure_that_does_not_happen_cannot_be_reduced():
    """None of 72 is at most 5 %, and none of 12 at most 26 %."""
    found = _techniques(none=(), equalized_learning_rate=(), spectral_norm=(), progressive=(), gradient_penalty=())
    assert found["b"].reading is NOTHING
    assert found["b"].reason == "seen in 0 of 72 trials without, it happens in at most 5 %"
    assert found["a"].reading is found["d"].reading is SILENT
    assert found["a"].reason == "the failure was seen in none of the 48 trials"


def test_undecided_trials_are_counted_both_ways_in_claim_8():
    assert _techniques(("spectral_norm",), spectral_norm=())["b"].value == "open: depends on undecided trials"
    # A failure that hardly happens must hardly happen with undecided trials counted as failed too.
    found = _techniques(("none", "spectral_norm"), none=(), spectral_norm=())["b"]
    assert (found.reading, found.reason) == (
        SILENT,
        "the failure was seen in none of the 144 trials; 144 are undecided",
    )


# --- all of them


def test_every_rule_has_its_claim_and_every_claim_its_rule():
    rules = read_rules()
    assert [claim.number for claim in CLAIMS] == sorted(rules) == list(range(1, 9))
    for claim in CLAIMS:
        for suite in claim.suites:
            assert f"`{suite}`" in rules[claim.number].text or claim.number == 8, (claim.number, suite)
        assert rules[claim.number].claim.endswith(tuple("abcdefghijklmnopqrstuvwxyz"))
        assert "* **New**:" in rules[claim.number].text


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: str(claim.number))
@pytest.mark.parametrize("form", ["full", "small"])
def test_every_rule_reads_every_suite_that_it_names(claim, form):
    def outcome(group, label, seed):
        modes = [100 * luck(seed, label)] * 21
        failed = ("exploding_gradient", "vanishing_gradient") * (seed == 0)
        return {
            "gradient": 1 + luck(seed, label),
            "modes": failed,
            "measures": {"modes": modes, ERROR: modes, FINAL: modes},
        }

    for suite in claim.suites:
        if suite.endswith("-small") == (form == "small"):
            found = claim.read(cases(suite, outcome, seeds=2))
            assert found.answers
            assert all(one.part.effect.size for answer in found.answers for one in answer.parts), suite
            assert all(0 <= one.power <= 1 for answer in found.answers for one in answer.parts), suite


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: str(claim.number))
def test_a_suite_without_the_cells_of_a_rule_gets_no_verdict(claim):
    """Somebody's own suite under a shipped one's name."""
    whole = cases(claim.suites[-1], lambda group, label, seed: _errors(0.1))
    label = next(iter(whole.groups[0].cells))
    only = replace(whole.groups[0], cells={"other": whole.groups[0].cells[label]})
    those = tuple(replace(case, group=only, normalizer="other") for case in whole.cell(whole.groups[0], label))
    found = claim.read(replace(whole, groups=(only,), cases=those))
    assert not {Reading.REPRODUCED, Reading.NOT_REPRODUCED} & {answer.reading for answer in found.answers}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: str(claim.number))
def test_a_verdict_needs_nearly_all_trials(claim):
    whole = cases(claim.suites[-1], lambda group, label, seed: _errors(0.1))
    half = type(whole)(whole.plan, whole.groups, whole.cases[::2])
    assert [answer.reading for answer in claim.read(half).answers] == [Reading.INCOMPLETE]
