"""No number of a page contradicts another one: what must hold of every ledger."""

from __future__ import annotations

import re
from itertools import combinations

from drawn_boards import evidence_of
from odd_ledgers import EQUAL_BUT_UNLEARNT, EQUAL_BY_HALVES, LEARNS_BUT_FAILS, OPEN_ELSEWHERE, inside, ledgers, said

from ganbench.reports.board import build

# --- the headline ------------------------------------------------------------------------------------------------------


@ledgers
def test_the_headline_counts_who_is_open_on_the_level_that_it_speaks_of(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    text = said(evidence, board)
    if not (found := re.search(r"(\w) failed (least|less often than (\d+ others|\w)\b).* against ", text)):
        return
    level = "elsewhere" if "settings like these" in text else "significant"
    beaten = {pair.worse for pair in inside(board) if getattr(pair, level) and pair.better == found[1]}
    left = len(board.rows) - 1 - len(beaten)
    assert (found[2] == "least") == (left == 0)
    if of := found[3]:
        assert of in ({f"{len(beaten)} others"} if len(beaten) > 1 else beaten)
    if counted := re.search(r"; (\d+) open", text):
        assert int(counted[1]) == left


@ledgers
def test_all_that_are_said_to_have_failed_least_have_one_rate(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    if found := re.search(r"(\w) and (\d+) others? failed least: (.+?) %", said(evidence, board)):
        own = next(row.count for row in board.rows if row.normalizer == found[1])
        alike = [row for row in board.rows if row.count.decided and row.count.middle == own.middle]
        assert len(alike) == int(found[2]) + 1
        assert {row.count.rate for row in alike} == {own.rate}


def test_one_that_is_better_elsewhere_than_one_of_two_is_not_said_to_fail_least_there():
    evidence = evidence_of(OPEN_ELSEWHERE)
    assert said(evidence, build(evidence)) == (
        "v failed less often than w on 12 settings like these: 0 % (at most 33 %) against 100 %; 1 open."
    )


def test_one_that_failed_as_seldom_and_is_apart_by_learning_is_counted_as_open():
    evidence = evidence_of(EQUAL_BUT_UNLEARNT)
    text = said(evidence, build(evidence))
    assert text.startswith("v failed less often than w on 12 settings like these") and text.endswith("; 1 open.")


def test_rates_that_are_equal_only_if_half_of_the_undecided_failed_are_open():
    evidence = evidence_of(EQUAL_BY_HALVES)
    assert (
        said(evidence, build(evidence)) == "Open: which method failed least depends on the trials that are undecided."
    )


# --- the order ---------------------------------------------------------------------------------------------------------


@ledgers
def test_letters_of_tiers_rise_as_ranks_do(outcomes):
    rows = build(evidence_of(outcomes)).rows
    assert not rows or not rows[0].tiers or rows[0].tiers[0] == 0
    for above, below in combinations(rows, 2):
        if above.tiers and not set(above.tiers) & set(below.tiers):
            assert above.tiers[0] < below.tiers[0]
            assert above.rank[0] < below.rank[0] and above.rank[1] < below.rank[1]


def test_one_that_is_above_with_a_higher_rate_has_the_first_letter():
    rows = build(evidence_of(LEARNS_BUT_FAILS)).rows
    assert [(row.normalizer, row.rank, row.tiers) for row in rows] == [("v", (1, 1), (0,)), ("w", (2, 2), (1,))]
