"""Where the trials that two share lean one way and their rates, means over settings, another: nothing firm is said."""

from __future__ import annotations

import re

import pytest
from drawn_boards import evidence_of
from graded import graded
from hypothesis import given, settings
from hypothesis import strategies as st

from ganbench.reports import leaderboard
from ganbench.reports.board import build
from ganbench.reports.formats.badge import normalizer_badge
from ganbench.reports.formatting import points, unmarked
from ganbench.reports.tryout import TORN, findings
from ganbench.reports.wording.headline import WORDS, headline, length
from ganbench.reports.wording.levels import intro

FAILING = {"v": ("." * 40, "dd" + "u" * 38), "w": ("d" * 20 + "." * 20, ".." + "u" * 38)}
LEARNING = {"v": ("." * 40, "nn" + "u" * 38), "w": ("n" * 20 + "." * 20, ".." + "u" * 38)}
UNEVEN = st.dictionaries(
    st.sampled_from("vwx"),
    st.lists(st.text(".dnu", min_size=12, max_size=12).map(lambda text: "".join(sorted(text))), min_size=2, max_size=2),
    min_size=2,
)


@pytest.mark.parametrize("outcomes", [FAILING, LEARNING])
def test_no_badge_and_no_headline_is_firm_and_the_intro_names_the_two(outcomes):
    evidence = evidence_of(outcomes, "w")
    board = build(evidence)
    assert board.torn(board.pairs[0]) or board.torn_in_learning(board.pairs[0])
    assert normalizer_badge(evidence, board, "v").colour == "open"
    assert not re.search("better|learns more", normalizer_badge(evidence, board, "v").value)
    assert not re.search("learns more|less often than", headline(evidence, board))
    assert "For v and w shared trials and rates lean to different sides." in unmarked(intro(evidence, board))


def test_a_try_finds_neither_more_stable(ledgers):
    both = {"none": ("d" * 20 + "." * 20, ".." + " " * 38), "mine": ("." * 40, "dd" + " " * 38)}
    (finding,) = findings(leaderboard(graded(ledgers, both, baseline="none")))
    assert finding.verdict == finding.to_json()["verdict"] == TORN
    assert finding.text.startswith("Neither counts as more stable: shared trials and rates disagree.")


@given(outcomes=UNEVEN)
@settings(max_examples=60, deadline=None)
def test_a_firm_badge_never_contradicts_the_rates_that_it_prints(outcomes):
    evidence = evidence_of(outcomes, next(iter(outcomes)))
    board = build(evidence)
    rates = {row.normalizer: row.count.rate for row in board.all_rows}
    base = rates[evidence.plan["baseline"]]
    for name, rate in rates.items():
        colour = normalizer_badge(evidence, board, name).colour
        assert colour != "better" or rate < base
        assert colour != "worse" or rate > base
    assert length(headline(evidence, board)) <= WORDS


def test_a_difference_that_is_not_none_has_the_digits_that_it_needs():
    assert [points(share) for share in (0, 0.0002, -0.0003, 0.004, -0.31)] == ["0", "+0.02", "−0.03", "+0.4", "−31"]
