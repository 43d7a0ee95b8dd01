"""Seeds one after the other: looking as often as one likes does not make false claims more frequent."""

from __future__ import annotations

import math
import time
from itertools import combinations, product

import numpy as np
import pytest
from scipy.special import betaln

from ganbench.harness.statistics.sequential import (
    UNDECIDED,
    Rule,
    ci_halfwidth,
    compare,
    crossings,
    e_values,
    open_cells,
)

ALPHA = 0.05


def outcomes(*rates: float, groups: int = 5, seeds: int = 64, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.random((len(rates), groups, seeds)) < np.array(rates)[:, None, None]).astype(float)


def one_by_one(differences, level, most, every):
    """The spending test for one pair, followed sum by sum."""
    chances, spent, total = {0: 1.0}, 0.0, 0
    for block, difference in enumerate(differences, 1):
        total += difference
        moved = {}
        for place, chance in chances.items():
            for step in (difference, -difference):
                moved[place + step] = moved.get(place + step, 0) + chance / 2
        chances = moved
        if block % every:
            continue
        left = level * (block / most) ** 1.5 - spent
        bound = next(x for x in range(1, most + 2) if sum(c for place, c in chances.items() if abs(place) >= x) <= left)
        spent += sum(chance for place, chance in chances.items() if abs(place) >= bound)
        chances = {place: chance for place, chance in chances.items() if abs(place) < bound}
        if abs(total) >= bound:
            return block
    return 0


def dependent_nulls(count: int, groups: int, seeds: int) -> np.ndarray:
    """Differences of two equal normalizers, each with seeds of its own that fail it in most cells at once."""
    random = np.random.default_rng(5)
    bad = random.random((count, 2, 1, seeds)) < 0.3
    failed = random.random((count, 2, groups, seeds)) < np.where(bad, 0.9, 0.1)
    return (failed[:, 0].astype(int) - failed[:, 1]).sum(axis=1)


def test_betting_on_discordant_pairs_is_the_mixture_of_krichevsky_and_trofimov():
    pairs = [1, 0, 1, 1, -1, 0, 1]
    failed_first, failed_second = 4, 1
    expected = 2**5 * math.exp(betaln(failed_first + 0.5, failed_second + 0.5) - betaln(0.5, 0.5))
    assert e_values(pairs)[-1] == pytest.approx(expected)
    assert list(e_values([0, 0])) == pytest.approx([1, 1])


def test_a_bet_on_a_fair_coin_gains_nothing_on_average():
    sizes = np.array([1, 3, 2, 1, 4])
    last = [e_values(sizes * signs)[-1] for signs in product([-1, 1], repeat=5)]
    assert np.mean(last) == pytest.approx(1)


@pytest.mark.parametrize("groups", [1, 5])
def test_looking_after_every_seed_keeps_false_claims_at_the_level(groups):
    values = dependent_nulls(3000, groups, 64)
    tolerance = 2.5 * math.sqrt(ALPHA * (1 - ALPHA) / 3000)
    assert (1 / e_values(values).max(axis=-1) <= ALPHA).mean() <= ALPHA + tolerance
    rejected = crossings(values[:500], [ALPHA], 64)[:, 0] > 0
    assert rejected.mean() <= ALPHA + 2.5 * math.sqrt(ALPHA * (1 - ALPHA) / 500)


def test_the_spending_test_rejects_no_more_paths_than_its_level():
    sizes = np.array([1, 1, 2, 1, 3, 1, 1, 2, 1, 1])
    paths = sizes * np.array(list(product([-1, 1], repeat=10)))
    times = crossings(paths, [0.05, 0.3], 10, spending=1.5)
    for level, column in zip([0.05, 0.3], times.T, strict=True):
        for seed in range(1, 11):
            assert ((column > 0) & (column <= seed)).mean() <= level * (seed / 10) ** 1.5 + 1e-12
    assert (times[:, 1] > 0).mean() >= 0.25  # and spends most of it


