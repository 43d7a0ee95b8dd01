"""What ``ganbench try`` says agrees with itself, and with the leaderboard's tables."""

from __future__ import annotations

import re

from graded import graded

from ganbench.reports import leaderboard
from ganbench.reports.tryout import findings


def found(ledgers, none, mine):
    (finding,) = findings(leaderboard(graded(ledgers, {"none": none, "mine": mine}, baseline="none")))
    return finding


def test_where_cells_are_uneven_both_kinds_of_numbers_are_named(ledgers):
    text = found(ledgers, ("d" * 20 + "." * 20, ".." + " " * 38), ("." * 40, "d." + " " * 38)).text
    assert "mine failed in 1/42 trials, 25 % (" in text and "none in 20/42, 25 % (" in text
    assert (
        ": means over settings. On the 42 pairs that both have, all settings together, it is 2 % against 48 %" in text
    )
    assert ": a difference of −45 pp (" in text


def test_where_cells_are_even_one_kind_is_enough(ledgers):
    text = found(ledgers, ("d" * 9 + "...",), ("." * 12,)).text
    assert re.search(r"none in 9/12, 75 % \([^)]*\): a difference of −75 pp \(", text)


def test_an_interval_that_excludes_none_is_that_of_two_that_are_separated(ledgers):
    """Five pairs that all point one way: the test leaves it open, and an interval of its own would not."""
    said = found(ledgers, ("ddddd",), (".....",))
    assert said.verdict == "not enough seeds"
    assert said.change.high == 0 and said.to_json()["interval"][1] == 0
    assert "the interval is widened to contain 0, and otherwise cut there." in said.text


def test_without_a_trial_of_the_new_one_nothing_is_said_of_how_it_fails(ledgers):
    text = found(ledgers, ("dd..",), ("    ",)).text
    assert "mine has no trial yet." in text
    assert not re.search("0/0|diverged|Failure modes|Both failed", text)


def test_failure_modes_that_differ_have_their_numbers_of_trials(ledgers):
    text = found(ledgers, ("dd..",), ("..  ",)).text
    assert "Failure modes, in 2 trials of mine to 4 of none: diverged 0 to 2." in text


def test_where_partners_are_missing_that_is_why_rates_are_not_those_of_the_pairs(ledgers):
    text = found(ledgers, ("d" * 4 + "." * 12,), ("d" * 4 + " " * 12,)).text
    assert "none in 4/16, 25 % (6–56 %). 12 of these trials have no decided partner." in text
    assert "On the 4 pairs that both have it is 100 % against 100 %: a difference of 0 pp" in text
    assert "settings together" not in text and "means over" not in text


def test_where_settings_are_uneven_and_partners_missing_both_are_said(ledgers):
    text = found(ledgers, ("d" * 20 + "." * 20, ".." + " " * 38), ("." * 40, "d " + " " * 38)).text
    assert (
        ": means over settings. 1 of these trials has no decided partner. On the 41 pairs that both have, all" in text
    )


def test_failure_modes_have_their_numbers_of_trials_where_those_differ(ledgers):
    assert (
        "Failure modes, in 4 trials of mine to 16 of none: diverged 4 to 4."
        in found(ledgers, ("d" * 4 + "." * 12,), ("d" * 4 + " " * 12,)).text
    )
    assert "Both failed in the same ways as often: diverged 4." in found(ledgers, ("dddd....",), ("dddd....",)).text
