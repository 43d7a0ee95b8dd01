"""The pages beside the leaderboard in a real browser."""

from __future__ import annotations

import pytest
from browsing import DESK, PHONE, browsing, chromium, needs_browser, violations

from ganbench.reports import leaderboard
from ganbench.reports.pages import cell_href, normalizer_href, setting_href

LONG = "x" * 80
pytestmark = needs_browser

DECODED = "Promise.all([...document.images].map((item) => (item.scrollIntoView(), item.decode())))"


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def board(shared):
    outcomes = {"a": ("........", "...."), "b": ("cccccccc", ".c.."), LONG: ("x...    ", "...e"), "<b>&": ("d", "e")}
    return leaderboard(shared(outcomes, message=f"it raised {LONG}{LONG}", layers=(f"first {LONG}{LONG}", "last")))


@pytest.fixture(scope="module")
def out(board, shared):
    board.write(shared.folder / "out")
    return shared.folder / "out"


def test_the_pages_ask_for_nothing_but_pictures_beside_them_and_fit_a_phone(browser, board, out):
    with browsing(browser, out / "leaderboard.html", PHONE) as page:
        for path in sorted(out.glob("*/*.html")):
            page.goto(path.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
            page.evaluate(DECODED)  # fails where one is not shown
        assert page.complaints == []
        assert all(url.startswith(out.as_uri()) for url in page.requests)
        assert any(url.endswith(".png") for url in page.requests)


def test_a_seed_is_followed_through_the_charts_and_pages_lead_to_each_other(browser, board, out):
    cell = board.evidence.groups[0].cells["b"]
    with browsing(browser, out / cell_href(cell), DESK) as page:
        lines = "[...document.querySelectorAll('.chart .s3 path:not(.cross)')]"
        widths = f"() => {lines}.map(item => getComputedStyle(item).strokeWidth)"
        before = page.evaluate(widths)
        page.locator("tr#s3 a").focus()
        page.keyboard.press("Enter")
        assert all(float(now[:-2]) > float(was[:-2]) for was, now in zip(before, page.evaluate(widths), strict=True))
        page.locator("nav a", has_text="ring").click()
        assert page.url == (out / setting_href(board.evidence.groups[0])).as_uri()
        page.locator("td a", has_text=LONG[:20]).click()
        assert page.locator("h1").inner_text().startswith(LONG)
        assert page.complaints == []


@pytest.mark.parametrize(("scheme", "rules"), [("light", ()), ("dark", ("color-contrast",))])  # only colours differ
def test_axe_finds_nothing_serious_on_any_kind_of_page(browser, board, out, scheme, rules):
    group = board.evidence.groups[0]
    for href in (cell_href(group.cells["b"]), setting_href(group), normalizer_href("<b>&")):
        with browsing(browser, out / href, DESK, color_scheme=scheme) as page:
            assert violations(page, *rules) == [], href
