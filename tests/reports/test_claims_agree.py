"""What is claimed of two normalizers agrees with their numbers, and with the order of the rows."""

from __future__ import annotations

import pytest
from drawn_boards import evidence_of, one_after_the_other
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_ledgers import drawn

from ganbench.reports.board import build
from ganbench.reports.formatting import unmarked
from ganbench.reports.wording.pairs import conclusion

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
