"""The sentence on top says no more than the table: who failed least, who else did, and how much is open."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from drawn_boards import evidence_of
from hypothesis import given
from hypothesis import strategies as st
from odd_ledgers import inside, ledgers, said, words

from ganbench.reports.board import build
from ganbench.reports.formatting import digits_apart, percent, rate

EQUAL_RATES = {"v": (".." + "d" * 2 + "." * 36,), "w": ("dd" + "." * 38,), "x": ("ddd" + "." * 37,)}
MOSTLY_UNDECIDED = {"v": ("...uuuuu",) * 8, "w": ("dddddddd",) * 8}


def headline(outcomes) -> str:
    evidence = evidence_of(outcomes)
    return said(evidence, build(evidence))


@pytest.mark.parametrize(
    "outcomes",
    [
        {"v": ("nnnnnnuu",), "w": ("....uuuu",), "x": ("d...uuuu",)},
        {"v": ("......uu",), "w": ("....uuuu",), "x": ("dddddddd",)},
        EQUAL_RATES,
        {"v": (".." * 11 + "dd" + "." * 16,), "w": ("." * 24 + "dd" + "." * 14,), "x": ("ddd" + "." * 37,),
         "y": ("d" * 11 + "." * 29,)},
    ],
)  # fmt: skip
def test_one_of_several_with_one_rate_is_not_said_to_have_failed_least_alone(outcomes):
    assert re.search(r"\w and 1 other failed least", headline(outcomes))


def test_one_that_mostly_did_not_learn_is_not_said_to_have_failed_least_where_others_are_undecided():
    outcomes = {"v": ("nnnnnnnn",), "w": ("..uuuuuu",), "x": ("dddddddd",)}
    assert headline(outcomes) == "Open: which method failed least depends on the trials that are undecided."


def test_what_speaks_against_one_of_several_that_failed_least_names_it():
    outcomes = {"v": ("nnnnnn",), "w": ("nnnnnn",), "x": ("dddddd",)}
    assert headline(outcomes) == (
        "Open: v and 1 other failed least (0 of 6 trials), but 6 of v's 6 decided trials did not learn."
    )


def test_only_those_are_named_whose_rate_is_not_above_it():
    outcomes = {
        "v": ("." * 40, "d." + " " * 38),
        "w": ("d" * 20 + "." * 20, ".." + " " * 38),
        "y": ("d" * 40, "dd" + " " * 38),
    }
    assert "v failed less often than w, in the mean over settings not" in headline(outcomes)


@ledgers
def test_who_is_said_to_fail_less_often_on_shared_trials_alone_has_no_lower_rate(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    rates = {row.normalizer: row.count.rate for row in board.rows}
    if found := re.search(r"share (\w) failed less often than (\w|\d+ others), in the mean", said(evidence, board)):
        worse = [pair.worse for pair in inside(board) if pair.significant and pair.better == found[1]]
        level = [name for name in worse if rates[name] <= rates[found[1]]]
        assert found[2] in ({f"{len(level)} others"} if len(level) > 1 else level)


def test_open_elsewhere_is_said_of_the_order_where_others_stand_apart():
    outcomes = {
        "v": ("........",) * 12,
        "w": ("dddddddd",) * 3 + ("........",) * 9,
        "x": ("dddddddd",) * 7 + (None,) * 5,
    }
    assert headline(outcomes).endswith("Elsewhere: open for it in the order.")
    assert headline({name: outcomes[name] for name in "vw"}).endswith("Elsewhere: open for it.")


def test_undecided_trials_do_not_make_open_what_is_claimed_whatever_became_of_them():
    assert headline(MOSTLY_UNDECIDED).startswith(
        "v failed least on 8 settings like these: 0 % (at most 93 %) against 100 %"
    )


def test_trials_that_did_not_learn_are_named_beside_a_claim():
    outcomes = {"v": ("nnnnn...",) * 8, "w": ("nnnnnddd",) * 8}
    assert headline(outcomes).startswith("v failed least, but mostly did not learn, on 8 settings like these: 0 % (")


@ledgers
def test_no_headline_is_open_where_one_fails_significantly_less_often_than_all_others(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    for row in board.rows:
        beaten = {pair.worse for pair in inside(board) if pair.significant and pair.better == row.normalizer}
        lower = all(row.count.rate < other.count.rate for other in board.rows if other is not row)
        if len(board.rows) > 1 and len(beaten) == len(board.rows) - 1 and lower and row.count.unstable == 0:
            assert "Open: " not in said(evidence, board)


def test_a_headline_that_claims_nothing_names_undecided_trials_where_they_are_the_most():
    none_failed = {"v": ("nnn..uuuuu",), "w": ("....uuuuuu",)}
    assert headline(none_failed) == (
        "No trial failed, of 9 decided; 3 did not learn. Nothing shows which method is more stable; 11 of 20 trials are"
        " undecided."
    )
    assert "undecided" not in headline({"v": ("nnn......u",), "w": (".........u",)})
    assert headline({"v": ("d.uuuuuu",), "w": ("ddduuuuu",)}).startswith("Open: ")
    assert headline({"v": ("dduuuuuu",), "w": ("ddduuuuu",)}).endswith("; 11 of 16 trials are undecided.")


@ledgers
def test_most_trials_undecided_are_named_by_every_headline_without_a_claim(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    text = said(evidence, board)
    undecided, trials = (sum(getattr(row.count, name) for row in board.rows) for name in ("undecided", "trials"))
    if 2 * undecided > trials and re.search("[Nn]othing|[Nn]o method|not significantly|No trial", text):
        assert "undecided" in text
    assert len(words(text)) <= 25


def told(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


def test_rates_near_none_and_all_read_as_they_are():
    texts = [headline({"v": (a * 12 + b * 29988,), "w": (a * 18 + b * 29982,)}) for a, b in ("d.", ".d")]
    assert "v failed least: 0.04 % (0.02–0.07 %) against 0.06 %" in texts[0]
    assert "w failed least: 99.94 % (99.90–99.97 %) against 99.96 %" in texts[1]


@given(st.integers(1, 10**5), st.data())
def test_no_rate_between_none_and_all_reads_as_one_of_them_and_each_lies_in_its_interval(trials, data):
    some, other = (data.draw(st.integers(0, trials)) for _ in range(2))
    digits = digits_apart(some / trials, other / trials)
    assert 0 < told(percent(some / trials, digits))[0] < 100 or some in (0, trials)
    if digits < 3 and some != other:
        assert percent(some / trials, digits) != percent(other / trials, digits)
    board = build(evidence_of({"v": ("d.",)}))
    low, high = max(0.0, some / trials - 1e-4), min(1.0, some / trials + 1e-4)
    count = replace(board.rows[0].count, rate=some / trials, low=low, high=high)
    shown, *ends = told(rate(count, digits))
    assert ends[0] <= shown <= ends[1]