@pytest.mark.parametrize("every", [1, 5])
def test_the_spending_test_is_the_one_followed_sum_by_sum(every):
    chances = np.linspace(0.05, 0.45, 12)
    values = np.array([np.random.default_rng(3).choice([1, -1, 0], 100, p=[0.5 - x, x, 0.5]) for x in chances])
    found = crossings(values, [ALPHA], 160, every=every)[:, 0]
    assert list(found) == [one_by_one(row, ALPHA, 160, every) for row in values.tolist()]
    assert 0 < (found > 0).sum() < len(found)


def test_the_order_of_the_groups_does_not_matter():
    values = outcomes(0.2, 0.3, 0.4, 0.6)
    for test in ("spending", "betting"):
        rule = Rule(test=test)
        assert compare(values, rule) == compare(values[:, ::-1], rule)
    differences = (values[3] - values[0]).T.reshape(1, -1).astype(int)
    assert e_values(differences, every=5)[0] == pytest.approx(e_values(differences)[0, 4::5])


def test_holm_takes_its_steps_as_if_every_pair_were_followed_at_every_level():
    values = outcomes(0.1, 0.25, 0.35, 0.5, 0.6, seed=2)
    rule = Rule()
    names = list(combinations(range(5), 2))
    differences = np.array([(values[a] - values[b]).T.reshape(-1) for a, b in names]).astype(int)
    expected, more = {}, True
    while more:
        left = [index for index in range(10) if index not in expected]
        times = crossings(differences[left], [ALPHA / max(1, len(left))], 320, every=5)
        more = {index: int(block) // 5 for index, (block,) in zip(left, times.tolist(), strict=True) if block}
        expected |= more
    assert {index: pair.separated for index, pair in enumerate(compare(values, rule)) if pair.separated} == expected
    assert 4 < len(expected) < 10


def test_every_group_of_a_seed_counts_as_a_pair():
    """Twenty groups separate within the least number of seeds what one group could not."""
    values = outcomes(0.1, 0.6, groups=20, seeds=8)
    assert compare(values, Rule())[0].separated <= 8
    assert compare(values[:, :1], Rule())[0].separated is None


def test_many_normalizers_and_groups_are_compared_in_a_moment():
    values = outcomes(*np.linspace(0.1, 0.6, 10), groups=20)
    start = time.perf_counter()
    compare(values, Rule())
    assert time.perf_counter() - start < 10  # two seconds, on a busy machine too


def test_without_comparisons_the_width_alone_decides():
    values = outcomes(0.02, 0.5, seeds=24)
    rule = Rule(compare=False, half_width=0.07)
    assert ci_halfwidth(values[0]) < 0.07 < ci_halfwidth(values[1])
    assert compare(values, rule)[0].separated  # and yet the second goes on
    assert open_cells(values, rule) == {(1, group) for group in range(5)}
    assert open_cells(values[:1], Rule(compare=False, half_width=0.01)) == {(0, group) for group in range(5)}


def test_a_rejection_stands_whatever_follows():
    values = np.random.default_rng(1).integers(-1, 4, (20, 30))
    whole = crossings(values, [ALPHA], 30)[:, 0]
    part = crossings(values[:, :20], [ALPHA], 30)[:, 0]
    assert (whole[part > 0] == part[part > 0]).all()
    assert (part > 0).any()
    assert ((whole == 0) | (whole > 20))[part == 0].all()


def test_twelve_seeds_all_one_way_are_separated_and_eight_are_not():
    assert crossings(np.ones((1, 8), int), [ALPHA / 10], 64)[0, 0] == 0  # 2 / 2**8 is above a tenth of the level
    assert 9 < crossings(np.ones((1, 20), int), [ALPHA / 10], 64)[0, 0] <= 14


@pytest.mark.parametrize("test", ["spending", "betting"])
def test_over_all_pairs_and_all_looks_equal_normalizers_are_rarely_separated(test):
    rule = Rule(test=test)
    wrong = sum(
        any(pair.separated for pair in compare(outcomes(0.3, 0.3, 0.3, seed=seed), rule)) for seed in range(150)
    )
    assert wrong / 150 <= ALPHA + 2.5 * math.sqrt(ALPHA * (1 - ALPHA) / 150)


def test_every_cell_gets_the_least_number_of_seeds():
    values = np.full((2, 3, 64), np.nan)
    assert open_cells(values, Rule()) == {(item, group) for item in range(2) for group in range(3)}
    values[:, :, :7] = 0
    assert len(open_cells(values, Rule())) == 6


def test_no_cell_gets_more_than_the_largest_number():
    assert open_cells(outcomes(0.5, 0.5), Rule(futility=0)) == set()
    assert len(open_cells(outcomes(0.5, 0.5, seeds=63), Rule(futility=0))) == 10


@pytest.mark.parametrize("test", ["spending", "betting"])
def test_a_clear_difference_ends_early_and_the_others_go_on(test):
    values = outcomes(0.3, 0.35, 0.98)
    values[:, :, 24:] = np.nan
    rule = Rule(test=test, futility=0)
    assert {item for item, _ in open_cells(values, rule)} == {0, 1}
    found = {(pair.first, pair.second): pair for pair in compare(values, rule)}
    assert found[0, 2].separated
    assert found[0, 2].worse == found[1, 2].worse == 2
    assert found[0, 1].separated is None


def test_a_pair_without_a_difference_is_given_up():
    values = outcomes(0.0, 0.0)
    values[:, :, 16:] = np.nan
    pair = compare(values, Rule())[0]
    assert (pair.separated, pair.worse, pair.hopeless) == (None, None, True)
    assert open_cells(values, Rule()) == set()


def test_a_narrow_interval_ends_the_need_for_seeds():
    values = outcomes(0.05, 0.5, seeds=16)
    narrow = ci_halfwidth(values[0])
    assert narrow < ci_halfwidth(values[1])
    rule = Rule(test="betting", futility=0, half_width=0.999 * narrow)
    almost = outcomes(0.3, 0.4, seeds=16)
    assert open_cells(almost, Rule(futility=0, half_width=0.99)) == set()
    assert open_cells(almost, Rule(futility=0, half_width=0.01)) == open_cells(almost, rule) != set()


def test_half_a_width_without_trials_is_a_half():
    assert ci_halfwidth([]) == ci_halfwidth([np.nan]) == 0.5


def test_seeds_after_a_gap_are_not_looked_at():
    values = outcomes(0.1, 0.9, seeds=30)
    values[0, 2, 10] = np.nan
    assert compare(values, Rule())[0].seeds == 10


def test_seeds_that_have_not_run_settle_nothing():
    values = np.full((2, 1, 64), np.nan)
    values[0, 0, :8], values[1, 0, :8] = 0, 1
    differences = np.where(np.arange(64) < 8, -1, 0)[None]
    assert crossings(differences, [ALPHA], 64)[0, 0] > 8  # eight would do, were the others known to be alike
    assert compare(values, Rule())[0].separated is None


def test_a_group_that_a_normalizer_lacks_is_left_out():
    values = outcomes(0.1, 0.9, seeds=30)
    values[0, 2] = np.nan
    pair = compare(values, Rule())[0]
    assert (pair.seeds, pair.worse) == (30, 1)
    assert pair.separated


def test_with_a_baseline_only_its_comparisons_count():
    values = outcomes(0.98, 0.3, 0.3)
    values[:, :, 24:] = np.nan
    found = compare(values, Rule(futility=0, baseline=0))
    assert [(pair.first, pair.second) for pair in found] == [(0, 1), (0, 2)]
    assert all(pair.worse == 0 and pair.separated for pair in found)
    assert open_cells(values, Rule(futility=0, baseline=0)) == set()
    assert {item for item, _ in open_cells(values, Rule(futility=0))} == {1, 2}
    with pytest.raises(ValueError, match="no normalizer 3 among 3"):
        open_cells(values, Rule(baseline=3))


def test_one_normalizer_has_nothing_to_decide():
    assert compare(outcomes(0.3), Rule()) == []
    assert open_cells(outcomes(0.3), Rule()) == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"least": 0},
        {"least": 9, "most": 8},
        {"alpha": 0},
        {"futility": 1},
        {"half_width": 0},
        {"test": "luck"},
        {"compare": False},
    ],
)
def test_a_rule_without_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="least|alpha|half-width|test"):
        Rule(**wrong)


