"""A real Chromium, driven for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
PHONE, DESK = {"width": 390, "height": 800}, {"width": 1280, "height": 900}

needs_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs a browser at {CHROMIUM}"),
]


@contextmanager
def chromium() -> Iterator[object]:
    """Start a browser; only one at a time in a process."""
    sync_api = pytest.importorskip("playwright.sync_api")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@contextmanager
def browsing(browser, path: Path, viewport: dict[str, int], **options: object) -> Iterator[object]:
    """Open a file as a new visitor; the page has what it complained of, and every address that it asked for."""
    context = browser.new_context(viewport=viewport, **options)
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.complaints, page.requests = [], []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto(path.as_uri())
    yield page
    context.close()


def violations(page, *rules: str) -> list[str]:
    """Return what axe finds serious or critical on a page, by some of its rules or by all."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"runOnly": list(rules)} if rules else None).response["violations"]
    return [f"{item['id']}: {item['help']}: {[node['target'] for node in item['nodes']][:3]}"
            for item in found if item["impact"] in ("serious", "critical")]  # fmt: skip
