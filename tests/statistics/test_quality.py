"""Quality in which a failure is worse than any number."""

from __future__ import annotations

import math

import numpy as np

from ganbench.harness.statistics import performance_profile


def test_a_profile_ends_at_the_share_that_is_stable():
    profile = performance_profile([1.0, 2.0, 4.0], 1, [0.5, 1.0, 2.5, 100.0, math.inf], "lower")
    assert list(profile) == [0, 0.25, 0.5, 0.75, 0.75]


def test_a_profile_of_what_should_be_high_falls():
    assert list(performance_profile([0.9, 0.5], 2, [0.0, 0.5, 0.7, 1.0], "higher")) == [0.5, 0.5, 0.25, 0]


def test_a_profile_keeps_the_shape_of_its_thresholds_and_needs_trials():
    assert performance_profile([1.0], 0, np.zeros((2, 3)), "lower").shape == (2, 3)
    assert np.isnan(performance_profile([], 0, [1.0], "lower")).all()
    assert list(performance_profile([], 4, [1.0], "lower")) == [0]
