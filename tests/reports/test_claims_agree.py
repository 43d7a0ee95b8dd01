"""What is claimed of two normalizers agrees with their numbers, and with the order of the rows."""

from __future__ import annotations

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
    for pair in build(one_after_the_other(evidence_of(outcomes), test)).pairs:
        ahead, learns = pair.only_second - pair.only_first, pair.unlearnt_second - pair.unlearnt_first
        assert not pair.failing.here or (ahead and (ahead > 0) == (pair.better == pair.first))
        assert not pair.learns_less or (learns and (learns > 0) == (pair.learns_more == pair.first))


@ledgers
def test_a_pair_of_which_order_or_ranks_say_otherwise_than_its_claim_is_named_and_no_other(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    rows = {row.normalizer: (place, set(row.tiers)) for place, row in enumerate(board.rows)}
    claimed = {
        pair: pair.apart or (pair.learns_less and (pair.learns_more, pair.learns_less)) for pair in inside(board)
    }
    found = set()
    for pair, names in claimed.items():
        (above, letters), (below, others) = (rows[name] for name in names or (pair.first, pair.second))
        level = pair.apart is not None and bool(letters & others)
        assert pair.contradicted == bool(names and (above > below or level))
        found |= {by_others(pair)} if pair.contradicted else set()
        assert by_others(pair) in conclusion(pair, len(board.pairs))
        assert {*zip(pair.circle, (*pair.circle[1:], *pair.circle[:1]), strict=True)} <= {*claimed.values()}
    assert (CONTRADICTED in intro(evidence, board)) == bool(found) and "" not in found
    assert len(found) > 3 or all(sentence in support(evidence, board) for sentence in found)


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


@ledgers
def test_a_pair_is_called_open_only_where_the_test_of_failures_leaves_it_open(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    for pair, level in zip(board.pairs, pair_table(board).separated, strict=True):
        assert (level == "open") == (not pair.failing.here)
    if mixed := sum(pair.mixed for pair in board.pairs):
        left = len(board.pairs) - sum(pair.failing.here for pair in board.pairs)
        assert re.search(f", {mixed} (is|are) mixed and {left} open", support(evidence, board))


def test_a_mixed_pair_has_a_mark_of_its_own_and_words_for_it():
    evidence = evidence_of(MIXED, baseline="v")
    board = build(evidence)
    rows = matrix(board)
    assert [[entry and entry.text for entry in entries] for _, entries in rows] == [
        [None, "+50 ◐ ▲"],
        ["−50 ◐ ▼", None],
    ]
    assert "◐ mixed" in legend(rows) and "mixed" in grounds(board.rows[1].change)
    assert comparison_data(evidence, board)["separated"] == {"0-1": "mixed"}
    assert "separates the two, unless the one that fails less often learns less often" in draw(evidence, board).caption


def test_legends_speak_of_mixed_pairs_and_of_empty_entries_only_where_there_are_any():
    evidence = evidence_of({"v": ("d...",), "w": ("....",)}, baseline="v")
    board = build(evidence)
    found = legend(matrix(board)) + draw(evidence, board).caption + support(evidence, board)
    assert not re.search("mixed|unless|Empty", found)
    assert "Empty: no decided trial of both." in legend(matrix(build(evidence_of({"v": ("d.uu",), "w": ("uu..",)}))))
