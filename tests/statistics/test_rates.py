from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from ganbench.harness.statistics import (
    holm,
    least_discordant,
    least_discordant_each,
    mcnemar,
    mcnemar_many,
    mean_rate,
    median_failures_worst,
    rank_intervals,
    settled,
)
from ganbench.harness.statistics.intervals import clopper_pearson, rate_interval
from ganbench.reports.board.counting import Count
from ganbench.reports.formatting import percent, rate


def count(unstable: int, trials: int) -> Count:
    low, high = rate_interval(unstable, trials)
    return Count(unstable, trials, trials, unstable / trials if trials else math.nan, low, high, {})


def test_zero_of_sixteen_reads_at_most_19_percent():
    assert rate(count(0, 16)) == "0 % (at most 19 %)"


def test_sixteen_of_sixteen_reads_at_least_81_percent():
    assert rate(count(16, 16)) == "100 % (at least 81 %)"


def test_a_rare_failure_never_reads_as_none_or_all():
    assert (percent(1 / 250), percent(249 / 250)) == ("0.4 %", "99.6 %")
    assert rate(count(1, 250)).startswith("0.4 % (")


def test_halves_are_rounded_up_not_to_the_even_number():
    assert [percent(share) for share in (0.125, 0.425, 0.475, 0.625)] == ["13 %", "43 %", "48 %", "63 %"]


def test_no_trials_have_no_rate():
    assert math.isnan(mean_rate([(0, 0)])[0])
    assert rate(count(0, 0)) == "–"


def test_every_cell_weighs_the_same():
    assert mean_rate([(1, 2), (0, 8)])[0] == pytest.approx(0.25)  # pooled it would be 0.1


@pytest.mark.parametrize("counts", [[(3, 8), (0, 8), (1, 8)], [(2, 8)] * 5, [(0, 8)] * 3, [(8, 8)] * 3, [(5, 12)]])
def test_where_cells_are_alike_the_interval_is_that_of_the_pooled_counts(counts):
    failures, trials = sum(k for k, _ in counts), sum(n for _, n in counts)
    assert mean_rate(counts) == (failures / trials, *clopper_pearson(failures, trials))
    assert mean_rate(counts, 0.01) == (failures / trials, *clopper_pearson(failures, trials, 0.01))


def test_where_some_cells_have_fewer_trials_the_interval_is_that_of_as_many_as_have_the_variance():
    trials = 2**2 / (1 / 20 + 1 / 5)  # 16, by hand
    assert trials == 16
    rate_, low, high = mean_rate([(8, 20), (2, 5)])
    assert rate_ == 0.4
    assert (low, high) == pytest.approx(clopper_pearson(0.4 * 16, 16))


def test_the_more_unlike_cells_are_the_more_trials_their_mean_is_worth():
    # By hand: (0 + 1) / (8 + 2) and (8 + 1) / (8 + 2) have the variance 0.09 / 8, and their mean half of that.
    trials = 0.25 / (0.09 / 8 / 2)
    assert mean_rate([(0, 8), (8, 8)]) == pytest.approx((0.5, *clopper_pearson(trials / 2, trials)))
    widths = [np.diff(mean_rate(counts)[1:])[0] for counts in ([(4, 8), (4, 8)], [(2, 8), (6, 8)], [(0, 8), (8, 8)])]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > widths[2]


def test_a_method_that_never_or_always_failed_keeps_its_rate_whatever_is_missing():
    assert mean_rate([(0, 3), (0, 7), (0, 8)])[:2] == (0, 0)
    assert mean_rate([(3, 3), (7, 7), (8, 8)])[0] == mean_rate([(3, 3), (7, 7), (8, 8)])[2] == 1


def test_mcnemar_looks_at_discordant_pairs_only():
    assert mcnemar(0, 0) == 1
    assert mcnemar(6, 0) == pytest.approx(2 / 2**6)
    assert mcnemar(3, 1) == pytest.approx(2 * (1 + 4) / 2**4)
    assert mcnemar(2, 9) == mcnemar(9, 2) == pytest.approx(binomtest(2, 11).pvalue)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []


@pytest.mark.parametrize(("comparisons", "pairs"), [(1, 6), (5, 8), (10, 9), (28, 11), (45, 11)])
def test_the_least_number_of_discordant_pairs(comparisons, pairs):
    assert least_discordant([1.0] * comparisons, 0) == pairs  # the table in the project's notes on statistics


def test_fewer_pairs_are_needed_once_others_are_separated():
    assert least_discordant([1.0, *[1e-9] * 9], 0) == 6


def test_ranks_are_all_that_the_tests_leave_open():
    assert rank_intervals(3, frozenset()) == [(1, 3)] * 3
    assert rank_intervals(3, settled(3, [(0, 2), (1, 2)])) == [(1, 2), (1, 2), (3, 3)]
    assert rank_intervals(2, settled(2, [(1, 0)])) == [(2, 2), (1, 1)]


def test_rank_intervals_hold_all_at_once():
    """Four equal methods: in at most 5 % of the suites may any of them be ranked at all (with 2.5 s.e. of tolerance)."""
    random = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        failed = random.random((4, 60)) < 0.4
        pairs = [(a, b) for a in range(4) for b in range(a)]
        ps = [mcnemar(int((failed[a] & ~failed[b]).sum()), int((failed[b] & ~failed[a]).sum())) for a, b in pairs]
        claims = [pair for pair, p in zip(pairs, holm(ps), strict=True) if p <= 0.05]
        wrong += rank_intervals(4, settled(4, claims)) != [(1, 4)] * 4
    assert wrong / 400 < 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / 400)


def test_failures_are_worse_than_any_number():
    assert median_failures_worst([1.0, 2.0], 1, "lower") == 2.0
    assert median_failures_worst([0.9, 0.8], 1, "higher") == 0.8
    assert median_failures_worst([1.0, 2.0], 2, "lower") == math.inf
    assert median_failures_worst([1.0, 2.0], 2, "higher") == -math.inf
    assert math.isnan(median_failures_worst([], 0, "lower"))


def test_many_tests_at_once_give_the_numbers_of_each():
    random = np.random.default_rng(3)
    first, second = random.integers(0, 40, 300), random.integers(0, 40, 300)
    first[:40], second[20:60] = 0, first[20:60]
    expected = [mcnemar(int(one), int(other)) for one, other in zip(first, second, strict=True)]
    assert mcnemar_many(first, second).tolist() == expected


@pytest.mark.parametrize("seed", range(40))
def test_what_every_comparison_needs_is_what_one_after_the_other_needs(seed):
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 14))
    values = 2.0 ** -random.integers(0, 14, count)  # many are equal, and equal to what is tried
    values = np.where(random.random(count) < 0.5, values, random.random(count) ** 6).tolist()
    assert least_discordant_each(values) == [least_discordant(values, index) for index in range(count)]
