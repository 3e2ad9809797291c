"""The experiment page on paper: all of it, in light colours, and drawn."""

from __future__ import annotations

import pytest

from tests import paper
from tests.browser import still
from tests.experiment.conftest import CURVES, GRID

BLUE = (0x2F, 0x66, 0xD0)  # --c1 in light
A4 = {"width": 690, "height": 1000}
ROWS = ".board-table tbody tr:not(.spacer)"
SEND = "name => dispatchEvent(new Event(name))"


@pytest.fixture
def printed(visit):
    """`printed(experiment)`: the page as it stands while it is printed."""

    def go(name):
        page = visit(name)
        page.set_viewport_size(A4)
        page.emulate_media(media="print")
        page.evaluate(SEND, "beforeprint")
        return page

    return go


def test_paper_has_every_run_and_every_column(printed):
    """All rows are printed, within the width of the sheet; the screen has its window back."""
    page = printed(GRID)
    assert page.locator(ROWS).count() == 82
    assert page.evaluate("document.documentElement.scrollWidth") <= A4["width"]
    wide = "node => node.getBoundingClientRect().right"
    assert page.locator(".board-table").evaluate(wide) <= A4["width"]
    page.emulate_media(media="screen")
    page.evaluate(SEND, "afterprint")
    still(page)
    assert page.locator(ROWS).count() < 82
    assert page.locator(".board-table thead button").count() > 3


def test_a_table_stands_in_for_what_is_not_drawn(printed):
    """A chart that was not scrolled to is its table on paper, and closed again afterwards."""
    page = printed(GRID)
    figures = page.locator("#impact figure").all()
    for figure in figures:
        assert figure.locator("table").is_visible() != figure.locator("svg").is_visible()
    page.evaluate(SEND, "afterprint")
    assert page.locator("#impact details[open]").count() == 0


def test_the_shortcut_waits_until_all_is_drawn(visit, page):
    """Ctrl and P print when every figure and every curve is there."""
    page.add_init_script("""
      print = () => window.printed = [
        [...document.querySelectorAll('[data-vega]')].every(it => it.querySelector('svg')),
        document.querySelectorAll('.curve-plot canvas').length];
    """)
    page.set_viewport_size({"width": 900, "height": 300})
    visit(CURVES)
    page.keyboard.press("Control+p")
    page.wait_for_function("() => window.printed")
    assert page.evaluate("window.printed") == [True, 2]


def test_paper_is_light_under_a_dark_theme(visit, new_page, tmp_path):
    """Curves and legend keep their colours, on white, where the system is dark."""
    page = visit(CURVES, page=new_page(color_scheme="dark"))
    page.locator("#curves").scroll_into_view_if_needed()
    page.locator(".curve-plot canvas").first.wait_for()
    still(page)
    sheets = paper.sheets(page.pdf(format="A4", prefer_css_page_size=True), tmp_path)
    assert paper.share_of((255, 255, 255), sheets, 8) > 0.8
    assert paper.share_of(BLUE, sheets) > 0.0005
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 17, 22)"


def test_figures_are_light_on_paper_and_dark_again(visit, new_page):
    """A figure that was drawn in dark colours has the light ones while it is printed."""
    page = visit(GRID, page=new_page(color_scheme="dark"))
    for place in page.locator("#impact [data-vega]").all():
        place.scroll_into_view_if_needed()
        place.locator("svg").wait_for()
    fills = """() => [...new Set([...document.querySelectorAll('.vega-box svg text')]
      .map(it => it.getAttribute('fill')))].sort().join()"""
    dark = page.evaluate(fills)
    page.evaluate(SEND, "beforeprint")
    light = page.evaluate(fills)
    page.evaluate(SEND, "afterprint")
    assert "rgb(87, 96, 108)" in light
    assert "rgb(87, 96, 108)" not in dark
    assert page.evaluate(fills) == dark
