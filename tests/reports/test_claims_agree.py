"""What is claimed of two normalizers agrees with their numbers, and with the order of the rows."""

from __future__ import annotations

import math
import re

import pytest
from drawn_boards import evidence_of, one_after_the_other
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_ledgers import BELOW_BY_A_THIRD, CIRCLE, CIRCLE_OF_BOTH, MIXED, drawn, inside, ledgers

from ganbench.reports.board import build
from ganbench.reports.figures.forest import draw
from ganbench.reports.formats.comparison_data import comparison_data
from ganbench.reports.formats.table import pair_table
from ganbench.reports.formatting import grounds, unmarked
from ganbench.reports.wording.levels import CONTRADICTED, intro, support
from ganbench.reports.wording.matrix import legend, matrix
from ganbench.reports.wording.pairs import by_others, conclusion

TESTS = ("spending", "betting")


# --- seeds one after the other ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("later", [14, 22])
def test_a_sequential_decision_that_later_seeds_lean_against_is_no_claim(test, later):
    outcomes = {"v": ("." * 14 + "d" * later,), "w": ("d" * 14 + "." * later,)}
    (pair,) = build(one_after_the_other(evidence_of(outcomes), test)).pairs
    assert not pair.significant and pair.apart is None
    assert unmarked(conclusion(pair, 1)).startswith("Not enough seeds to separate")


@given(outcomes=drawn(), test=st.sampled_from(TESTS))
@settings(max_examples=60, deadline=None)
def test_a_sequential_claim_has_the_direction_of_its_numbers(outcomes, test):
    for pair in build(one_after_the_other(evidence_of(outcomes), test, least=1)).pairs:
        alone = {pair.first: pair.only_first, pair.second: pair.only_second}
        unlearnt = {pair.first: pair.unlearnt_first, pair.second: pair.unlearnt_second}
        if pair.failing.here:
            assert alone[pair.better] < alone[pair.worse]
        if pair.learns_less:
            assert unlearnt[pair.learns_more] < unlearnt[pair.learns_less]


# --- the order ----------------------------------------------------------------------------------------------------------


@ledgers
def test_a_pair_of_which_order_or_ranks_say_otherwise_than_its_claim_is_named_and_no_other(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    places = {row.normalizer: place for place, row in enumerate(board.rows)}
    tiers = {row.normalizer: set(row.tiers) for row in board.rows}
    found = []
    for pair in inside(board):
        claimed = [pair.apart] if pair.apart else [(pair.learns_more, pair.learns_less)] if pair.learns_less else []
        against = any(places[above] > places[below] for above, below in claimed)
        against |= pair.apart is not None and bool(tiers[pair.first] & tiers[pair.second])
        assert pair.contradicted == against
        if against:
            assert by_others(pair) and by_others(pair) in conclusion(pair, len(board.pairs))
            found.append(by_others(pair))
    assert (CONTRADICTED in intro(evidence, board)) == bool(found)
    assert len(set(found)) > 3 or all(sentence in support(evidence, board) for sentence in found)


@ledgers
def test_each_of_a_circle_is_better_than_the_next_or_learns_more_often(outcomes):
    board = build(evidence_of(outcomes))
    claimed = {pair.apart for pair in board.pairs} | {(pair.learns_more, pair.learns_less) for pair in board.pairs}
    for pair in board.pairs:
        for above, below in zip(pair.circle, (*pair.circle[1:], *pair.circle[:1]), strict=True):
            assert (above, below) in claimed


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        (CIRCLE, "In the circle v, w and x each failed significantly less often than the next"),
        (CIRCLE_OF_BOTH, "In the circle v, w, x and y each failed"),
        (
            BELOW_BY_A_THIRD,
            "Ranks put y above x, which learns significantly more often, as y is above w and w is above x.",
        ),
    ],
)
def test_circles_and_chains_against_the_order_are_named_under_what_the_data_support(outcomes, words):
    evidence = evidence_of(outcomes)
    assert unmarked(support(evidence, build(evidence))).count(words) == 1


# --- mixed pairs --------------------------------------------------------------------------------------------------------


@ledgers
def test_a_pair_is_called_open_only_where_the_test_of_failures_leaves_it_open(outcomes):
    evidence = evidence_of(outcomes, baseline="v")
    board = build(evidence)
    for pair, line in zip(board.pairs, pair_table(board).to_dict("records"), strict=True):
        assert (line["separated"] == "open") == (not pair.failing.here)
    mixed, here = (sum(getattr(pair, name) for pair in board.pairs) for name in ("mixed", "significant"))
    if mixed:
        assert re.search(
            f", {mixed} (is|are) mixed and {len(board.pairs) - here - mixed} open", support(evidence, board)
        )
    for row in board.all_rows:
        if row.change is not None and not math.isnan(row.change.difference):
            (pair,) = [pair for pair in board.pairs if {pair.first, pair.second} == {"v", row.normalizer}]
            assert ("mixed" in grounds(row.change)) == pair.mixed


def test_a_mixed_pair_has_a_mark_of_its_own_and_words_for_it():
    evidence = evidence_of(MIXED, baseline="v")
    board = build(evidence)
    rows = matrix(board)
    assert [[entry and entry.text for entry in entries] for _, entries in rows] == [
        [None, "+50 ◐ ▲"],
        ["−50 ◐ ▼", None],
    ]
    assert "◐ mixed" in legend(rows)
    assert comparison_data(evidence, board)["separated"] == {"0-1": "mixed"}
    assert "separates the two, unless the one that fails less often learns less often" in draw(evidence, board).caption


def test_legends_speak_of_mixed_pairs_and_of_empty_entries_only_where_there_are_any():
    evidence = evidence_of({"v": ("d...",), "w": ("....",)}, baseline="v")
    board = build(evidence)
    assert "mixed" not in legend(matrix(board)) + draw(evidence, board).caption + support(evidence, board)
    assert "Empty" not in legend(matrix(board))
    assert "Empty: no decided trial of both." in legend(matrix(build(evidence_of({"v": ("d.uu",), "w": ("uu..",)}))))
