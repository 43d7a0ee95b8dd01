"""No number of a page contradicts another one: what must hold of every ledger."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import combinations, pairwise

from drawn_boards import evidence_of
from odd_ledgers import (
    CHAIN,
    EQUAL_BUT_UNLEARNT,
    EQUAL_BY_HALVES,
    LEARNS_BUT_FAILS,
    OPEN_ELSEWHERE,
    UNEVEN,
    claims,
    inside,
    ledgers,
    said,
)

from ganbench.harness.statistics import ALPHA, risk_difference
from ganbench.reports.board import build
from ganbench.reports.formats.badge import normalizer_badge
from ganbench.reports.formats.comparison_data import comparison_data
from ganbench.reports.formats.table import pair_table
from ganbench.reports.formatting import unmarked
from ganbench.reports.wording.columns import columns
from ganbench.reports.wording.matrix import legend, matrix
from ganbench.reports.wording.measures import measure_tables
from ganbench.reports.wording.missing import caution
from ganbench.reports.wording.pairs import conclusion


def several_measures(evidence):
    """The same trials, by a protocol that has two measures."""
    (protocol,) = evidence.protocols
    more = replace(protocol, measures=(*protocol.measures, ("modes", "higher")))
    groups = tuple(replace(group, protocol=more) for group in evidence.groups)
    return replace(evidence, protocols=(more,), groups=groups)


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


# --- pairs -------------------------------------------------------------------------------------------------------------


@ledgers
def test_an_interval_of_a_difference_excludes_none_where_the_test_separates_and_only_there(outcomes):
    board = build(evidence_of(outcomes, baseline="v"))
    lines = pair_table(board).to_dict("records")
    for pair, line in zip(board.pairs, lines, strict=True):
        low, high = line["difference_low"], line["difference_high"]
        assert pair.shared == 0 or (low >= 0 or high <= 0 if pair.failing.here else low <= 0 <= high)
    found = {frozenset((pair.first, pair.second)): line for pair, line in zip(board.pairs, lines, strict=True)}
    for row in board.all_rows:
        if row.change is not None and not math.isnan(row.change.difference):
            line = found[frozenset((row.normalizer, "v"))]
            ends = {abs(line["difference_low"]), abs(line["difference_high"])}
            assert ends == {abs(row.change.low), abs(row.change.high)}


def test_an_interval_that_is_wider_than_the_test_ends_at_none_where_that_separates():
    board = build(evidence_of({"v": ("." * 40,), "w": ("d" * 6 + "." * 34,), "x": ("d" * 39 + ".",)}, baseline="v"))
    change = next(row.change for row in board.rows if row.normalizer == "w")
    assert change.p <= ALPHA and change.low == 0 and risk_difference(0, 6, 0, 34, ALPHA / 3).low < 0


@ledgers
def test_where_ranks_separate_two_of_which_nothing_is_claimed_the_sentence_says_why(outcomes):
    board = build(evidence_of(outcomes))
    ranks = {row.normalizer: row.rank for row in board.rows}
    for pair in inside(board):
        low, high = sorted(ranks[name] for name in (pair.first, pair.second))
        text = unmarked(conclusion(pair, len(board.pairs)))
        if low[1] < high[0]:
            assert (pair.apart is None) == ("Ranks put" in text) == bool(pair.chain)
        if pair.chain:
            assert {pair.chain[0], pair.chain[-1]} == {pair.first, pair.second}
            assert set(pairwise(pair.chain)) <= set(claims(board))


def test_two_that_are_separated_by_a_third_alone_are_said_to_be():
    board = build(evidence_of(CHAIN))
    assert [row.rank for row in board.rows] == [(1, 1), (2, 2), (3, 3)]
    (pair,) = [pair for pair in board.pairs if pair.chain]
    text = unmarked(conclusion(pair, 3))
    assert text.startswith("Not enough seeds to separate") or "leaves open" in text
    assert text.endswith("Ranks put v above x all the same, as v is above w and w is above x.")


def test_where_cells_are_uneven_both_kinds_of_numbers_are_named():
    evidence = evidence_of(UNEVEN, baseline="v")
    board = build(evidence)
    assert said(evidence, board) == (
        "So far: Open: v failed least (17 %, the mean over settings), but w failed significantly less often on shared"
        " trials together."
    )
    (change,) = [column for column in columns(evidence, board) if column.key == "change"]
    assert "all settings together" in change.hint and "means over settings" in legend(matrix(board))


def test_rates_that_round_to_one_number_get_decimals():
    evidence = evidence_of({"v": ("d" * 240 + "." * 1760,), "w": ("d" * 248 + "." * 1752,)})
    text = said(evidence, build(evidence))
    assert text.startswith("In this setting v failed least: 12.0 % (") and " against 12.4 %; 0 open." in text


def test_a_rate_over_fewer_settings_than_the_order_has_says_over_how_many():
    evidence = evidence_of({"v": ("....", "uuuu", "d..."), "w": ("....", "....", "....")})
    board = build(evidence)
    (rate,) = [column for column in columns(evidence, board) if column.key == "rate"]
    told = {row.normalizer: rate.more(row) for row in board.rows}
    assert "over 2 of 3 settings" in told["v"] and "settings ·" not in told["w"].removeprefix("on settings like these")


# --- tables beside the main one ----------------------------------------------------------------------------------------


def test_every_measure_and_any_two_speak_of_the_settings_of_the_order():
    evidence = evidence_of({"v": ("......", "dddddd"), "w": ("......", None)})
    board = build(evidence)
    counted = {row.normalizer: row.count.unstable for row in board.all_rows}
    for table in measure_tables(several_measures(evidence), board):
        assert {row.normalizer: row.failed for row in table.rows} == counted
    found = comparison_data(evidence, board)
    assert (found["ranked"], found["order"]) == (2, [0])


# --- what is missing ---------------------------------------------------------------------------------------------------


def test_a_claim_is_not_doubted_for_missing_trials_that_cannot_touch_it():
    """x lacks a trial; whatever became of it, the claim on v and w stands with the largest correction."""
    board = build(evidence_of({"v": ("." * 40,), "w": ("d" * 6 + "." * 34,), "x": ("d" * 39 + " ",)}))
    turns = {frozenset((pair.first, pair.second)): pair.failing.turns for pair in board.pairs}
    assert turns[frozenset("vw")] is False


def test_a_badge_is_provisional_where_a_cell_of_another_is_empty():
    evidence = evidence_of({"v": ("." * 12,) * 2, "w": ("d" * 12,) * 2, "x": ("." * 12, " " * 12)}, baseline="w")
    board = build(evidence)
    assert "every claim below" in caution(evidence, board)
    assert normalizer_badge(evidence, board, "v").colour == "provisional"
