"""Ranks and tiers: what the corrected tests leave open."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ganbench.harness.statistics import in_order, rank_intervals, settled, tiers

SOME = 6
CLAIMS = st.sets(
    st.tuples(st.integers(0, SOME - 1), st.integers(0, SOME - 1)).filter(lambda pair: pair[0] != pair[1]), max_size=12
)
"""(better, worse); also in circles, and also both ways."""


def reachable(claims):
    """Who is better than whom if what follows from claims is taken as claimed, too; by brute force."""
    found = set(claims)
    for _ in range(SOME):
        found |= {(first, last) for first, middle in found for other, last in found if middle == other}
    return found


def test_who_is_better_than_one_that_is_better_than_a_third_is_better_than_the_third():
    assert settled(3, [(0, 1), (1, 2)]) == {(0, 1), (1, 2), (0, 2)}
    assert settled(2, []) == settled(0, []) == frozenset()


def test_methods_in_a_circle_are_level_and_those_outside_it_are_not():
    assert settled(3, [(0, 1), (1, 2), (2, 0)]) == frozenset()
    assert rank_intervals(3, settled(3, [(0, 1), (1, 2), (2, 0)])) == [(1, 3)] * 3
    circle_above_one = settled(4, [(0, 1), (1, 2), (2, 0), (1, 3)])
    assert circle_above_one == {(0, 3), (1, 3), (2, 3)}
    assert rank_intervals(4, circle_above_one) == [(1, 3)] * 3 + [(4, 4)]
    assert tiers(4, circle_above_one) == [(0, 1, 2), (3,)]


@given(CLAIMS)
def test_what_is_settled_is_what_follows_from_claims_but_for_circles(claims):
    follows = reachable(claims)
    assert settled(SOME, claims) == {pair for pair in follows if pair[::-1] not in follows and pair[0] != pair[1]}


@given(CLAIMS)
def test_what_is_settled_is_settled_by_itself(claims):
    better = settled(SOME, claims)
    assert settled(SOME, better) == better
    assert not {pair[::-1] for pair in better} & better


@given(CLAIMS, st.permutations(range(SOME)))
def test_none_is_placed_above_one_that_is_better_and_all_are_placed(claims, by_rate):
    better = settled(SOME, claims)
    places = {item: place for place, item in enumerate(in_order(by_rate, better))}
    assert sorted(places) == list(range(SOME))
    assert all(places[above] < places[below] for above, below in better)


@given(CLAIMS, st.permutations(range(SOME)))
def test_ranks_hold_the_place_in_the_order_and_agree_with_the_claims(claims, by_rate):
    better = settled(SOME, claims)
    ranks = rank_intervals(SOME, better)
    for place, item in enumerate(in_order(by_rate, better), 1):
        low, high = ranks[item]
        assert 1 <= low <= place <= high <= SOME
    for above, below in better:
        assert ranks[above][0] < ranks[below][0] and ranks[above][1] < ranks[below][1]


@given(st.permutations(range(SOME)))
def test_where_nothing_is_settled_the_order_is_that_of_the_rates(by_rate):
    assert in_order(by_rate, frozenset()) == by_rate


def test_who_is_held_back_by_a_better_one_follows_it_at_once():
    assert in_order([0, 1, 2, 3], settled(4, [(2, 0)])) == [1, 2, 0, 3]


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
