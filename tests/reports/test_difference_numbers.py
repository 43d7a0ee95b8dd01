"""No number of ``ganbench diff`` contradicts another one, or the pages of the two ledgers."""

from __future__ import annotations

import math
import random
import re

import pytest
from graded import graded
from rotating import rotating

from ganbench.harness.statistics import ALPHA
from ganbench.reports import leaderboard
from ganbench.reports.differences.comparing import compare
from ganbench.reports.differences.sides import read_sides
from ganbench.reports.differences.words import answer, details, grounds, rows
from ganbench.reports.formatting import rate

UNEVEN = ("." * 14 + "dd", "dd" + " " * 14), ("." * 10 + "d" * 6, ".." + " " * 14)
"""Of all trials together more failed in the second, and in the mean over settings fewer."""


def difference(first, second):
    return compare(*read_sides(("A", first), ("B", second)))


def text_of(found):
    told = [line for _, lines in details(found) for line in lines]
    return " ".join([answer(found), *map(" ".join, rows(found)), *told])


def drawn(seed):
    """Draw two ledgers' trials: blocks of trials that are alike, in one cell or two of unequal lengths."""
    source = random.Random(seed)
    lengths = [16, *source.sample([2, 8], source.randint(0, 1))]
    blocks = [source.choice([1, 2, 8]) for _ in lengths]

    def texts():
        usual = source.choice(".dsn")
        found = ["".join(source.choice(f"{usual}{usual}.dsn") * 2 for _ in range(8)) for _ in lengths]
        some = ["".join(letter * block for letter in text)[:length]
                for text, block, length in zip(found, blocks, lengths, strict=True)]  # fmt: skip
        return tuple(text.ljust(16) for text in some)

    return {"a": texts(), "b": texts()}, {"a": texts(), "b": texts()}


@pytest.mark.parametrize("seed", rotating([str(seed) for seed in range(12)], fixed=["2", "5", "8", "10"], count=2))
def test_a_change_goes_where_its_numbers_go_and_rates_are_those_of_the_pages(ledgers, seed):
    first, second = (graded(ledgers, item) for item in drawn(int(seed)))
    found = difference(first, second)
    for item in found.comparisons:
        if item.more:
            assert (item.change.value > 0) == (item.more == "B") and item.change.value
            apart = item.shares[1].rate - item.shares[0].rate
            assert item.against != (abs(apart) > 1e-9 and (apart > 0) == (item.more == "B"))
            if item.test == "McNemar":
                assert (item.only_second > item.only_first) == (item.more == "B")
        if item.significant:
            assert item.more
        elif not math.isnan(item.change.value):
            assert item.change.low <= 0 <= item.change.high
        apart = item.shares[1].rate - item.shares[0].rate
        assert item.uneven or math.isnan(item.change.value) or apart == pytest.approx(item.change.value)
        assert all(share.low <= share.rate <= share.high for share in item.shares if share.decided)
    for side, ledger in enumerate((first, second)):
        pages = {row.normalizer: row.count for row in leaderboard(ledger).board.all_rows}
        for item in found.comparisons:
            if item.what == "unstable":
                assert item.shares[side].rate == pytest.approx(pages[item.normalizer].rate, nan_ok=True)


def test_where_only_undecided_trials_speak_for_a_change_none_is_claimed(ledgers):
    """The three decided pairs lean the other way."""
    first = graded(ledgers, {"a": ("ddd" + "." * 20 + "s" * 20,)})
    (item,) = difference(first, graded(ledgers, {"a": ("..." + "s" * 20 + "d" * 20,)})).comparisons
    assert (item.only_first, item.only_second) == (3, 0)
    assert (item.more, item.p, item.significant) == ("", 1.0, False)


def test_without_a_decided_pair_no_change_is_claimed(ledgers):
    first = graded(ledgers, {"a": ("." * 20 + "s" * 20,)})
    (item,) = difference(first, graded(ledgers, {"a": ("s" * 20 + "d" * 20,)})).comparisons
    assert (item.only_first, item.only_second, item.more, item.p) == (0, 0, "", 1.0)


