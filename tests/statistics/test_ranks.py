"""Ranks and tiers: what the corrected tests leave open."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from ganbench.harness.statistics import tiers


def test_where_nothing_is_separated_all_are_one_tier():
    assert tiers(4, []) == [(0, 1, 2, 3)]
    assert tiers(1, []) == [(0,)]
    assert tiers(0, []) == []


def test_where_all_are_separated_each_is_a_tier():
    assert tiers(3, list(combinations(range(3), 2))) == [(0,), (1,), (2,)]


def test_a_method_can_be_level_with_two_that_differ():
    assert tiers(3, [(0, 2)]) == [(0, 1), (1, 2)]
    assert tiers(4, [(0, 2), (0, 3), (1, 3)]) == [(0, 1), (1, 2), (2, 3)]


def test_neighbours_that_differ_are_in_no_common_tier_though_the_ends_are_level():
    assert tiers(3, [(1, 0)]) == [(0, 2), (1, 2)]


def test_tiers_are_all_the_largest_sets_without_a_separated_pair():
    random = np.random.default_rng(0)
    for _ in range(20):
        pairs = [pair for pair in combinations(range(7), 2) if random.random() < 0.4]

        def level(items, pairs=pairs):
            return not any(pair in pairs for pair in combinations(items, 2))

        sets = [items for size in range(1, 8) for items in combinations(range(7), size) if level(items)]
        largest = [items for items in sets if not any(set(items) < set(other) for other in sets)]
        assert tiers(7, pairs) == sorted(largest)
