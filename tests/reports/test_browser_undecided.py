"""A page with undecided trials, and trials that did not learn, in a real browser."""

from __future__ import annotations

import pytest
from browsing import DESK, PHONE, browsing, chromium, needs_browser, violations
from graded import graded

from ganbench.reports import leaderboard

pytestmark = needs_browser


@pytest.fixture(scope="module")
def written(shared):
    outcomes = {"a": ("....lnsv", "........"), "b": ("dennssvv", "snnnnlll"), "c": ("ssssvvvv", "ss......")}
    leaderboard(graded(shared, outcomes, baseline="b")).write(shared.folder / "out")
    return shared.folder / "out" / "leaderboard.html"


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def counts(page):
    return page.evaluate("[...document.querySelectorAll('#heat td.cell a')].map((cell) => cell.textContent.trim())")


def shades(page):
    return page.evaluate(
        "[...document.querySelectorAll('#heat td.cell')].map((cell) => Number(cell.style.getPropertyValue('--rate')))"
    )


def test_the_map_shows_those_that_did_not_learn_of_decided_trials_and_undecided_ones_of_all(browser, written):
    with browsing(browser, written, DESK) as page:
        assert counts(page) == ["1/6", "0/0", "2/4", "0/8", "0/6", "3/7"]
        page.select_option("select[name=mode]", "not_learnt")
        assert counts(page) == ["1/6", "0/0", "2/4", "0/8", "0/6", "4/7"]
        assert shades(page) == pytest.approx([1 / 6, 0, 2 / 4, 0, 0, 4 / 7])
        page.select_option("select[name=mode]", "undecided")
        assert counts(page) == ["2/8", "8/8", "4/8", "0/8", "2/8", "1/8"]
        page.select_option("select[name=mode]", "")
        assert counts(page) == ["1/6", "0/0", "2/4", "0/8", "0/6", "3/7"]
        assert page.complaints == []


def test_any_two_are_compared_in_failing_and_in_learning_over_decided_pairs(browser, written):
    with browsing(browser, written, DESK) as page:
        page.select_option("#first", label="a")
        page.select_option("#second", label="b")
        head = page.locator("#pair thead").inner_text().strip().split("\t")
        assert head[3:] == ["only a failed", "only b failed", "only a did not learn", "only b did not learn"]
        rows = [row.split("\t") for row in page.locator("#pair tbody").inner_text().splitlines()]
        # Of the first four seeds a is stable; in the others one of the two is undecided.
        assert [row[3:] for row in rows] == [["0", "2", "0", "2"], ["0", "3", "0", "4"]]
        assert page.complaints == []


def test_the_page_is_accessible_and_fits(browser, written):
    with browsing(browser, written, DESK) as page:
        assert violations(page) == []
    with browsing(browser, written, PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
