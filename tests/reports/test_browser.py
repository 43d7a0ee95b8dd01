"""The page in a real browser."""

from __future__ import annotations

import pytest
from browsing import DESK, PHONE, browsing, chromium, needs_browser, violations

from ganbench.reports import leaderboard

LONG = "x" * 80
pytestmark = needs_browser

OUTCOMES = {
    "a": ("........", "....", "........"),
    "b": ("cccccccc", ".c..", "...n...."),
    LONG: ("c...    ", "....", "n......."),
    "n+d": ("c.......", "....", "cccc...."),
}


@pytest.fixture(scope="module")
def written(shared):
    settings = [("fast", shared.points), ("slow", shared.images), ("long", shared.points)]
    ledger = shared(OUTCOMES, settings=settings, baseline="b", description="Which? `a` or b")
    leaderboard(ledger).write(shared.folder / "out")
    return shared.folder / "out" / "leaderboard.html"


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def desk(browser, written):
    with browsing(browser, written, DESK, color_scheme="light") as page:
        yield page


@pytest.fixture(autouse=True)
def afresh(request):
    if "desk" in request.fixturenames:
        page = request.getfixturevalue("desk")
        page.goto("about:blank")
        page.goto(request.getfixturevalue("written").as_uri())


def names(page):
    return [text.strip() for text in page.locator("#leaderboard tbody td.name bdi").all_inner_texts()]


def test_the_page_is_quiet_and_asks_for_nothing(desk, written):
    assert desk.complaints == []
    assert set(desk.requests) <= {written.as_uri(), "about:blank"}


