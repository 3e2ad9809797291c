"""Take the picture of the README: `python -m tests.docs.picture demo/site`, after `make demo`."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser import launch
from tests.docs.pages import ROOT
from tracksite import paths
from tracksite.demo import forest

WIDTH, HEIGHT = 1280, 1200
PICTURE = ROOT / "docs/experiment.png"


def main(site: Path) -> None:
    """Write `docs/experiment.png` from the forests' page of a demo site."""
    page_file = site.resolve() / paths.experiment_page(forest.EXPERIMENT)
    with sync_playwright() as playwright, contextlib.closing(launch(playwright)) as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(page_file.as_uri())
        page.get_by_label("Filter", exact=True).fill("f1 > 0.962")
        page.get_by_role("heading", name="What matters").scroll_into_view_if_needed()
        page.wait_for_timeout(2000)  # the charts draw when they come into view
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        page.wait_for_timeout(500)
        content = page.screenshot()
    colors = Image.open(io.BytesIO(content)).convert("RGB").quantize(64, dither=Image.Dither.NONE)
    colors.save(PICTURE, optimize=True)
    sys.stdout.write(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
