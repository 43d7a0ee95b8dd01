"""How many seeds it takes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from harness.errors import InputError
from reports.power import seeds_in_words
from reports.statistics import claim_power, discordant_chances, mcnemar_power, seeds_needed


@pytest.mark.parametrize(
    ("rates", "loose", "strict"),
    [  # the table in the project's notes on statistics: nested, independent
        ((0.5, 0.2), (25, 46), (37, 74)),
        ((0.4, 0.1), (25, 37), (37, 60)),
        ((0.3, 0.1), (39, 71), (56, 114)),
        ((0.2, 0.05), (52, 83), (75, 135)),
        ((0.5, 0.3), (39, 103), (56, 170)),
        ((0.1, 0.02), (98, 148), (141, 236)),
    ],
)
def test_the_table_of_seeds_needed(rates, loose, strict):
    for alpha, expected in ((0.05, loose), (0.005, strict)):
        assert tuple(seeds_needed(*rates, nested=nested, alpha=alpha) for nested in (True, False)) == expected
        assert tuple(seeds_needed(*rates[::-1], nested=nested, alpha=alpha) for nested in (True, False)) == expected


def test_power_is_the_sum_over_all_tables():
    by_hand = 0.0
    for b in range(13):
        for c in range(13 - b):
            if binomtest(b, b + c).pvalue <= 0.05 if b + c else False:
                by_hand += binom.pmf(b, 12, 0.5) * binom.pmf(c, 12 - b, 0.1 / 0.5)
    assert mcnemar_power(12, 0.5, 0.1) == pytest.approx(by_hand)


def test_power_at_the_edges():
    assert mcnemar_power(0, 0.5, 0.1) == mcnemar_power(50, 0, 0) == mcnemar_power(5, 1, 0) == 0
    assert mcnemar_power(6, 1, 0) == 1
    assert seeds_needed(1, 0, nested=False) == 6


def test_equal_rates_are_never_told_apart():
    assert seeds_needed(0.3, 0.3, nested=True) is None
    assert seeds_needed(0.3, 0.3001, nested=False) is None


def test_pooled_power_is_that_of_both_tests():
    """Nine seeds of five cells are enough pairs for McNemar's test, and too few seeds for the other."""
    chances = discordant_chances(0.5, 0.2, nested=True)
    assert mcnemar_power(9 * 5, *chances, 0.005) > 0.8
    assert claim_power(9, 5, *chances, 0.005) < 0.5
    needed = seeds_needed(0.5, 0.2, nested=True, cells=5, alpha=0.005)
    assert claim_power(needed, 5, *chances, 0.005) >= 0.8 > claim_power(needed - 1, 5, *chances, 0.005)


def test_more_cells_never_need_fewer_seeds_than_can_reach_the_level():
    assert seeds_needed(1, 0, nested=True, cells=50, alpha=0.005) == 9  # 2 / 2**9 is below, 2 / 2**8 above


def test_simulated_power_is_the_same_every_time():
    assert len({claim_power(16, 5, 0.3, 0.1) for _ in range(3)}) == 1
    assert np.isclose(claim_power(30, 1, 0.3, 0.1), mcnemar_power(30, 0.3, 0.1))


@pytest.mark.parametrize("wrong", [{"cells": 0}, {"alpha": 0.0}, {"power": 1.0}])
def test_arguments_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="between 0 and 1"):
        seeds_needed(0.5, 0.2, nested=True, **wrong)
    with pytest.raises(ValueError, match="rates are from 0 to 1"):
        seeds_needed(1.5, 0.2, nested=True)


def test_words_count_the_comparisons():
    assert "10 comparisons at 5 %" in seeds_in_words(0.5, 0.2, normalizers=5)[0]
    assert "4 comparisons with the baseline" in seeds_in_words(0.5, 0.2, normalizers=5, baseline_only=True)[0]
    assert "1 comparison at" in seeds_in_words(0.5, 0.2)[0]
    for wrong in ({"normalizers": 1}, {"alpha": 2.0}):
        with pytest.raises(InputError):
            seeds_in_words(0.5, 0.2, **wrong)
    with pytest.raises(InputError, match="no number of seeds"):
        seeds_in_words(0.2, 0.2)
