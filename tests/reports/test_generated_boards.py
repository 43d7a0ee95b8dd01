"""What holds of every board with undecided trials and trials that did not learn: over generated ones."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from graded import graded, regraded

from ganbench.harness.statistics import ALPHA, holm, mcnemar, rank_intervals, settled
from ganbench.harness.statistics.rates import mean_rate
from ganbench.reports import leaderboard
from ganbench.reports.board import build

NAMES, SEEDS, BOARDS = "vwxyz", 16, 25
FAILED = {"d"}


@pytest.fixture(scope="module")
def evidence(shared):
    return leaderboard(graded(shared, dict.fromkeys(NAMES, ("." * SEEDS, "." * SEEDS)))).evidence


def drawn(seed: int, letters: str) -> dict[str, tuple[str, str]]:
    """Return outcomes of normalizers that are unlike each other."""
    random = np.random.default_rng(seed)
    shares = random.dirichlet([0.4] * len(letters), len(NAMES))
    return {
        name: tuple("".join(random.choice(list(letters), SEEDS, p=share)) for _ in range(2))
        for name, share in zip(NAMES, shares, strict=True)
    }


def recoded(outcomes, letter: str):
    return {name: tuple(text.replace("u", letter) for text in texts) for name, texts in outcomes.items()}


def table(outcomes, letters):
    """Return who has one of some letters, [settings, seeds] by name; nan for undecided ones."""
    values = {name: [[math.nan if one == "u" else one in letters for one in text] for text in texts]
              for name, texts in outcomes.items()}  # fmt: skip
    return {name: np.array(value, dtype=float) for name, value in values.items()}


@pytest.mark.parametrize("seed", range(BOARDS))
def test_no_row_stands_above_one_that_learns_significantly_more_often(evidence, seed):
    board = build(regraded(evidence, drawn(seed, ".dnu")))
    places = {row.normalizer: place for place, row in enumerate(board.rows)}
    rows = {row.normalizer: row for row in board.rows}
    for pair in board.pairs:
        if pair.learns_less:  # all have all trials, so nobody learns more often in a circle
            more = next(name for name in (pair.first, pair.second) if name != pair.learns_less)
            assert places[more] < places[pair.learns_less]
        if pair.apart is not None:
            above, below = (rows[name] for name in pair.apart)
            assert above.rank[0] <= below.rank[0] and above.rank[1] <= below.rank[1]
            assert not set(above.tiers) & set(below.tiers)


def test_generated_boards_have_what_they_are_about(evidence):
    boards = [build(regraded(evidence, drawn(seed, ".dnu"))) for seed in range(BOARDS)]
    pairs = [pair for board in boards for pair in board.pairs]
    assert any(pair.learns_less and pair.significant for pair in pairs)
    assert any(pair.failing.here and not pair.significant for pair in pairs)
    assert any(pair.undecided and pair.significant for pair in pairs)
    assert any(
        [row.count.rate for row in board.rows] != sorted(row.count.rate for row in board.rows) for board in boards
    )


@pytest.mark.parametrize("seed", range(BOARDS))
def test_a_claim_holds_whatever_the_undecided_trials_of_both_are_counted_as(evidence, seed):
    outcomes = drawn(seed, ".dnu")
    board = build(regraded(evidence, outcomes))
    claims = {frozenset((pair.first, pair.second)): pair for pair in board.pairs}
    for of, letters in (("failing", "d."), ("learning", "n.")):
        for letter in letters:
            other = build(regraded(evidence, recoded(outcomes, letter)))
            for pair in other.pairs:
                claim = getattr(claims[frozenset((pair.first, pair.second))], of)
                found = getattr(pair, of)
                assert claim.p >= found.p and claim.holm_p >= found.holm_p
                assert claim.settings_p >= found.settings_p and claim.settings_holm_p >= found.settings_holm_p
                if claim.here:
                    assert found.here
                    assert found.more == claim.more


@pytest.mark.parametrize("seed", range(BOARDS))
def test_the_one_that_fails_less_often_but_learns_less_often_is_not_called_more_stable(evidence, seed):
    for pair in build(regraded(evidence, drawn(seed, ".dn"))).pairs:
        both = pair.failing.here and pair.learning.here and pair.failing.more != pair.learning.more
        assert pair.mixed == both
        assert pair.significant == (pair.failing.here and not both)
        assert (pair.apart is None) == (both or not (pair.failing.here or pair.learning.here))


@pytest.mark.parametrize("seed", range(BOARDS))
def test_where_all_is_decided_and_all_learn_a_board_is_what_its_arithmetic_says(evidence, seed):
    outcomes = drawn(seed, ".d")
    board = build(regraded(evidence, outcomes))
    failed = table(outcomes, "d")
    alpha = ALPHA / len(NAMES)  # the intervals of all rows hold together
    rates = {name: mean_rate([(int(cell.sum()), SEEDS) for cell in values], alpha) for name, values in failed.items()}
    order = sorted(NAMES, key=lambda name: (rates[name][0], name))
    assert [row.normalizer for row in board.rows] == order
    for row in board.rows:
        count = row.count
        assert (count.rate, count.low, count.high) == rates[row.normalizer]
        assert count.low_bound == count.high_bound == count.rate and count.decided == count.trials
    names = list(itertools.combinations(order, 2))
    raw = [
        mcnemar(int((failed[one] > failed[other]).sum()), int((failed[one] < failed[other]).sum()))
        for one, other in names
    ]
    pairs = {(pair.first, pair.second): pair for pair in board.pairs}
    apart = []
    for pair, p, holm_p in zip(names, raw, holm(raw), strict=True):
        found = pairs[pair].failing
        assert found.p == pytest.approx(p) and found.holm_p == pytest.approx(holm_p)
        assert pairs[pair].significant == (holm_p <= ALPHA) and not pairs[pair].learns_less
        if holm_p <= ALPHA:
            apart.append((order.index(pairs[pair].better), order.index(pairs[pair].worse)))
    assert [row.rank for row in board.rows] == rank_intervals(len(order), settled(len(order), apart))
