"""Time to failure, against curves worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ganbench.harness.statistics import kaplan_meier


def test_kaplan_and_meier_by_hand():
    # At 10 one of five fails: 4/5. At 20 one is lost. At 30 one of three fails: 4/5 * 2/3. Two reach the budget.
    curve = kaplan_meier([10, 20, 30, 100, 100], [True, False, True, False, False], 100)
    assert list(curve.steps) == [0, 10, 20, 30, 100]
    assert curve.stable == pytest.approx([1, 0.8, 0.8, 0.8 * 2 / 3, 0.8 * 2 / 3])
    assert curve.restricted_mean == pytest.approx(10 + 20 * 0.8 + 70 * 0.8 * 2 / 3)
    inside = np.isfinite(curve.low)
    assert (curve.low[inside] <= curve.stable[inside]).all()
    assert (curve.stable[inside] <= curve.high[inside]).all()


def test_without_losses_the_mean_is_that_of_the_stable_steps():
    assert kaplan_meier([3, 7, 10, 10], [1, 1, 0, 0], 10).restricted_mean == pytest.approx((3 + 7 + 20) / 4)


def test_who_never_failed_is_stable_for_the_whole_budget():
    curve = kaplan_meier([50, 50], [False, False], 50)
    assert (set(curve.stable), curve.restricted_mean) == ({1.0}, 50)


def test_who_failed_from_the_start_is_stable_for_no_step():
    curve = kaplan_meier([0, 0], [True, True], 50)
    assert (curve.stable[-1], curve.restricted_mean) == (0, 0)


def test_a_failure_at_the_last_step_takes_nothing_from_the_mean():
    assert kaplan_meier([50, 50], [True, False], 50).restricted_mean == 50


def test_one_trial_and_no_trial():
    assert kaplan_meier([5], [True], 10).restricted_mean == 5
    assert math.isnan(kaplan_meier([], [], 10).restricted_mean)


def test_steps_beyond_the_budget_are_refused():
    with pytest.raises(ValueError, match="from 0 to 10"):
        kaplan_meier([11], [True], 10)
    with pytest.raises(ValueError, match="one step and one outcome"):
        kaplan_meier([1, 2], [True], 10)
