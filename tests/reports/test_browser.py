"""The page in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports import leaderboard

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