def test_outcomes_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="normalizers, groups, seeds"):
        open_cells([[0, 1]], Rule())
    with pytest.raises(ValueError, match="0, 1, 0.5 .undecided. and nan"):
        open_cells([[[0, 2]]], Rule())


# --- outcomes that nobody can tell


def either_way(values: np.ndarray) -> list[np.ndarray]:
    return [np.where(values == UNDECIDED, code, values) for code in (0.0, 1.0)]


def with_undecided(values: np.ndarray, share: float, seed: int = 9) -> np.ndarray:
    drawn = np.random.default_rng(seed).random(values.shape) < share
    return np.where(drawn & np.isfinite(values), UNDECIDED, values)


@pytest.mark.parametrize("test", ["spending", "betting"])
@pytest.mark.parametrize("share", [0.1, 0.4])
def test_two_are_separated_only_if_they_are_whichever_way_the_undecided_of_both_are_counted(test, share):
    rule = Rule(test=test)
    values = with_undecided(outcomes(0.02, 0.2, 0.5, 0.9, seeds=24), share)
    as_stable, as_failed = (compare(way, rule) for way in either_way(values))
    separated = 0
    for found, one, other in zip(compare(values, rule), as_stable, as_failed, strict=True):
        both = one.separated and other.separated and one.worse == other.worse
        assert found.separated == (max(one.separated, other.separated) if both else None)
        assert found.decided == (one.decided and other.decided)
        separated += found.separated is not None
    assert 0 < separated < 6


