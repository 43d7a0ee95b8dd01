"""The sentence on top says no more than the table: who failed least, who else did, and how much is open."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from drawn_boards import evidence_of
from hypothesis import given
from hypothesis import strategies as st
from odd_ledgers import inside, ledgers, said

from ganbench.reports.board import build
from ganbench.reports.formatting import digits_apart, percent, rate

COUNT = build(evidence_of({"v": ("d.",)})).rows[0].count


def headline(**outcomes: Any) -> str:
    evidence = evidence_of({name: [found] if isinstance(found, str) else found for name, found in outcomes.items()})
    return said(evidence, build(evidence))


@pytest.mark.parametrize(
    "outcomes",
    [
        {"v": "nnnnnnuu", "w": "....uuuu", "x": "d...uuuu"},
        {"v": "......uu", "w": "....uuuu", "x": "dddddddd"},
        {"v": "." * 22 + "dd" + "." * 16, "w": "." * 38 + "dd", "x": "ddd" + "." * 37, "y": "d" * 11 + "." * 29},
    ],
)
def test_one_of_several_with_one_rate_is_not_said_to_have_failed_least_alone(outcomes):
    assert re.search(r"\w and 1 other failed least", headline(**outcomes))


def test_what_speaks_against_one_of_several_that_failed_least_names_it_or_leaves_it_to_the_undecided():
    assert headline(v="nnnnnn", w="nnnnnn", x="dddddd") == (
        "Open: v and 1 other failed least (0 of 6 trials), but 6 of v's 6 decided trials did not learn."
    )
    assert headline(v="nnnnnn", w="..uuuu", x="dddddd") == (
        "Open: which method failed least depends on the trials that are undecided."
    )


def test_a_headline_of_several_that_failed_least_has_at_most_25_words():
    text = headline(v=["d", "d"], w=["n", "n"], x=["n", "n"], y=[" ", " "], z=[None, "."])
    assert text == "So far: Open: w and 1 other failed least in the order, but 2 of w's 2 decided trials did not learn."


@ledgers
def test_only_those_are_said_to_have_no_higher_rate_that_have_none(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    rates = {row.normalizer: row.count.rate for row in board.rows}
    if found := re.search(r"share (\w) failed less often than (\w|\d+ others), in the mean", said(evidence, board)):
        worse = [pair.worse for pair in inside(board) if pair.significant and pair.better == found[1]]
        level = [name for name in worse if rates[name] <= rates[found[1]]]
        assert found[2] in ({f"{len(level)} others"} if len(level) > 1 else level)


def test_one_whose_rate_is_above_it_is_not_named_among_those_that_failed_as_seldom():
    v, w, y = (f"{text:<40}" for text in ("d.", "..", "dd"))
    text = headline(v=("." * 40, v), w=("d" * 20 + "." * 20, w), y=("d" * 40, y))
    assert "v failed less often than w, in the mean" in text


def test_open_elsewhere_is_said_of_the_order_where_others_stand_apart():
    v, w = ("........",) * 12, ("dddddddd",) * 3 + ("........",) * 9
    assert headline(v=v, w=w, x=("dddddddd",) * 7 + (None,) * 5).endswith("Elsewhere: open for it in the order.")
    assert headline(v=v, w=w).endswith("Elsewhere: open for it.")


def test_what_is_claimed_is_not_open_for_want_of_decided_or_learnt_trials():
    undecided = headline(v=("...uuuuu",) * 8, w=("dddddddd",) * 8)
    assert undecided.startswith("v failed least on 8 settings like these: 0 % (at most 93 %)")
    unlearnt = headline(v=("nnnnn...",) * 8, w=("nnnnnddd",) * 8)
    assert unlearnt.startswith("v failed least, but mostly did not learn, on 8 settings like these: 0 % (")


@ledgers
def test_most_trials_undecided_are_named_by_every_headline_without_a_claim(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    undecided, trials = (sum(getattr(row.count, name) for row in board.rows) for name in ("undecided", "trials"))
    if 2 * undecided > trials and re.search("[Nn]othing|[Nn]o method|not significantly", said(evidence, board)):
        assert "undecided" in said(evidence, board)


def test_trials_that_are_undecided_are_counted_where_they_are_the_most():
    text = headline(v="nnn..uuuuu", w="....uuuuuu")
    assert text.endswith("3 did not learn. Nothing shows which method is more stable; 11 of 20 trials are undecided.")
    assert "undecided" not in headline(v="nnn......u", w=".........u")


def told(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


def test_rates_near_none_and_all_read_as_they_are():
    texts = [headline(v=a * 12 + b * 29988, w=a * 18 + b * 29982) for a, b in ("d.", ".d")]
    assert "v failed least: 0.04 % (0.02–0.07 %) against 0.06 %" in texts[0]
    assert "w failed least: 99.94 % (99.90–99.97 %) against 99.96 %" in texts[1]


@given(st.integers(1, 10**5), st.floats(0, 1), st.floats(0, 1))
def test_no_rate_between_none_and_all_reads_as_one_of_them_and_each_lies_in_its_interval(trials, one, other):
    some, others = (round(share * trials) / trials for share in (one, other))
    digits = digits_apart(some, others)
    assert some in (0, 1) or 0 < told(percent(some, digits))[0] < 100
    assert digits == 3 or some == others or percent(some, digits) != percent(others, digits)
    low, high = max(0.0, some - 1e-4), min(1.0, some + 1e-4)
    shown, *ends = told(rate(replace(COUNT, rate=some, low=low, high=high), digits))
    assert ends[0] <= shown <= ends[1]
