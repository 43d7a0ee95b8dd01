"""How many seeds it takes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from ganbench.harness.errors import InputError
from ganbench.harness.statistics import (
    detectable_rate,
    discordant_chances,
    mcnemar_many,
    mcnemar_power,
    pairs_needed,
    power_by_settings,
    seeds_needed,
    settings_needed,
)
from ganbench.reports.power import power_in_words


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


def test_the_pairs_of_all_cells_count():
    chances = discordant_chances(0.5, 0.2, nested=True)
    needed = seeds_needed(0.5, 0.2, nested=True, cells=5, alpha=0.005)
    assert mcnemar_power(needed * 5, *chances, 0.005) >= 0.8 > mcnemar_power((needed - 1) * 5, *chances, 0.005)
    assert needed == math.ceil(37 / 5)


def test_pooled_power_is_the_share_of_suites_in_which_a_claim_is_made():
    random, draws = np.random.default_rng(0), 1000
    failed = random.random((draws, 2, 5, 8)) < np.array([0.5, 0.2])[:, None, None]
    alone = [(failed[:, one] & ~failed[:, 1 - one]).sum(axis=(1, 2)) for one in (0, 1)]
    claimed = np.mean(mcnemar_many(*alone) <= 0.05)
    power = mcnemar_power(40, *discordant_chances(0.5, 0.2, nested=False))
    assert claimed == pytest.approx(power, abs=4 * math.sqrt(power * (1 - power) / draws))


def test_no_cell_has_fewer_than_one_seed():
    assert seeds_needed(1, 0, nested=True, cells=50, alpha=0.005) == 1


@pytest.mark.parametrize("wrong", [{"cells": 0}, {"alpha": 0.0}, {"power": 1.0}])
def test_arguments_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="between 0 and 1"):
        seeds_needed(0.5, 0.2, nested=True, **wrong)
    with pytest.raises(ValueError, match="rates are from 0 to 1"):
        seeds_needed(1.5, 0.2, nested=True)


def test_words_count_the_comparisons():
    assert "10 comparisons at 5 %" in power_in_words(0.5, 0.2, settings=16, seeds=2, normalizers=5)[0]
    assert "1 comparison at" in power_in_words(0.5, 0.2, settings=16, seeds=2)[0]
    for wrong in ({"normalizers": 1}, {"alpha": 2.0}, {"agreement": 2.0}):
        with pytest.raises(InputError):
            power_in_words(0.5, 0.2, settings=16, seeds=2, **wrong)
    with pytest.raises(InputError, match="no number of settings"):
        power_in_words(0.2, 0.2, settings=16, seeds=2)


def test_words_show_the_design_that_is_asked_for_among_others_with_as_many_trials():
    lines = power_in_words(0.45, 0.2, settings=16, seeds=8)
    designs = [tuple(map(int, line.split()[:2])) for line in lines if "%" in line and line.split()[0].isdigit()]
    assert {settings * seeds for settings, seeds in designs} == {128}
    assert len(designs) == 5
    assert next(line for line in lines if "(asked for)" in line).split()[:2] == ["16", "8"]


def test_settings_buy_more_than_seeds_where_the_seeds_of_a_setting_agree():
    found = [power_by_settings(0.45, 0.2, *design)[1] for design in ((8, 16), (16, 8), (32, 4), (64, 2))]
    assert found == sorted(found)
    assert found[0] < 0.3 < 0.7 < found[-1]


def test_where_settings_are_alike_only_the_number_of_trials_counts():
    exact = mcnemar_power(128, *discordant_chances(0.45, 0.2, nested=False))
    for design in ((16, 8), (64, 2)):
        assert power_by_settings(0.45, 0.2, *design, agreement=0)[0] == pytest.approx(exact, abs=0.03)


def test_with_too_few_settings_nothing_can_be_found_on_settings_like_these():
    assert power_by_settings(1.0, 0.0, settings_needed(10) - 1, 64, alpha=0.005) == (1.0, 0.0)
    assert power_by_settings(1.0, 0.0, settings_needed(10), 64, alpha=0.005) == (1.0, 1.0)


@pytest.mark.parametrize("nested", [True, False])
def test_the_detectable_rate_is_the_highest_that_is_told_apart(nested):
    found = detectable_rate(0.5, 40, nested=nested, alpha=0.005)

    def power(rate):
        return mcnemar_power(40, *discordant_chances(0.5, rate, nested=nested), 0.005)

    assert power(found) >= 0.8 > power(found + 0.01)


def test_with_too_few_pairs_no_rate_is_told_apart():
    assert detectable_rate(0.5, 8, nested=False) is None
    assert detectable_rate(0.0, 1000, nested=True) is None


@pytest.mark.parametrize(("first", "second", "pairs"), [(8, 16, 40), (0, 7, 40), (3, 12, 100)])
def test_about_so_many_pairs_have_the_power_that_they_are_said_to_have(first, second, pairs):
    needed = float(pairs_needed(first, second, pairs, alpha=0.005))
    exact = mcnemar_power(round(needed), first / pairs, second / pairs, 0.005)
    assert 0.74 < exact < 0.92  # by counts of a few pairs, power is not smooth


def test_no_number_of_pairs_separates_what_fails_equally_often():
    assert pairs_needed([5, 0, 0], [5, 0, 3], [40, 40, 0]).tolist() == [math.inf] * 3
