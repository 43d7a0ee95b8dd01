"""What stands at the main table says how to read numbers that look as if they contradicted each other, where they do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from drawn_boards import evidence_of
from odd_ledgers import MIXED, UNEVEN, inside, ledgers

from ganbench.reports.board import build
from ganbench.reports.formatting import unmarked
from ganbench.reports.templating import template_text
from ganbench.reports.wording.levels import intro
from ganbench.reports.wording.measured import facts


def above(baseline: str | None = None, **outcomes: Any) -> str:
    evidence = evidence_of(outcomes, baseline)
    return unmarked(intro(evidence, build(evidence)))


def fact(term: str, outcomes: Any) -> str:
    evidence = evidence_of(outcomes)
    evidence.plan["hash"] = ""
    return " ".join(line for item in facts(evidence, build(evidence)) if item.term == term for line in item.lines)


@ledgers
def test_means_beside_sums_and_undecided_trials_are_spoken_of_where_there_are_any(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    text = intro(evidence, board)
    counts = [row.count for row in board.all_rows if row.count.decided]
    means = any(
        abs(item.rate - item.unstable / item.decided) + abs(item.not_learnt_rate - item.not_learnt / item.decided)
        > 1e-9
        for item in counts
    )
    assert ("Shares are means over settings, counts are sums." in text) == means
    undecided = any(row.count.undecided for row in board.rows)
    assert ("an undecided trial counts as half a failure" in text) == ("each, decided or not" in text) == undecided


def test_a_p_value_of_undecided_trials_is_said_to_be_the_larger_one():
    words = (
        "A p-value is the larger one of both ways to count the undecided, and 1 where they disagree on who fails more."
    )
    assert words in above("v", v=["...."], w=["dduu"])
    assert words not in above("v", v=["...."], w=["dd.."]) + above(v=["...."], w=["dduu"])


def test_a_change_in_another_direction_than_the_rates_is_named():
    words = "On the trials shared with v, all settings together, w differs from it in another direction than in rates."
    assert words in above("v", **UNEVEN)
    assert "another direction" not in above("v", v=["...."], w=["dd.."])


def test_of_a_mixed_pair_the_one_that_learns_more_often_is_said_to_be_above_however_often_it_failed():
    assert "or that learns significantly more often, however often that one failed." in above(**MIXED)
    assert "however often" not in above(v=["...."], w=["dd.."])


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ({"v": [".."], "w": [None]}, "the one setting in"),
        ({"v": [".."] * 3, "w": [None] * 3}, "all 3 settings in"),
        ({"v": ["..", ".."], "w": ["..", None], "x": ["..", None]}, "the 1 of 2 settings in"),
    ],
)
def test_an_order_over_all_settings_is_not_said_to_be_restricted(outcomes, words):
    assert f"The order is over {words}" in fact("Not in the order", outcomes)


def test_intervals_are_said_to_hold_for_the_rows_of_the_order_and_a_plan_without_a_trial_has_settings():
    words = "hold for all rows of the order together"
    assert words in template_text("leaderboard.html.j2") and words in above(v=[".."])
    assert "the mean over 1 setting (ring)" in above(v=["  "], w=["  "])


@ledgers
def test_what_seeds_can_tell_apart_is_that_of_the_two_that_share_the_fewest_decided_trials(outcomes):
    found = inside(build(evidence_of(outcomes)))
    text = fact("What these seeds can tell apart", outcomes)
    fewest = min((pair.shared for pair in found), default=0)
    assert bool(text) == bool(found)
    assert not text or re.search(rf"with {fewest} pairs? of decided trials, the fewest that two share", text)


@pytest.mark.parametrize("rest", " u")
def test_nothing_is_told_apart_by_trials_that_are_missing_or_undecided(rest):
    text = fact("What these seeds can tell apart", {"v": ["." + rest * 39], "w": ["d" + rest * 39]})
    assert "not even a normalizer that never fails is told apart" in text
