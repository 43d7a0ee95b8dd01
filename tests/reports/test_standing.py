"""Who may stand in one order, and how every form of the page obeys that."""

from __future__ import annotations

import io
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from drawn_boards import evidence_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import Page, latex_rows, markdown_tables

from ganbench.reports import formatting as f
from ganbench.reports import leaderboard
from ganbench.reports.board import build
from ganbench.reports.board.standing import standing
from ganbench.reports.formats.badge import normalizer_badge
from ganbench.reports.formats.comparison_data import comparison_data
from ganbench.reports.formats.latex import APART
from ganbench.reports.tryout import findings
from ganbench.reports.wording.matrix import matrix

RAN, NOT_YET, NEVER = "....", "    ", None


def stands(outcomes):
    found = standing(evidence_of(outcomes))
    return found.names, found.apart, [group.setting for group in found.settings]


# --- who stands ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [NOT_YET, NEVER])
def test_one_that_ran_in_fewer_settings_is_apart_planned_or_not(gap):
    outcomes = {"a": (RAN,) * 5, "b": (RAN,) * 5, "fewer": (RAN,) * 3 + (gap,) * 2}
    assert stands(outcomes) == (("a", "b"), ("fewer",), ["s0", "s1", "s2", "s3", "s4"])


def test_one_trial_is_enough_to_have_run_in_a_setting():
    assert stands({"a": (RAN, RAN), "b": ("d   ", "   .")}) == (("a", "b"), (), ["s0", "s1"])


def test_where_all_lack_a_setting_the_order_is_over_the_others():
    assert stands({"a": (RAN, NOT_YET, RAN), "b": (RAN, NOT_YET, RAN)}) == (("a", "b"), (), ["s0", "s2"])


def test_settings_in_which_trials_are_undecided_are_not_left_out():
    outcomes = {"a": ("uuuu", "...."), "b": ("uuuu", "uuuu"), "c": ("dddd", "nnnn")}
    assert stands(outcomes) == (("a", "b", "c"), (), ["s0", "s1"])


def test_the_order_is_over_the_most_cells():
    many = {f"n{index:02d}": (RAN,) * 3 + (NEVER,) for index in range(11)}
    assert stands(many | {"more": (RAN,) * 4})[2] == ["s0", "s1", "s2"]
    assert len(stands(many | {"more": (RAN,) * 4})[0]) == 12
    few = {"a": (RAN,) * 10, "b": (RAN,) * 10, "c": (RAN,) * 2 + (NEVER,) * 8}
    assert stands(few)[:2] == (("a", "b"), ("c",))  # 2 x 10 are more than 3 x 2
    even = {"a": (RAN, RAN), "b": (RAN, NEVER)}
    assert stands(even) == (("a", "b"), (), ["s0"])  # of as many cells, those of more normalizers


def test_two_suites_that_share_no_normalizer_are_not_mixed():
    outcomes = {"a": (RAN, RAN, NEVER), "b": (RAN, RAN, NEVER), "x": (NEVER, NEVER, RAN), "y": (NEVER, NEVER, RAN)}
    assert stands(outcomes) == (("a", "b"), ("x", "y"), ["s0", "s1"])


def test_of_several_that_ran_in_one_place_and_others_elsewhere_those_with_the_most_company_stand():
    """b and e ran in the same setting, c and d in others."""
    outcomes = {
        name: [RAN if place == own else NEVER for place in range(4)]
        for name, own in zip("bcde", (3, 2, 1, 3), strict=True)
    }
    assert stands(outcomes) == (("b", "e"), ("c", "d"), ["s3"])


def test_of_normalizers_that_all_lack_other_settings_a_set_is_found_soon():
    random = np.random.default_rng(0)
    ran = random.random((60, 48)) < 0.8
    names, _, places = stands(
        {f"n{row:02d}": [RAN if here else NEVER for here in line] for row, line in enumerate(ran)}
    )
    assert len(names) * len(places) >= ran.sum(axis=1).max()


def test_without_a_trial_nobody_stands():
    assert stands({"a": (NOT_YET,), "b": (NOT_YET,)}) == ((), ("a", "b"), [])


WHERE = st.lists(st.booleans(), min_size=4, max_size=4)


