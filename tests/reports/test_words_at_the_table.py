"""What stands at the main table says how to read numbers that look as if they contradicted each other, where they do."""

from __future__ import annotations

import re

import pytest
from drawn_boards import evidence_of
from odd_ledgers import MIXED, UNEVEN, ledgers

from ganbench.reports.board import build
from ganbench.reports.formatting import unmarked
from ganbench.reports.templating import template_text
from ganbench.reports.wording.columns import columns
from ganbench.reports.wording.levels import intro
from ganbench.reports.wording.measured import facts


def above(outcomes, baseline=None) -> str:
    evidence = evidence_of(outcomes, baseline)
    return unmarked(intro(evidence, build(evidence)))


def fact(term: str, outcomes) -> str:
    evidence = evidence_of(outcomes)
    evidence.plan["hash"] = ""
    return " ".join(line for item in facts(evidence, build(evidence)) if item.term == term for line in item.lines)


@ledgers
def test_a_share_that_is_not_that_of_the_counts_beside_it_is_said_to_be_a_mean(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    unlike = False
    for row in board.all_rows:
        for key, some in (("rate", row.count.unstable), ("unlearnt", row.count.not_learnt)):
            (column,) = [column for column in columns(evidence, board) if column.key == key]
            if row.count.decided:
                assert f"{some}/{row.count.decided} decided" in column.more(row)
                share = row.count.rate if key == "rate" else row.count.not_learnt_rate
                unlike |= abs(share - some / row.count.decided) > 1e-9
    assert ("Shares are means over settings, counts are sums." in intro(evidence, board)) == unlike


@ledgers
def test_undecided_trials_are_spoken_of_at_the_table_where_there_are_any(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    any_ = any(row.count.undecided for row in board.rows)
    assert ("an undecided trial counts as half a failure" in intro(evidence, board)) == any_
    assert ("each, decided or not" in intro(evidence, board)) == any_


def test_a_p_value_of_undecided_trials_is_said_to_be_the_larger_one():
    words = (
        "A p-value is the larger one of both ways to count the undecided, and 1 where they disagree on who fails more."
    )
    assert words in above({"v": ("....",), "w": ("dduu",)}, "v")
    assert words not in above({"v": ("....",), "w": ("dd..",)}, "v")
    assert words not in above({"v": ("....",), "w": ("dduu",)})


def test_a_change_in_another_direction_than_the_rates_is_named():
    words = "On the trials shared with v, all settings together, w differs from it in another direction than in rates."
    assert words in above(UNEVEN, "v")
    assert "another direction" not in above({"v": ("....",) * 2, "w": ("dd..",) * 2}, "v")


def test_of_a_mixed_pair_the_one_that_learns_more_often_is_said_to_be_above_however_often_it_failed():
    assert "or that learns significantly more often, however often that one failed." in above(MIXED)
    assert "however often" not in above({"v": ("....",), "w": ("dd..",)})


@pytest.mark.parametrize("settings", [1, 3])
def test_an_order_over_all_settings_is_not_said_to_be_restricted(settings):
    outcomes = {"v": ("..",) * settings, "w": ("..",) * settings, "x": (None,) * settings}
    said = fact("Not in the order", outcomes)
    assert ("over the one setting in" if settings == 1 else "over all 3 settings in") in said


def test_an_order_over_some_settings_says_over_how_many():
    outcomes = {"v": ("..", ".."), "w": ("..", None), "x": ("..", None)}
    assert "over the 1 of 2 settings in which" in fact("Not in the order", outcomes)


def test_the_note_below_the_table_speaks_of_the_rows_of_the_order():
    note = "Intervals of rates hold for all rows of the order together"
    assert note in template_text("leaderboard.html.j2") and "hold for all rows of the order together" in above(
        {"v": ("..",)}
    )


def test_a_plan_without_a_trial_is_not_said_to_have_no_setting():
    assert "the mean over 1 setting (ring)" in above({"v": ("   ",), "w": ("   ",)})


@ledgers
def test_what_seeds_can_tell_apart_is_that_of_the_two_that_share_the_fewest_decided_trials(outcomes):
    evidence = evidence_of(outcomes)
    evidence.plan["hash"] = ""
    board = build(evidence)
    inside = [pair for pair in board.pairs if {pair.first, pair.second} <= set(board.standing.names)]
    lines = [
        line for item in facts(evidence, board) if item.term == "What these seeds can tell apart" for line in item.lines
    ]
    assert bool(lines) == bool(inside)
    if inside:
        fewest = min(pair.shared for pair in inside)
        assert re.search(rf"with {fewest} pairs? of decided trials, the fewest that two share", lines[0])


@pytest.mark.parametrize(
    "cells", [{"v": "." + " " * 39, "w": "d" + " " * 39}, {"v": "u" * 39 + ".", "w": "u" * 39 + "d"}]
)
def test_nothing_is_told_apart_by_trials_that_are_missing_or_undecided(cells):
    said = fact("What these seeds can tell apart", {name: (text,) for name, text in cells.items()})
    assert "not even a normalizer that never fails is told apart" in said
