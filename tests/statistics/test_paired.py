"""Two normalizers on shared seeds, or without any."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy.stats import boschloo_exact, permutation_test

from ganbench.harness.statistics import (
    boschloo,
    claim_p,
    mcnemar,
    risk_difference,
    sign_flip,
    sign_flip_many,
    suite_generator,
)
from ganbench.harness.statistics.intervals import wilson


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


def test_a_claim_is_mcnemar_s_test_over_the_pairs_of_all_groups():
    a, b = [[1, 1, 1, 0], [1, 1, 0, 1]], [[0, 0, 0, 1], [0, 0, 0, 0]]
    assert claim_p(a, b) == claim_p(b, a) == pytest.approx(mcnemar(6, 1))


def test_effects_that_cancel_over_cells_are_no_difference():
    a, b = np.zeros((2, 12)), np.zeros((2, 12))
    a[0], b[1, :11] = 1, 1  # every cell has a clear difference
    assert claim_p(a, b) == 1


def test_a_pair_with_a_missing_half_is_no_pair():
    a, b = np.array([[1, 1, np.nan, 1.0]]), np.array([[0, np.nan, 0, 0.0]])
    assert claim_p(a, b) == mcnemar(2, 0)
    assert claim_p(np.full((2, 3), np.nan), np.zeros((2, 3))) == 1
    assert claim_p(np.zeros((0, 0)), np.zeros((0, 0))) == 1


def test_outcomes_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        claim_p([[1, 0]], [[1]])


def false_shares(failed):
    """The share of pairs of equals, [draws, 2, groups, seeds], that each test separates: McNemar's, and that over seeds."""
    differences = failed[:, 0].astype(int) - failed[:, 1]
    pooled = [claim_p(*item) <= 0.05 for item in failed]
    return np.mean(pooled), np.mean(sign_flip_many(differences.sum(axis=1)) <= 0.05)


def test_claims_are_rarely_false_also_where_cells_are_unlike_and_differ_both_ways():
    random = np.random.default_rng(0)
    draws = 600
    unlike = np.linspace(0.05, 0.8, 5)[:, None]
    cancel = np.array([[0.6, 0.5, 0.35, 0.2, 0.1], [0.1, 0.2, 0.35, 0.5, 0.6]])[..., None]
    for rates in (unlike, cancel):
        found, _ = false_shares(random.random((draws, 2, 5, 16)) < rates)
        assert found <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / draws)


def test_were_starts_shared_over_cells_only_seeds_as_blocks_would_hold():
    """Each normalizer has seeds that fail it everywhere, which streams that depend on the group rule out."""
    random = np.random.default_rng(0)
    draws = 600
    bad = random.random((draws, 2, 1, 16)) < 0.3
    pooled, blocked = false_shares(random.random((draws, 2, 5, 16)) < np.where(bad, 0.9, 0.1))
    assert pooled > 0.15
    assert blocked <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / draws)


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
