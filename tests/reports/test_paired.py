"""Two normalizers on shared seeds, or without any."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy.stats import boschloo_exact, permutation_test

from harness.intervals import wilson
from reports.statistics import boschloo, claim_p, mcnemar, risk_difference, sign_flip, sign_flip_many, suite_generator


def enumerated(values):
    sums = [abs(sum(sign * value for sign, value in zip(signs, values, strict=True)))
            for signs in product([-1, 1], repeat=len(values))]  # fmt: skip
    return np.mean([item >= abs(sum(values)) - 1e-9 for item in sums])


@pytest.mark.parametrize("values", [[1] * 6, [3, 1, -2, 5], [2, 0, -2], [4], [1, 1, 1, -1, 2, 2, 7, -3]])
def test_sign_flips_of_whole_numbers_are_exact(values):
    assert sign_flip(values) == pytest.approx(enumerated(values), abs=1e-12)
    assert sign_flip([-value for value in values]) == sign_flip(values)


def test_sign_flips_agree_with_scipy():
    values = np.array([0.3, 0.11, -0.24, 0.5, 0.17, 0.08])
    found = permutation_test((values,), np.sum, permutation_type="samples", n_resamples=10_000).pvalue
    assert sign_flip(values.tolist()) == pytest.approx(found)


def test_fractions_of_cells_with_unequal_trials_are_exact():
    assert sign_flip([Fraction(1, 3), Fraction(1, 8), Fraction(-1, 2)]) == enumerated([1 / 3, 1 / 8, -1 / 2])
    assert sign_flip([Fraction(1, 7)] * 40) == pytest.approx(2 / 2**40)


def test_one_whole_number_per_block_of_one_is_mcnemar_s_test():
    assert sign_flip([1] * 9 + [-1] * 3 + [0] * 50) == pytest.approx(mcnemar(9, 3))


def test_many_blocks_without_a_grid_draw_signs_and_never_reach_zero():
    values = (0.5 + np.random.default_rng(0).random(30)).tolist()
    with pytest.raises(ValueError, match="give a generator"):
        sign_flip(values)
    assert sign_flip(values, suite_generator("a"), draws=999) == 1 / 1000
    mixed = np.random.default_rng(1).normal(size=30).tolist()
    assert sign_flip(mixed, suite_generator("a")) == sign_flip(mixed, suite_generator("a"))


def test_blocks_that_say_nothing_give_one():
    assert sign_flip([]) == sign_flip([0, 0]) == sign_flip([1, -1]) == 1
    with pytest.raises(ValueError, match="not finite"):
        sign_flip([1, math.nan])


@pytest.mark.parametrize("largest", [1, 4, 60])
def test_many_sign_flips_at_once_agree_with_one_by_one(largest):
    rows = np.random.default_rng(0).integers(-largest, largest + 2, (20, 24))
    rows[0] = 0
    assert sign_flip_many(rows) == pytest.approx([sign_flip(row.tolist()) for row in rows], rel=1e-6)
    assert list(sign_flip_many(np.zeros((2, 3), int))) == [1, 1]


def test_with_one_group_a_claim_is_mcnemar_s_test():
    a, b = [[1, 1, 1, 0, 1, 1, 0, 1]], [[0, 0, 0, 1, 0, 0, 0, 0]]
    assert claim_p(a, b) == claim_p(b, a) == pytest.approx(mcnemar(6, 1))


def test_a_seed_that_fails_everywhere_counts_once():
    a, b = np.zeros((10, 8)), np.zeros((10, 8))
    a[:, :2] = 1  # 20 discordant pairs, but two seeds
    assert mcnemar(20, 0) < 1e-5
    assert claim_p(a, b) == 0.5


def test_seeds_that_all_lean_one_way_do_not_make_up_for_pairs_that_do_not():
    a, b = np.zeros((3, 10)), np.zeros((3, 10))
    a[:2], b[2] = 1, 1
    assert sign_flip([1] * 10) == 2 / 2**10
    assert claim_p(a, b) == mcnemar(20, 10) > 0.05


def test_both_tests_must_pass():
    a, b = np.zeros((2, 12)), np.zeros((2, 12))
    a[0], b[1, :11] = 1, 1  # every cell has a clear difference, and they cancel
    assert claim_p(a, b) == 1


def test_a_pair_with_a_missing_half_is_no_pair():
    a, b = np.array([[1, 1, np.nan, 1.0]]), np.array([[0, np.nan, 0, 0.0]])
    assert claim_p(a, b) == mcnemar(2, 0)
    assert claim_p(np.full((2, 3), np.nan), np.zeros((2, 3))) == 1
    assert claim_p(np.zeros((0, 0)), np.zeros((0, 0))) == 1


def test_outcomes_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        claim_p([[1, 0]], [[1]])


def test_claims_are_rarely_false_where_each_normalizer_has_seeds_that_fail_it_everywhere():
    random = np.random.default_rng(0)
    draws, claimed, pooled = 600, 0, 0
    for _ in range(draws):
        bad = random.random((2, 1, 16)) < 0.3
        failed = (random.random((2, 5, 16)) < np.where(bad, 0.9, 0.1)).astype(int)
        claimed += claim_p(*failed) <= 0.05
        difference = failed[0] - failed[1]
        pooled += mcnemar(int((difference > 0).sum()), int((difference < 0).sum())) <= 0.05
    assert claimed / draws <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / draws)
    assert pooled / draws > 0.15  # which is why there are two tests


def test_the_interval_of_a_difference_is_newcombe_s():
    found = risk_difference(36, 12, 2, 0)  # Newcombe 1998, table II
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-5)


def test_the_interval_of_a_difference_has_the_continuity_correction_of_the_correlation():
    both, first, second, neither = 20, 12, 2, 16
    phi = (both * neither - first * second - 25) / math.sqrt(32 * 18 * 22 * 28)
    down, up = 32 / 50 - wilson(32, 50)[0], wilson(22, 50)[1] - 22 / 50
    low = 0.2 - math.sqrt(down**2 - 2 * phi * down * up + up**2)
    assert risk_difference(both, first, second, neither).low == pytest.approx(low)


def test_the_interval_of_a_difference_is_antisymmetric_and_within_bounds():
    for both, first, second, neither in product([0, 1, 5, 20], repeat=4):
        found, mirrored = risk_difference(both, first, second, neither), risk_difference(both, second, first, neither)
        if both + first + second + neither == 0:
            assert math.isnan(found.value)
            assert (found.low, found.high) == (-1, 1)
            continue
        assert -1 <= found.low <= found.value <= found.high <= 1
        assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


def test_the_interval_of_a_difference_covers():
    random = np.random.default_rng(3)
    chances = [0.2, 0.25, 0.1, 0.45]
    counts = random.multinomial(32, chances, 600)
    holds = [found.low <= 0.15 <= found.high for found in (risk_difference(*map(int, row)) for row in counts)]
    assert np.mean(holds) > 0.93


def test_pairing_narrows_the_interval_where_outcomes_agree():
    paired, unpaired = risk_difference(14, 6, 0, 20), risk_difference(7, 13, 7, 13)
    assert paired.value == unpaired.value == 0.15
    assert paired.high - paired.low < unpaired.high - unpaired.low


@pytest.mark.parametrize(("a", "b"), [((7, 8), (2, 8)), ((0, 16), (5, 16)), ((3, 5), (4, 9))])
def test_boschloo_agrees_with_scipy_and_is_symmetric(a, b):
    table = [[a[0], b[0]], [a[1] - a[0], b[1] - b[0]]]
    assert boschloo(*a, *b) == pytest.approx(boschloo_exact(table).pvalue)
    assert boschloo(*a, *b) == pytest.approx(boschloo(*b, *a), rel=1e-3)


def test_boschloo_without_a_difference_or_without_trials_is_one():
    assert boschloo(0, 8, 0, 8) == boschloo(8, 8, 8, 8) == boschloo(0, 0, 3, 8) == 1
    with pytest.raises(ValueError, match="9 of 8"):
        boschloo(9, 8, 0, 8)
