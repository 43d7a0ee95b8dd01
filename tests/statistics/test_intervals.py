"""Intervals of a rate: the textbook's, whole at both ends, and never beside their rate."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from ganbench.harness.statistics.intervals import clopper_pearson, rate_interval, wilson


@pytest.mark.parametrize("trials", [1, 2, 9, 10, 16, 64, 1000])
@pytest.mark.parametrize(("method", "name"), [(wilson, "wilson"), (clopper_pearson, "exact")])
def test_intervals_agree_with_scipy(trials, method, name):
    for failures in {0, 1, trials // 3, trials // 2, trials - 1, trials}:
        expected = binomtest(failures, trials).proportion_ci(0.95, method=name)
        assert method(failures, trials) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_fewer_than_ten_trials_get_the_exact_rate_interval():
    assert rate_interval(2, 9) == clopper_pearson(2, 9) != wilson(2, 9)
    assert rate_interval(2, 10) == wilson(2, 10) != clopper_pearson(2, 10)


def test_an_interval_holds_its_rate_and_is_within_zero_and_one():
    for trials in range(1, 40):
        for failures in range(trials + 1):
            low, high = rate_interval(failures, trials)
            assert 0 <= low <= failures / trials <= high <= 1


@pytest.mark.parametrize(
    ("failed", "trials", "expected"),
    [
        (0, 8, (0.0, 0.3694)),  # exact below ten: 1 - 0.025 ** (1 / 8)
        (8, 8, (0.6306, 1.0)),
        (0, 10, (0.0, 0.2775)),  # Wilson: z² / (n + z²)
        (10, 10, (0.7225, 1.0)),
        (81, 263, (0.2553, 0.3662)),  # Newcombe 1998, table I, method 3
    ],
)
def test_the_interval_is_wilson_s_and_exact_below_ten(failed: int, trials: int, expected: tuple) -> None:
    assert rate_interval(failed, trials) == pytest.approx(expected, abs=5e-5)


def test_no_trial_says_nothing_and_an_impossible_count_is_refused() -> None:
    assert rate_interval(0, 0) == (0, 1)
    with pytest.raises(ValueError, match="3 of 2 trials"):
        rate_interval(3, 2)
