"""The page in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports import leaderboard
from reports.pages import cell_href, setting_href

CHROMIUM = Path("/usr/bin/chromium")

LONG = "x" * 80

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs a browser at {CHROMIUM}"),
]


@pytest.fixture
def page(ledgers):
    sync_api = pytest.importorskip("playwright.sync_api")
    ledger = ledgers({"a": ("........", "...."), "b": ("cccccccc", ".c.."), LONG: ("c...    ", "....")})
    path = leaderboard(ledger).write(ledgers.folder / "out")[1]
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.requests = []
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(path.as_uri())
        page.address = path.as_uri()
        yield page
        browser.close()


def names(page):
    return [text.strip() for text in page.locator("#leaderboard tbody tr td:nth-child(2) bdi").all_inner_texts()]


def test_the_page_is_quiet_asks_for_nothing_fits_a_phone_and_sorts(page):
    assert page.complaints == []
    assert page.requests == [page.address]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    assert names(page) == ["a", LONG, "b"]
    button = page.locator("#leaderboard th button", has_text="normalizer")
    button.click()
    assert names(page) == ["a", "b", LONG]
    button.focus()
    page.keyboard.press("Enter")
    assert names(page) == [LONG, "b", "a"]
    assert page.locator("#leaderboard th[aria-sort=descending]").count() == 1
    page.locator("#leaderboard th button", has_text="unstable").click()
    assert names(page) == ["a", LONG, "b"]
    page.locator("#leaderboard th button", has_text="fid").click()
    assert page.complaints == []


def test_the_pages_beside_it_are_quiet_ask_for_nothing_but_pictures_and_fit_a_phone(ledgers):
    sync_api = pytest.importorskip("playwright.sync_api")
    out = ledgers.folder / "out"
    outcomes = {"a": ("........", "...."), "b": ("cccccccc", ".c.."), LONG: ("c...    ", "...e"), "<b>&": ("d", "e")}
    board = leaderboard(ledgers(outcomes, reason=f"it collapsed {LONG}{LONG}"))
    board.write(out)
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport={"width": 390, "height": 800})
        complaints, requests = [], []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        for path in sorted(out.glob("*/*.html")):
            page.goto(path.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
            for image in page.locator("img").all():
                image.scroll_into_view_if_needed()
                image.evaluate("item => item.decode()")  # fails where it is not shown
        assert complaints == []
        assert all(url.startswith(out.as_uri()) for url in requests)
        assert any(url.endswith(".png") for url in requests)

        cell = board.evidence.groups[0].cells["b"]
        page.goto((out / cell_href(cell)).as_uri())
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
        assert complaints == []
        browser.close()