@pytest.mark.parametrize("test", ["spending", "betting"])
def test_the_cells_that_get_more_seeds_are_those_that_either_way_of_counting_would_give_more(test):
    values = outcomes(0.1, 0.15, 0.5, 0.95, seeds=64)
    values[:, :, 16:] = np.nan
    values[1] = with_undecided(values[1], 0.6)
    rule = Rule(test=test)
    ways = [open_cells(way, rule) for way in either_way(values)]
    assert open_cells(values, rule) == set.union(*ways)
    assert ways[0] != ways[1]


def test_two_that_the_ways_of_counting_separate_in_opposite_directions_are_given_up_and_nothing_is_claimed():
    """One half of the time failed, the other never decided: more seeds leave it so."""
    values = np.stack([np.tile([0.0, 1.0], (5, 16)), np.full((5, 32), UNDECIDED)])
    rule = Rule(most=64)
    one, other = (compare(way, rule)[0] for way in either_way(values))
    assert one.separated and other.separated and one.worse != other.worse
    found = compare(values, rule)[0]
    assert (found.separated, found.worse, found.hopeless) == (None, None, True)
    more = np.concatenate([values, np.full((2, 5, 32), np.nan)], axis=2)
    assert open_cells(more, rule) == set()


def test_the_width_that_is_wanted_is_that_of_the_decided_trials_and_undecided_ones_end_at_the_largest_number():
    rule = Rule(compare=False, half_width=0.2)
    values = np.full((1, 1, 64), np.nan)
    values[0, 0, :30] = 0
    assert open_cells(values, rule) == set()
    values[0, 0, 3:30] = UNDECIDED
    assert ci_halfwidth([0, 0, 0]) > 0.2
    assert open_cells(values, rule) == {(0, 0)}
    values[0, 0] = UNDECIDED
    assert open_cells(values, rule) == set()
