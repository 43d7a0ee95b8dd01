"""Take the README's picture: the head of a leaderboard and its map of failures.

    python tools/picture.py results/quick/leaderboard/leaderboard.html docs/leaderboard.webp

Needs Chromium (`chromium` on the path) and what `make test` installs.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

MARGIN, COLOURS = 10, 8


def main(page_file: Path, picture: Path) -> None:
    import numpy as np

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.goto(page_file.resolve().as_uri())
        board, heading, table = (page.locator(name).bounding_box() for name in ("#leaderboard", "#where", "#heat"))
        left, width = board["x"] - MARGIN, board["width"] + 2 * MARGIN
        parts = [
            page.screenshot(full_page=True, clip={"x": left, "y": top, "width": width, "height": height})
            for top, height in (
                (2 * MARGIN, board["y"] + board["height"] - MARGIN),
                (heading["y"] - MARGIN, heading["height"] + 2 * MARGIN),
                (table["y"] - MARGIN, table["height"] + 2 * MARGIN),
            )
        ]
        browser.close()
    whole = np.concatenate([np.asarray(Image.open(io.BytesIO(part)).convert("RGB")) for part in parts])
    few = Image.fromarray(whole).quantize(COLOURS, dither=Image.Dither.NONE)
    few.convert("RGB").save(picture, lossless=True, quality=100, method=6)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
