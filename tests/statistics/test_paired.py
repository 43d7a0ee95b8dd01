"""Two normalizers on shared seeds, or without any."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy.stats import boschloo_exact, permutation_test

from ganbench.harness.statistics import (
    boschloo,
    mcnemar,
    mcnemar_many,
    risk_difference,
    sign_flip_many,
)
from ganbench.harness.statistics.intervals import wilson


def enumerated(values):
    sums = [abs(sum(sign * value for sign, value in zip(signs, values, strict=True)))
            for signs in product([-1, 1], repeat=len(values))]  # fmt: skip
    return np.mean([item >= abs(sum(values)) - 1e-9 for item in sums])


@pytest.mark.parametrize("values", [[1] * 6, [3, 1, -2, 5], [2, 0, -2], [4], [1, 1, 1, -1, 2, 2, 7, -3]])
def test_sign_flips_are_exact(values):
    rows = np.array([values, [-value for value in values]])
    assert sign_flip_many(rows) == pytest.approx([enumerated(values)] * 2, abs=1e-12)


def test_sign_flips_agree_with_scipy():
    values = np.array([30, 11, -24, 50, 17, 8])
    found = permutation_test((values,), np.sum, permutation_type="samples", n_resamples=10_000).pvalue
    assert sign_flip_many(values[None]) == pytest.approx([found])


def test_one_whole_number_per_block_of_one_is_mcnemar_s_test():
    assert sign_flip_many(np.array([[1] * 9 + [-1] * 3 + [0] * 50])) == pytest.approx([mcnemar(9, 3)])


def test_many_sign_flips_at_once_agree_with_one_by_one():
    rows = np.random.default_rng(0).integers(-60, 62, (20, 14))
    rows[0] = 0
    assert sign_flip_many(rows) == pytest.approx([enumerated(row.tolist()) for row in rows], abs=1e-9)


def test_blocks_that_say_nothing_give_one():
    assert sign_flip_many(np.array([[0, 0], [1, -1]])).tolist() == [1, 1]
    assert sign_flip_many(np.zeros((2, 0), int)).tolist() == [1, 1]


def false_shares(failed):
    """The share of pairs of equals, [draws, 2, groups, seeds], that each test separates: McNemar's, and that over seeds."""
    differences = failed[:, 0].astype(int) - failed[:, 1]
    only = [((sign * differences) > 0).sum(axis=(1, 2)) for sign in (1, -1)]
    return np.mean(mcnemar_many(*only) <= 0.05), np.mean(sign_flip_many(differences.sum(axis=1)) <= 0.05)


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
