"""Quality in which a failure is worse than any number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from ganbench.harness.statistics import performance_profile, probability_of_improvement


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_the_probability_of_improvement_is_mann_and_whitney_s(better):
    random = np.random.default_rng(0)
    a, b = random.integers(0, 6, 12).astype(float), random.integers(0, 6, 9).astype(float)
    sign = 1 if better == "higher" else -1
    worst = -sign * 1e9
    statistic = mannwhitneyu(sign * np.append(a, [worst] * 2), sign * np.append(b, [worst] * 4)).statistic
    assert probability_of_improvement(a, 2, b, 4, better) == pytest.approx(statistic / (14 * 13))


def test_a_stable_trial_is_better_than_a_failed_one_and_two_failed_ones_tie():
    assert probability_of_improvement([99.0], 0, [], 1, "lower") == 1
    assert probability_of_improvement([], 1, [99.0], 0, "lower") == 0
    assert probability_of_improvement([], 3, [], 2, "higher") == 0.5
    assert math.isnan(probability_of_improvement([], 0, [1.0], 0, "lower"))


def test_the_two_probabilities_add_up_to_one():
    a, b = [1.0, 2.0, 2.0], [2.0, 3.0]
    total = probability_of_improvement(a, 1, b, 2, "lower") + probability_of_improvement(b, 2, a, 1, "lower")
    assert total == pytest.approx(1)


def test_a_profile_ends_at_the_share_that_is_stable():
    profile = performance_profile([1.0, 2.0, 4.0], 1, [0.5, 1.0, 2.5, 100.0, math.inf], "lower")
    assert list(profile) == [0, 0.25, 0.5, 0.75, 0.75]


def test_a_profile_of_what_should_be_high_falls():
    assert list(performance_profile([0.9, 0.5], 2, [0.0, 0.5, 0.7, 1.0], "higher")) == [0.5, 0.5, 0.25, 0]


def test_a_profile_keeps_the_shape_of_its_thresholds_and_needs_trials():
    assert performance_profile([1.0], 0, np.zeros((2, 3)), "lower").shape == (2, 3)
    assert np.isnan(performance_profile([], 0, [1.0], "lower")).all()
    assert list(performance_profile([], 4, [1.0], "lower")) == [0]