def test_rates_are_means_over_cells_as_on_the_pages_and_a_pooled_change_is_called_so(ledgers):
    first, second = (graded(ledgers, {"a": texts}) for texts in UNEVEN)
    found = difference(first, second)
    (row,) = rows(found)
    pages = [rate(leaderboard(ledger).board.rows[0].count) for ledger in (first, second)]
    assert row[2:4] == (*pages,) == ("56 % (23–86 %)", "19 % (1–62 %)")
    assert re.fullmatch(r"\+11 pp \(.*\), pooled", row[4])
    assert "where they do not lean to the same side, no change is claimed" in text_of(found)


def test_no_change_is_claimed_that_the_rates_of_the_same_row_contradict(ledgers):
    first = graded(ledgers, {"a": ("." * 40, "dd" + " " * 38)})
    found = difference(first, graded(ledgers, {"a": ("d" * 30 + "." * 10, ".." + " " * 38)}))
    (item,) = found.comparisons
    assert item.shares[0].rate == 0.5 and item.shares[1].rate == 0.375 and item.only_second == 30
    assert (item.against, item.significant, item.change.low) == (True, False, 0)
    assert rows(found)[0][-1] == "no claim: the rates say otherwise"


def test_where_the_rates_speak_against_a_change_its_p_stands_and_no_seeds_are_asked_for(ledgers):
    """Of all pairs 20 failed in A only; in the mean over cells more failed in B, or as many."""
    first = graded(ledgers, {"a": ("d" * 20 + "." * 20, ".." + " " * 38)})
    for other in ("dd", "d."):
        found = difference(first, graded(ledgers, {"a": ("." * 40, other + " " * 38)}))
        (item,) = found.comparisons
        assert item.against and item.p < 0.001 and not item.significant
        assert not found.to_json()["normalizers"][0]["comparisons"][0]["significant"]
        assert "(Holm p < 0.001, McNemar); no change is claimed" in grounds(item)
        assert not re.search("seeds|noise", answer(found) + grounds(item))


def test_a_claimed_change_that_is_pooled_gives_the_rates_that_it_is_of(ledgers):
    first = graded(ledgers, {"a": ("." * 16, "dd" + " " * 14)})
    found = difference(first, graded(ledgers, {"a": ("." * 6 + "d" * 10, "dd" + " " * 14)}))
    assert "'a' fails more often in B than in A, 67 % instead of 11 % of all pairs together (Holm" in answer(found)


def test_rates_of_the_whole_leaderboards_stand_there_wherever_they_are_printed_otherwise(ledgers):
    """One more row makes the intervals of the second page wider."""
    old = {"a": ("d" * 4 + "." * 12,), "b": ("." * 16,)}
    found = difference(graded(ledgers, old), graded(ledgers, {**old, "c": ("." * 16,)}))
    assert "25 % (6–56 %) of 16 trials in A, 25 % (5–58 %) of 16 trials in B" in text_of(found)


def test_the_interval_of_a_change_that_is_not_shown_contains_none(ledgers):
    old = dict.fromkeys("abcde", ("." * 16,))
    new = {**old, "a": ("d" * 6 + "." * 10,), "b": ("d" * 6 + "." * 10,)}
    found = difference(graded(ledgers, old), graded(ledgers, new))
    changed = [item for item in found.comparisons if item.only_second]
    assert all(item.holm_p > ALPHA and item.change.low == 0 for item in changed)
    assert "The test decides" in text_of(found)


def test_the_reason_why_a_change_is_not_that_of_its_rates_is_the_one_that_there_is(ledgers):
    single, unequal = "only one trial of a pair is decided, and in its rate", "cells have unequal numbers of them"
    undecided = {"a": ("n.dnnnnn",)}, {"a": ("nnd    s",)}
    for sides, reasons in ((undecided, [single]), ([{"a": texts} for texts in UNEVEN], [unequal])):
        found = difference(*(graded(ledgers, item) for item in sides))
        assert found.comparisons[0].uneven
        assert [words for words in (single, unequal) if words in text_of(found)] == reasons
