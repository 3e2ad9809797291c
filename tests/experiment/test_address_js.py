"""The address of the experiment page: what it keeps, when it is written, and where it leads."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser import still
from tests.experiment.conftest import CURVES, GRID

COUNT = "[data-board=count]"


def write(page, text):
    """Type a filter and press Enter."""
    page.get_by_label("Filter", exact=True).fill(text)
    page.keyboard.press("Enter")


def test_the_address_is_written_once_the_hand_rests(visit, page):
    """A hundred brushes in a row are one or two writes, and the last one is what stands there."""
    page.add_init_script("""
      window.writes = 0;
      const replace = history.replaceState;
      history.replaceState = function (...given) { writes++; return replace.apply(this, given); };
    """)
    visit(GRID)
    page.evaluate("""() => {
      for (let n = 1; n <= 100; n++) tracksiteBoard.board.set({brush: [["params.trees", 0, n]]});
    }""")
    expect(page).to_have_url(re.compile("100%5D"))
    assert page.evaluate("writes") <= 2


@pytest.mark.parametrize("first", ["emptied", "told"])
def test_the_box_shows_the_filter_in_force_after_back(visit, first):
    """A page that comes out of the browser's memory fills its fields again.

    Some browsers empty them before they tell the page, WebKit afterwards.
    """
    page = visit(GRID)
    write(page, "trees = 50")
    page.evaluate(
        """first => {
          const empty = () => { document.querySelector('[data-board=filter]').value = ''; };
          if (first === 'emptied') empty();
          dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}));
          if (first === 'told') empty();
        }""",
        first,
    )
    expect(page.get_by_label("Filter", exact=True)).to_have_value("trees = 50")


def test_a_heading_s_link_keeps_filter_and_place(visit):
    """The link of a section says what the page shows, and a reload shows that, there."""
    page = visit(GRID)
    page.set_viewport_size({"width": 1000, "height": 500})
    write(page, "trees = 50")
    page.get_by_role("link", name="What matters").click()
    expect(page).to_have_url(re.compile("filter=.*section=impact"))
    page.reload()
    expect(page.locator(COUNT)).to_have_text("27 of 82 runs")
    expect(page.locator("#impact")).to_be_in_viewport()


def test_the_skip_link_leaves_the_address_alone(visit):
    """Skipping to the content moves the focus and loses no filter."""
    page = visit(GRID)
    write(page, "trees = 50")
    expect(page).to_have_url(re.compile("filter="))
    page.get_by_role("link", name="Skip to content").press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert "filter=" in page.url


@pytest.mark.parametrize("name", [CURVES, GRID])
def test_a_link_to_the_last_section_lands_there(visit, name, new_page):
    """What fills late above a section does not push it away from who came for it."""
    page = visit(name, "#parallel", page=new_page(viewport={"width": 1000, "height": 500}))
    if name == CURVES:
        page.locator(".curve-plot canvas").first.wait_for()
    still(page)
    place = "document.querySelector('#parallel').getBoundingClientRect()"
    page.wait_for_function(f"() => {place}.top > -1 && {place}.top < innerHeight / 2")


@pytest.mark.parametrize("name", ["Clear selection", "Reset"])
def test_a_button_that_goes_away_hands_its_focus_on(visit, name):
    """After it has done its work from the keyboard, the focus is in the filter's box."""
    page = visit(GRID)
    page.locator(".board-table tbody input").first.check()
    page.get_by_role("button", name=name).press("Enter")
    expect(page.get_by_label("Filter", exact=True)).to_be_focused()


def test_the_last_brush_that_goes_hands_its_focus_on(visit):
    """Taking the last brush away leaves the focus at the axes."""
    page = visit(GRID)
    page.evaluate("tracksiteBoard.board.set({brush: [['params.trees', 0, 100]]})")
    page.get_by_role("button", name="Remove the brush trees").press("Enter")
    expect(page.get_by_role("slider").first).to_be_focused()


def test_space_on_a_legend_entry_keeps_the_focus(visit):
    """A line is hidden and shown again from the keyboard without a way back through the page."""
    page = visit(CURVES)
    page.locator("#curves").scroll_into_view_if_needed()
    button = page.locator(".curve-legend button").first
    button.press("Space")
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-pressed", "false")


def test_curves_are_drawn_where_the_language_is_none(visit, new_page):
    """A browser whose language is "C" gets its curves."""
    page = new_page()
    page.add_init_script(
        "Object.defineProperty(navigator, 'language', {get: () => 'C', configurable: true})"
    )
    visit(CURVES, page=page)
    page.locator("#curves").scroll_into_view_if_needed()
    page.locator(".curve-plot canvas").first.wait_for()


def test_curves_that_cannot_be_drawn_say_so(visit, page):
    """Where the chart library does not start, a sentence stands in the place of the curves."""
    page.add_init_script(
        "Object.defineProperty(window, 'uPlot', {get: () => undefined, set: () => {}})"
    )
    visit(CURVES)
    page.locator("#curves").scroll_into_view_if_needed()
    expect(page.locator("#curves")).to_contain_text("The curves cannot be drawn: the chart library")


def test_labels_contain_what_they_show(visit, axe):
    """Axe finds no control whose name differs from its words: brushes, headers, chips."""
    page = visit(GRID, "#" + "brush=%5B%22params.trees%22%2C0%2C100%5D")
    rule = {"rules": {"label-content-name-mismatch": {"enabled": True}}}
    assert axe(page, options={"runOnly": ["label-content-name-mismatch"], **rule}) == []


def test_charts_say_without_javascript_where_their_numbers_are(visit, new_page):
    """An empty frame has a note in it."""
    page = visit(GRID, page=new_page(java_script_enabled=False))
    notes, figures = (
        page.locator("#impact figure noscript p:visible"),
        page.locator("#impact figure"),
    )
    assert notes.count() == figures.count() > 0
    assert figures.nth(1).bounding_box()["height"] < 200
    page.close()
