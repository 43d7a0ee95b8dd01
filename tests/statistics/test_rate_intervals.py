"""The two intervals of a mean rate: for the settings at hand, and for settings like these."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from ganbench.harness.statistics import ALPHA, mean_rate, rate_elsewhere
from ganbench.harness.statistics.intervals import clopper_pearson

LEAST = 0.93
"""What 95 % intervals cover at least: they are of counts, so no interval has its level at every rate."""

CELLS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "alike": lambda random, many: np.full(many, 0.3),
    "unlike": lambda random, many: random.random(many),
    "bimodal": lambda random, many: np.where(random.random(many) < 0.4, 0.97, 0.02),
}
"""The true rates of cells, by how unlike they are."""


def width(interval: tuple[float, float]) -> float:
    return interval[1] - interval[0]


@pytest.mark.parametrize(("cells", "seeds"), [(5, 8), (16, 2), (20, 8)])
@pytest.mark.parametrize("kind", CELLS)
def test_the_interval_for_these_cells_covers_their_mean(kind, cells, seeds):
    random = np.random.default_rng(1)
    hits = []
    for _ in range(50):  # suites, of each of which there are 40 sweeps
        rates = CELLS[kind](random, cells)
        for failed in random.binomial(seeds, rates, (40, cells)).tolist():
            _, low, high = mean_rate([(count, seeds) for count in failed])
            hits.append(low <= rates.mean() <= high)
    assert np.mean(hits) >= LEAST


@pytest.mark.parametrize("methods", [1, 5, 10, 30])
@pytest.mark.parametrize(("cells", "seeds"), [(5, 8), (16, 2), (20, 8)])
def test_the_intervals_of_all_rows_hold_together_where_failures_are_rare(cells, seeds, methods):
    """Methods are independent, so all hold as often as one does, to the power of how many there are."""
    for mean in (0.01, 0.03, 0.1):
        failed = np.random.default_rng(1).binomial(seeds, mean, (20_000, cells))
        found, times = np.unique(np.sort(failed), axis=0, return_counts=True)
        ends = [mean_rate([(count, seeds) for count in row], ALPHA / methods)[1:] for row in found.tolist()]
        holds = [low <= mean <= high for low, high in ends]
        assert np.average(holds, weights=times) ** methods >= LEAST


def test_the_intervals_elsewhere_hold_together_where_almost_every_setting_fails():
    """Then the first row is one in which settings by luck did not: Wilson's interval of it would hold in 72 %."""
    ends = [rate_elsewhere([1.0] * failed + [0.0] * (16 - failed), ALPHA / 30) for failed in range(17)]
    share = binom.pmf(range(17), 16, 0.99)
    assert np.dot(share, [low <= 0.99 <= high for low, high in ends]) ** 30 >= LEAST


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=2, max_size=30), st.integers(2, 16))
def test_where_cells_fail_always_or_never_the_interval_is_narrower_than_that_of_the_pooled_counts(always, seeds):
    """As soon as both kinds of cells are frequent enough to be no accident of seeds."""
    rate, low, high = mean_rate([(seeds * fails, seeds) for fails in always])
    trials = seeds * len(always)
    pooled = width(clopper_pearson(seeds * sum(always), trials))
    if rate * (1 - rate) <= (seeds + 1) / (seeds + 2) ** 2:  # of a cell's rate (0 + 1) / (seeds + 2)
        assert high - low == pytest.approx(pooled)
    else:
        assert high - low <= pooled
        assert high - low < pooled or rate * (1 - rate) < 1.01 * (seeds + 1) / (seeds + 2) ** 2


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 16), st.integers(0, 16)), min_size=1, max_size=20))
def test_the_interval_for_these_cells_holds_their_rate_and_is_never_wider_than_if_all_were_alike(drawn):
    counts = [(min(pair), max(pair)) for pair in drawn if max(pair)]
    rate, low, high = mean_rate(counts)
    if counts:
        trials = len(counts) ** 2 / sum(1 / n for _, n in counts)
        assert 0 <= low <= rate + 1e-9 and rate - 1e-9 <= high <= 1
        alike = width(clopper_pearson(min(rate * trials, trials), trials))
        assert high - low <= alike + 1e-9


@pytest.mark.parametrize("settings", [5, 16, 48])
def test_the_interval_elsewhere_covers_the_population_where_a_setting_is_all_or_none(settings):
    """On average over populations, as seldom as one of twenty is hit by an unlucky count."""
    found = []
    for mean in np.linspace(0.05, 0.95, 19):
        random = np.random.default_rng(round(100 * mean))
        rates = (random.random((400, settings)) < mean).astype(float)
        intervals = [rate_elsewhere(row) for row in rates.tolist()]
        found.append(np.mean([low <= mean <= high for low, high in intervals]))
    assert np.mean(found) >= LEAST
    assert min(found) >= LEAST - 0.03


def test_an_interval_from_the_spread_of_the_rates_would_not_cover_where_failures_are_rare():
    """Why settings are counted as trials: where none of 16 failed, the spread is none, and so would be the width."""
    random = np.random.default_rng(0)
    rates = (random.random((2000, 16)) < 0.05).astype(float)
    half = 2.13 * rates.std(axis=1, ddof=1) / 4
    spread = np.abs(rates.mean(axis=1) - 0.05) <= half
    ours = [low <= 0.05 <= high for low, high in map(rate_elsewhere, rates.tolist())]
    assert spread.mean() < 0.6
    assert np.mean(ours) >= LEAST


def test_seeds_make_the_interval_elsewhere_no_narrower_and_settings_do():
    assert rate_elsewhere([0.5] * 16) == clopper_pearson(8, 16)
    assert rate_elsewhere([0.0, 1.0] * 8) == clopper_pearson(8, 16)
    assert width(rate_elsewhere([0.5] * 48)) < width(rate_elsewhere([0.5] * 16)) < width(rate_elsewhere([0.5] * 5))


def test_without_a_setting_anything_is_possible():
    assert rate_elsewhere([]) == (0, 1)
    assert rate_elsewhere([0.0]) == pytest.approx((0, 0.975))
    assert rate_elsewhere([1.0 + 1e-16, 1.0, 1.0 + 3e-16])[1] == 1  # rounding makes no more than all of them fail


@pytest.mark.parametrize("methods", [12, 30])
@pytest.mark.parametrize("settings", [16, 48])
def test_of_equal_methods_the_one_that_came_out_first_has_an_interval_that_covers(methods, settings):
    """With alpha over the number of rows, as the leaderboard makes it; an interval that forgets the choice covers less."""
    random = np.random.default_rng(methods)
    corrected, forgetful = [], []
    for mean in (0.2, 0.4, 0.7):
        for rates in (random.random((200, methods, settings)) < mean).astype(float):
            first = rates[rates.mean(axis=1).argmin()].tolist()
            for found, alpha in ((corrected, ALPHA / methods), (forgetful, ALPHA)):
                low, high = rate_elsewhere(first, alpha)
                found.append(low <= mean <= high)
    assert np.mean(corrected) >= LEAST
    assert np.mean(forgetful) < LEAST
