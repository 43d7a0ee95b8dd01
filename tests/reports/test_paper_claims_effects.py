"""Effects that findings rest on: their values, intervals and tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, mannwhitneyu, permutation_test, spearmanr

from ganbench.harness.statistics import boschloo, mcnemar
from ganbench.reports.paper_claims.judging.effects import (
    chance_larger,
    correlation,
    larger_in_pairs,
    mean_correlation,
    rate,
    rates_apart,
    rates_in_pairs,
    ratio_in_pairs,
)

INF = math.inf


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_rate_has_the_exact_interval():
    found = rate([True] * 3 + [False] * 13)
    assert (found.low, found.high) == pytest.approx(tuple(binomtest(3, 16).proportion_ci(method="exact")))
    assert math.isnan(rate([]).value)


def test_rates_in_pairs_are_mcnemar_s():
    first, second = [True] * 7 + [False] * 9, [False] * 6 + [True] + [False] * 8 + [True]
    found = rates_in_pairs(first, second)
    assert found.value == pytest.approx((7 - 2) / 16)
    assert found.p == mcnemar(6, 1)
    assert found.low < found.value < found.high


def test_a_tie_is_no_pair_that_differs():
    found = larger_in_pairs([1, 2, 3, -INF, 5], [0, 1, 4, -INF, 5])
    assert (found.value, found.size) == (2 / 3, 3)
    assert found.p == binomtest(2, 3).pvalue
    assert math.isnan(larger_in_pairs([1, -INF], [1, -INF]).value)


def test_a_failure_is_the_worst_ratio_and_two_are_a_tie():
    assert ratio_in_pairs([INF] * 3 + [0.5] * 4, [1.0] * 7).value == 0.5
    assert ratio_in_pairs([INF] * 5 + [0.5] * 4, [1.0] * 9).value == INF
    assert ratio_in_pairs([1.0] * 9, [INF] * 9).value == 0
    assert ratio_in_pairs([INF] * 4, [INF] * 4).value == 1


@pytest.mark.parametrize(("count", "rank"), [(6, 0), (8, 0), (9, 1), (16, 3), (40, 13)])
def test_the_interval_of_a_median_ratio_is_the_sign_test_inverted(count, rank):
    values = np.sort(generator().random(count))
    found = ratio_in_pairs(values, np.ones(count))
    assert (found.low, found.high) == (values[rank], values[-1 - rank])
    # What lies just outside is rejected, what lies just inside is not.
    assert binomtest(rank, count).pvalue <= 0.05 < binomtest(rank + 1, count).pvalue


def test_the_interval_of_a_median_ratio_covers():
    random = generator()
    found = [ratio_in_pairs(random.lognormal(size=12), np.ones(12)) for _ in range(600)]
    assert np.mean([item.low <= 1 <= item.high for item in found]) >= 0.94


def test_few_ratios_have_no_bounds():
    found = ratio_in_pairs([0.5] * 5, [1] * 5)
    assert (found.low, found.high) == (0, INF)


def test_rates_apart_are_boschloo_s():
    found = rates_apart([True] * 6 + [False] * 2, [True] + [False] * 7)
    assert found.p == boschloo(6, 8, 1, 8)
    assert found.value == pytest.approx(5 / 8)


def test_the_chance_to_be_larger_is_mann_and_whitney_s():
    a, b = generator(1).normal(1, 1, 9), generator(2).normal(0, 1, 8)
    found = chance_larger([(a, b)], generator())
    test = mannwhitneyu(a, b, method="exact")
    assert found.value == pytest.approx(test.statistic / 72)
    assert found.p == pytest.approx(test.pvalue, abs=0.01)
    assert found.low < found.value < found.high


def test_a_correlation_is_spearman_s_with_its_permutation_test():
    a = generator(1).normal(size=9)
    b = a + generator(2).normal(size=9)
    found = correlation([(a, b)], generator())
    assert found.value == pytest.approx(spearmanr(a, b).statistic)
    exact = permutation_test((b,), lambda x: spearmanr(a, x).statistic, permutation_type="pairings", n_resamples=4000)
    assert found.p == pytest.approx(exact.pvalue, abs=0.015)


def test_correlations_hold_within_strata_only():
    strata = [(np.arange(8.0) + 100 * k, generator(k).permutation(8) + 100.0 * k) for k in range(6)]
    pooled = correlation([tuple(np.concatenate(side) for side in zip(*strata, strict=True))], generator())
    apart = correlation(strata, generator())
    assert pooled.value > 0.9  # the strata's levels alone
    assert abs(apart.value) < 0.5
    assert apart.p > 0.05


def test_a_stratum_without_ranks_does_not_count():
    useful = np.arange(6.0), np.arange(6.0)
    assert mean_correlation([useful, (np.ones(6), np.arange(6.0)), (np.arange(6.0), np.full(6, INF))]) == 1
    assert math.isnan(correlation([(np.ones(6), np.arange(6.0))], generator()).value)


def test_infinite_values_have_ranks():
    assert mean_correlation([(np.array([1, 2, INF, INF]), np.array([0, 1, INF, INF]))]) == pytest.approx(1)


def test_the_same_generator_gives_the_same_effect():
    strata = [(generator(k).random(8), generator(k + 50).random(8)) for k in range(4)]
    assert correlation(strata, generator()) == correlation(strata, generator())


@pytest.mark.parametrize("effect", [correlation, chance_larger])
def test_a_test_over_strata_keeps_its_level(effect):
    random = generator(7)
    p = [effect([(random.random(6), random.random(6)) for _ in range(3)], random).p for _ in range(120)]
    assert np.mean(np.array(p) <= 0.05) <= 0.12
    assert np.mean(np.array(p) <= 0.5) >= 0.35


# --- by settings, and what is imagined for a power


def test_differences_of_settings_are_told_from_a_reference():
    settings = ["a", "a", "b", "b", "b"]
    assert rates_in_pairs([1, 1, 0, 0, 1], [0, 0, 0, 1, 1], settings=settings).settings(0.5) == [1.0, -2.5]
    assert larger_in_pairs([1, 2, 3, 0, 5], [0, 2, 1, 1, 1], settings=settings).settings(0.5) == [
        0.5,
        0.5,
    ]  # a tie is nothing
    assert ratio_in_pairs([2, 3, 1, 1, 3], [1, 1, 2, 1, 1], settings=settings).settings(2.5) == [0.0, -1.0]
    assert rate([True, False, True, True, True], settings=settings).settings(0.5) == [0.0, 1.5]
    apart = rates_apart([True, False, True], [False, False, True], settings=(["a", "a", "b"], ["a", "b", "b"]))
    assert apart.settings(0.0) == [0.5, 0.5]


def test_strata_of_one_setting_are_averaged():
    strata = [
        (np.array([2.0]), np.array([1.0])),
        (np.array([1.0]), np.array([2.0])),
        (np.array([2.0]), np.array([1.0])),
    ]
    assert chance_larger(strata, generator(), settings=["a", "a", "b"]).settings(0.5) == [0.0, 0.5]


ONES, ZEROS = [True] * 10, [False] * 30
IMAGINED = {
    "rates in pairs": (rates_in_pairs(ONES + ZEROS, ZEROS + ONES), 0.3),
    "rates apart": (rates_apart(ONES + ZEROS, ONES + ZEROS), 0.3),
    "larger": (larger_in_pairs([1.0] * 20 + [0.0] * 20, [0.5] * 40), 0.65),
    "rate": (rate(ONES + ZEROS), 0.9),
    "ratio": (ratio_in_pairs(generator(3).lognormal(size=40), np.ones(40)), 0.8),
    "chance": (chance_larger([(np.arange(20.0), np.arange(20.0))] * 2, generator()), 0.65),
}


@pytest.mark.parametrize("name", IMAGINED)
def test_imagined_effects_scatter_around_the_true_one(name):
    effect, true = IMAGINED[name]
    found = effect.imagined(true, generator())
    assert sum(chance for chance, _ in found) == pytest.approx(1)
    in_order = sorted((one.value, chance) for chance, one in found)
    middle = in_order[int(np.searchsorted(np.cumsum([chance for _, chance in in_order]), 0.5))][0]
    assert middle == pytest.approx(true, rel=0.06)
    covered = sum(chance for chance, one in found if one.low <= true <= one.high)
    assert covered >= 0.9
    assert {one.size for _, one in found} == {effect.size}


def test_a_rate_that_cannot_be_so_much_higher_moves_the_other_down():
    found = rates_in_pairs(ONES * 4, ONES * 4).imagined(0.1, generator())
    assert sum(chance * one.value for chance, one in found) == pytest.approx(0.1, abs=0.01)


def test_imagined_correlations_are_those_of_ranks():
    strata = [(generator(k).random(200), generator(k + 50).random(200)) for k in range(3)]
    found = correlation(strata, generator()).imagined(0.3, generator())
    assert np.mean([one.value for _, one in found]) == pytest.approx(0.3, abs=0.01)