def test_the_page_fits_a_phone_and_its_wide_tables_scroll_by_themselves(browser, written):
    with browsing(browser, written, PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        loose = "[...document.querySelectorAll('table')].filter((table) => !table.closest('.scroll')).length"
        assert page.evaluate(loose) == 0
        assert page.complaints == []


def test_the_main_table_sorts_by_click_and_by_keyboard(desk):
    assert names(desk) == ["a", LONG, "n+d", "b"]
    button = desk.locator("#leaderboard th button", has_text="normalizer")
    button.click()
    assert names(desk) == ["a", "b", "n+d", LONG]
    button.focus()
    desk.keyboard.press("Enter")
    assert names(desk) == [LONG, "n+d", "b", "a"]
    assert desk.locator("#leaderboard th[aria-sort=descending]").count() == 1
    desk.locator("#leaderboard th button", has_text="instability").click()
    assert names(desk)[0] == "a"
    desk.locator("#leaderboard th button", has_text="against b").click()
    assert names(desk)[-1] == "b"  # has no change against itself, which stays below
    assert desk.complaints == []


def shown(page):
    """Return the map's visible texts, row by row, the head among them."""
    return page.evaluate(
        "[...document.querySelectorAll('#heat tr')].filter((r) => !r.hidden)"
        ".map((r) => [...r.cells].filter((c) => !c.hidden).map((c) => c.textContent.trim()))"
    )


def test_the_map_of_failures_is_filtered_by_data_set_setting_and_normalizer(desk):
    whole = shown(desk)
    assert whole[0][1:] == ["a", LONG, "n+d", "b"]
    assert [row[0] for row in whole[1:]] == ["ring · fast", "digits · slow", "ring · long"]
    assert whole[1][1:] == ["0/8", "1/4", "1/8", "8/8"]
    desk.select_option("select[name=dataset]", "digits")
    assert [row[0] for row in shown(desk)[1:]] == ["digits · slow"]
    desk.select_option("select[name=dataset]", "")
    desk.select_option("select[name=setting]", "long")
    assert [row[0] for row in shown(desk)[1:]] == ["ring · long"]
    desk.select_option("select[name=setting]", "")
    desk.fill("input[name=normalizer]", "N+")
    assert [row[1:] for row in shown(desk)] == [["n+d"], ["1/8"], ["0/4"], ["4/8"]]
    desk.fill("input[name=normalizer]", "nobody")
    assert desk.locator("#none-left").is_visible()


def test_the_map_shows_one_failure_mode_and_sorts_by_how_hard_settings_are(desk):
    desk.select_option("select[name=mode]", "never_converged")
    assert [row[1:] for row in shown(desk)[1:]] == [
        ["0/8", "0/4", "0/8", "0/8"],
        ["0/4", "0/4", "0/4", "0/4"],
        ["0/8", "1/8", "0/8", "1/8"],
    ]
    desk.select_option("select[name=mode]", "")
    desk.select_option("select[name=order]", "hard")
    assert [row[0] for row in shown(desk)[1:]] == ["ring · fast", "ring · long", "digits · slow"]
    desk.select_option("select[name=order]", "easy")
    assert [row[0] for row in shown(desk)[1:]] == ["digits · slow", "ring · long", "ring · fast"]


def test_a_cell_of_the_map_opens_its_page(desk):
    desk.locator("#heat tbody tr").first.locator("td a").last.click()
    desk.wait_for_url("**/cells/**")
    assert "/cells/" in desk.url
    assert "b" in desk.locator("h1").inner_text()
    assert desk.complaints == []
    desk.go_back()


def test_any_two_normalizers_are_compared_setting_by_setting(desk, written):
    desk.select_option("#first", label="n+d")
    desk.select_option("#second", label="b")
    verdict = desk.locator("#verdict").inner_text().replace("\u00a0", " ")
    assert verdict.startswith("Not enough seeds to separate n+d and b:")
    assert "of 20 shared pairs only n+d failed in 3 and only b in 8" in verdict
    rows = [row.split("\t") for row in desk.locator("#pair tbody").inner_text().splitlines()]
    assert [(row[0], row[3], row[4]) for row in rows] == [
        ("ring · fast", "0", "7"),
        ("digits · slow", "0", "1"),
        ("ring · long", "3", "0"),
    ]
    assert "digits · fid (lower is better): n+d" in desk.locator("#pair-quality").inner_text()
    assert desk.url.endswith("#compare-2-3")
    desk.reload()
    assert desk.locator("#first").input_value() == "2"  # what was chosen can be sent to somebody
    desk.select_option("#second", label="n+d")
    assert desk.locator("#verdict").inner_text() == "Choose two different normalizers."
    assert desk.complaints == []


LIGHT, DARK = "rgb(255, 255, 255)", "rgb(21, 23, 26)"


def paper(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def loaded_in(colour, page):
    """Load a page until it has a colour: a busy browser may show it before it has what another page stored."""
    for _ in range(50):
        page.reload()
        if paper(page) == colour:
            return True
        page.wait_for_timeout(100)
    return False


def test_the_theme_switches_and_is_remembered(desk, written):
    assert paper(desk) == LIGHT
    desk.locator("#theme").click()
    assert paper(desk) == DARK
    assert loaded_in(DARK, desk)
    desk.locator("#heat td a").first.click()
    desk.wait_for_url("**/cells/**")
    assert loaded_in(DARK, desk)  # on the pages that it leads to, too
    desk.goto(written.as_uri())
    assert loaded_in(DARK, desk)
    desk.locator("#theme").click()
    assert paper(desk) == LIGHT
    assert loaded_in(LIGHT, desk)
    assert desk.complaints == []
    desk.evaluate("localStorage.clear()")


@pytest.mark.parametrize(("scheme", "rules"), [("light", ()), ("dark", ("color-contrast",))])  # only colours differ
def test_axe_finds_nothing_serious(browser, written, scheme, rules):
    with browsing(browser, written, DESK, color_scheme=scheme) as page:
        page.locator("#trials").evaluate("table => (table.closest('details').open = true)")
        page.select_option("select[name=mode]", "mode_collapse")
        assert violations(page, *rules) == []


def test_everything_is_there_without_scripts(browser, written):
    with browsing(browser, written, DESK, java_script_enabled=False) as page:
        assert "0/8" in page.locator("#heat").inner_text()
        assert not page.locator("#filters").is_visible()
        assert not page.locator("#compare").is_visible()
        assert "95\u00a0%" in page.locator("#leaderboard").inner_text()


def test_paper_is_light_and_shows_what_was_folded(browser, written):
    with browsing(browser, written, DESK, color_scheme="dark") as page:
        page.emulate_media(media="print", color_scheme="dark")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.locator("#trials").is_visible()
        assert not page.locator("nav.top").is_visible()


HOSTILE = (
    "<script>alert(1)</script>",
    "'\"|`$x$ *_[a](b)",
    "\u202eeman \u05e9\u05dc\u05d5\u05dd",
    "y" * 300,
    "\U0001f600 \u540d\u524d " * 9,
)


@pytest.fixture(scope="module")
def hostile(shared):
    outcomes = {name: ("xe.." if place % 2 else "....",) for place, name in enumerate(HOSTILE)}
    reason = HOSTILE[0] + "w" * 300
    ledger = shared(outcomes, baseline=HOSTILE[3], suite="z" * 90, message=reason, layers=(reason,))
    leaderboard(ledger).write(shared.folder / "hostile", pages=False)
    return shared.folder / "hostile" / "leaderboard.html"


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_whatever_names_hold_the_layout_holds(browser, hostile, viewport):
    with browsing(browser, hostile, viewport) as page:
        page.locator("#trials").evaluate("table => (table.closest('details').open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        assert page.locator("#leaderboard tbody tr").count() == len(HOSTILE)
        assert page.locator("#first option").count() == len(HOSTILE)
        page.select_option("#first", index=3)
        page.select_option("#second", index=4)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        assert page.complaints == []
        assert violations(page) == []