@given(st.dictionaries(st.sampled_from("abcdef"), WHERE, min_size=1))
@settings(deadline=None)
def test_no_other_set_of_normalizers_shares_more_cells(where):
    found = standing(evidence_of({name: [RAN if ran else NEVER for ran in places] for name, places in where.items()}))
    ran = {name: {place for place, here in enumerate(places) if here} for name, places in where.items()}

    def cells(names):
        return len(names) * len(set.intersection(*(ran[name] for name in names))) if names else 0

    chosen = cells(found.names)
    assert chosen == len(found.names) * len(found.settings)
    assert chosen == max(cells(names) for size in range(len(ran) + 1) for names in combinations(ran, size))
    assert not any(ran[name] >= {int(group.setting[1]) for group in found.settings} for name in found.apart if chosen)


@given(st.dictionaries(st.sampled_from("abcdef"), WHERE, min_size=2), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_who_stands_does_not_depend_on_the_order_of_the_plan(where, random):
    outcomes = {name: [RAN if ran else NEVER for ran in places] for name, places in where.items()}
    shuffled = list(outcomes)
    random.shuffle(shuffled)
    one, other = (standing(evidence_of(item)) for item in (outcomes, {name: outcomes[name] for name in shuffled}))
    assert set(one.names) == set(other.names)
    assert [group.title for group in one.settings] == [group.title for group in other.settings]
    assert list(one.names) == [name for name in outcomes if name in one.names]


# --- how the forms obey ----------------------------------------------------------------------------------------------

OUTCOMES = {
    "b": ("c.......", "c.......", "c......."),
    "a": ("........", "........", "........"),
    "hard": ("cccccccc", "cccccccc", "cccccccc"),
    "fewer": ("........", "        ", "        "),
    "none": ("        ", "        ", "        "),
}
"""``fewer`` has the lowest rate, as a has, in the one setting that it ran in."""


@pytest.fixture(scope="module")
def page(shared):
    kinds = [("easy", shared.points), ("hard", shared.points), ("slow", shared.images)]
    return leaderboard(shared(OUTCOMES, settings=kinds, baseline="b"))


@pytest.fixture(scope="module")
def files(page):
    return page.files()


def test_the_board_ranks_three_and_sets_two_apart(page):
    assert [row.normalizer for row in page.board.rows] == ["a", "b", "hard"]
    assert [(row.normalizer, row.rank, row.tiers) for row in page.board.apart] == [
        ("fewer", None, ()),
        ("none", None, ()),
    ]
    assert {row.settings for row in page.board.rows} == {3}
    assert [row.settings for row in page.board.apart] == [1, 0]


def test_html_has_it_in_a_table_of_its_own_with_what_it_shares_with_whom(files):
    tables = Page(files["leaderboard.html"].decode()).tables
    assert [row[1].split("|")[0].strip() for row in tables["leaderboard"][1:]] == ["a", "b", "hard"]
    head, *rows = tables["apart"]
    assert "rank" not in " ".join(head)
    assert [row[0].split("|")[0].strip() for row in rows] == ["fewer", "none"]
    assert rows[0][-1] == "in 1 of 3 settings; shares trials with a in 1: 0 % against 0 %"
    assert rows[1][-1] == "no trial yet"


def test_markdown_has_it_below_the_order_without_a_rank(files):
    text = files["leaderboard.md"].decode()
    first, apart = markdown_tables(text)[:2]
    assert [row[1] for row in first[1:]] == ["a", "b · baseline", "hard"]
    assert first[0][0] == "rank" and "rank" not in apart[0]
    assert [row[0] for row in apart[1:]] == ["fewer", "none"]
    assert "**Not in the order**, without a trial in each of its settings:" in text
    assert "fewer: in 1 of 3 settings; shares trials with a in 1: 0 % against 0 %" in text


def test_csv_and_parquet_have_it_last_without_a_rank(files):
    csv, parquet = (io.BytesIO(files[f"leaderboard.{kind}"]) for kind in ("csv", "parquet"))
    for table in (pd.read_csv(csv), pd.read_parquet(parquet)):
        assert list(table.normalizer) == ["a", "b", "hard", "fewer", "none"]
        assert list(table.rank_low.isna()) == list(table.rank_high.isna()) == [False] * 3 + [True] * 2
        assert list(table.settings) == [3, 3, 3, 1, 0]


def test_latex_has_it_below_a_rule_that_says_why_and_without_a_rank(page, files):
    text = files["leaderboard.tex"].decode()
    assert [row[1] for row in latex_rows(text)[:3]] == ["a", "b", "hard"]
    below = text.split(f.latex(APART))[1]
    lines = [line.split(" & ") for line in below.splitlines() if " & " in line]
    assert [line[:2] for line in lines] == [[f.latex(f.NOTHING), "fewer"], [f.latex(f.NOTHING), "none"]]


def test_its_badge_says_that_it_is_not_ranked_and_why(page):
    def value(name):
        return normalizer_badge(page.evidence, page.board, name).value

    assert "not ranked: ran in 1 of 3 settings" in value("fewer")
    assert value("none") == "no trial yet"
    assert "rank 1–2 of 3" in value("a")


def test_the_pages_of_normalizers_say_rank_and_settings_as_the_leaderboard_does(page, shared):
    page.write(shared.folder / "out")
    texts = {path.name.partition("-")[0]: Page(path.read_text()).text
             for path in (shared.folder / "out" / "normalizers").iterdir()}  # fmt: skip
    assert "The mean over 3 settings. Rank 1–2 of 3" in texts["a"]
    assert "The mean over 1 setting. Not ranked" in texts["fewer"]
    assert "No trial has been committed yet" in texts["none"]


def test_nothing_in_the_order_is_held_against_it(page):
    assert [name for name, _ in matrix(page.board)] == ["a", "b", "hard"]
    assert page.headline() == (
        "So far: In these 3 settings a failed less often than hard: 0 % (at most 18 %) against 100 %."
        " Elsewhere: open for it in the order."
    )
    without = leaderboard_without(page, "fewer", "none")
    assert [(row.normalizer, row.rank, row.count.rate) for row in page.board.rows] == [
        (row.normalizer, row.rank, row.count.rate) for row in without.rows
    ]


def leaderboard_without(page, *names):
    texts = {name: [text.replace("c", "d") for text in texts] for name, texts in OUTCOMES.items() if name not in names}
    return build(evidence_of(texts))


def test_any_two_can_still_be_compared_where_both_ran(page):
    data = comparison_data(page.evidence, page.board)
    assert data["names"] == ["a", "b", "hard", "fewer", "none"]
    (pair,) = [pair for pair in page.board.pairs if {pair.first, pair.second} == {"hard", "fewer"}]
    assert (pair.shared, pair.failing.settings, pair.significant) == (8, 1, False)
    assert len(page.board.pairs) == 10  # and all are corrected for
    assert "fewer" in str(pd.read_csv(io.BytesIO(page.files()["pairs.csv"])))


def test_a_try_of_one_that_ran_in_fewer_settings_is_judged_where_both_ran(ledgers):
    settings = [(f"s{place}", ledgers.points) for place in range(3)]
    texts = {"none": ("cccccccc",) * 3, "mine": ("........",) + ("        ",) * 2}
    (found,) = findings(leaderboard(ledgers(texts, settings=settings, baseline="none")))
    assert (found.row.rank, found.verdict, found.pair.shared) == (None, "more stable", 8)
    assert found.text.startswith("mine is more stable than none in these settings.")


def test_a_claim_in_the_order_rests_on_the_orders_settings_and_one_of_others_on_what_they_share():
    outcomes = {
        "a": ("....", "....", NEVER),
        "b": ("dddd", "....", "dddd"),
        "c": ("dddd", "dddd", "...."),
        "x": (NEVER, "....", "dddd"),
    }
    board = build(evidence_of(outcomes))
    assert [group.setting for group in board.standing.settings] == ["s0", "s1"]
    shared = {frozenset((pair.first, pair.second)): pair.failing.settings for pair in board.pairs}
    assert shared == {
        frozenset(both): 2 if set(both) <= {"a", "b", "c"} or both in (("b", "x"), ("c", "x")) else 1
        for both in combinations("abcx", 2)
    }
