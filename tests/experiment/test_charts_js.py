"""Impact, curves and parallel coordinates in Chromium, with and without colour and mouse."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser import still
from tests.experiment.conftest import CONSTANT, CURVES, EMPTY, GRID, HOSTILE
from tracksite.pages.script import data_script
from tracksite.render import TEMPLATES

CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:"


def reach(page, selector, drawn):
    """Scroll to a part of the page and wait until it is drawn."""
    page.locator(selector).first.scroll_into_view_if_needed()
    page.locator(drawn).first.wait_for()


def drawn(page):
    """Scroll through the page until everything that it draws is drawn."""
    still(page)  # what has nothing to show is hidden by now
    for part, shown in (
        ("[data-vega]", "svg"),
        ("[data-curves]", ".curve-plot canvas"),
        ("[data-parallel]", "canvas"),
    ):
        for place in page.locator(f"{part}:visible").all():
            place.scroll_into_view_if_needed()
            place.locator(shown).first.wait_for()
    still(page)


def test_impact_is_drawn_when_it_is_reached(visit):
    """Vega is loaded only for the reader who scrolls to it, and draws one figure per param."""
    page = visit(GRID)
    page.set_viewport_size({"width": 1000, "height": 400})
    page.reload()
    page.wait_for_function("() => document.querySelector('[data-board=count]').textContent")
    assert page.evaluate("typeof vega") == "undefined"
    for place in page.locator("#impact [data-vega]").all():
        place.scroll_into_view_if_needed()
        place.locator("svg").wait_for()
    assert page.locator("#impact svg").count() == 4
    assert "depth" in page.locator("#impact svg").first.text_content()


def test_impact_reads_as_tables(visit, new_page):
    """Without JavaScript the shares and the means with their intervals are tables."""
    page = visit(GRID, page=new_page(java_script_enabled=False))
    text = page.locator("#impact").text_content()
    page.close()
    assert "Share of variance" in text
    assert " to 0.9" in text


def test_figures_follow_the_theme(visit):
    """A change of theme redraws figures, curves and coordinates in the new colours."""
    page = visit(GRID)
    reach(page, "#impact [data-vega]", "#impact svg")
    bar = page.locator("#impact svg path[fill^='rgb'], #impact svg path[fill^='#']").first
    before = bar.get_attribute("fill")
    assert before
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "fill => [...document.querySelectorAll('#impact svg')].length"
        " && ![...document.querySelectorAll('#impact .mark-rect path')]"
        ".some(path => path.getAttribute('fill') === fill)",
        arg=before,
    )


def test_figures_that_are_being_drawn_follow_the_theme_too(visit, page):
    """A figure whose drawing had begun when the theme changed ends in the new colours."""
    page.add_init_script("""
      let embed, clicks = 2;
      Object.defineProperty(window, 'vegaEmbed', {get: () => embed, set: (made) => {
        embed = (...given) => { // the colours are chosen by now
          while (clicks-- > 0) document.querySelector('[data-theme-toggle]').click();
          return made(...given);
        };
      }});
    """)
    visit(GRID)
    reach(page, "#impact [data-vega]", "#impact svg")
    assert page.evaluate("tracksite.isDark()")
    bar = page.locator("#impact .mark-rect path, #impact .mark-symbol path").first
    expect(bar).to_have_attribute("fill", page.evaluate("tracksite.colour('--c1')"))


@pytest.mark.parametrize(
    "data",
    [{"url": "https://example.com/data.csv"}, {"url": "../../build.json"}],
    ids=["outside", "beside"],
)
def test_figure_that_needs_the_network_says_so(page, tmp_path, data):
    """A spec with its data elsewhere leaves a sentence in its place, and asks nobody for it."""
    spec = {
        "data": data,
        "mark": "point",
        "encoding": {"x": {"field": "a", "type": "quantitative"}},
    }
    (tmp_path / "assets").symlink_to(TEMPLATES / "assets")
    (tmp_path / "figure.js").write_text(data_script("figure", spec))
    (tmp_path / "index.html").write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Test</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{CSP}">'
        '<script src="assets/js/tracksite.js"></script><script defer src="assets/js/vega.js">'
        '</script></head><body><div data-vega="figure" data-vega-src="figure.js"></div></body>'
    )
    page.goto((tmp_path / "index.html").as_uri())
    message = page.locator(".vega-problem")
    message.wait_for()
    assert "cannot be drawn" in message.inner_text()
    assert "log the figure with its data inside" in message.inner_text()


def test_curves_have_a_chart_per_metric_and_gaps_for_nan(visit):
    """Each chosen metric is one chart of the best runs, named for a reader who cannot see it."""
    page = visit(CURVES)
    reach(page, "#curves", ".curve-plot canvas")
    assert page.locator(".curve-plot").count() == 2
    label = page.locator(".curve-plot").first.get_attribute("aria-label")
    assert label.startswith("val_loss over steps: ")
    page.get_by_role("button", name="train_loss", exact=True).click()
    assert page.locator(".curve-plot").count() == 1
    page.get_by_role("button", name="Log scale").click()
    page.get_by_label("Smoothing").fill("0.5")
    assert page.locator(".curve-plot canvas").count() == 1
    gaps = page.evaluate("""() => {
      let curves; tracksite.use("curves", (data) => (curves = data));
      return curves.series.map((one) => one.values.filter((value) => value === null).length);
    }""")
    assert sorted(gaps) == [0, 0, 0, 0, 0, 0, 30, 30]


def test_cursor_reads_out_every_run(visit):
    """Over a chart the values of all shown runs at that step are read out."""
    page = visit(CURVES)
    reach(page, "#curves", ".curve-plot canvas")
    page.locator(".curve-plot").first.scroll_into_view_if_needed()
    page.locator(".u-over").first.hover()
    tip = page.locator(".curve-tip").first
    tip.wait_for()
    expect(tip).to_have_text(re.compile("^step (.*lr-){4}"))


def test_brush_by_keyboard_filters_the_leaderboard(visit):
    """Arrow keys on an axis keep the runs in its range; the brush can be taken away again."""
    page = visit(GRID)
    axis = page.get_by_role("slider", name="Brush on trees")
    axis.focus()
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    count = page.locator("[data-board=count]")
    expect(count).to_have_text("28 of 82 runs")
    expect(page).to_have_url(re.compile("brush="))
    page.get_by_role("button", name="Remove the brush trees").click()
    expect(count).to_have_text("82 of 82 runs")


def test_brush_by_mouse_filters_the_leaderboard(visit):
    """A drag along an axis of texts keeps the runs with those texts."""
    page = visit(GRID)
    axis = page.get_by_role("slider", name="Brush on depth")
    drawn(page)  # nothing moves any more
    axis.hover(position={"x": 14, "y": 2})
    page.mouse.down()
    box = axis.bounding_box()
    page.mouse.move(box["x"] + 14, box["y"] + box["height"] * 0.2, steps=4)
    page.mouse.up()
    expect(axis).to_have_attribute("aria-valuetext", "None")
    expect(page.locator("[data-board=count]")).to_have_text("27 of 82 runs")


@pytest.mark.parametrize("name", [GRID, CURVES, EMPTY, CONSTANT, HOSTILE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_has_no_accessibility_violation(visit, new_page, axe, name, scheme):
    """Axe-core finds nothing, with the menu of columns open and every chart drawn, at 390 px."""

    def prepare(page):
        drawn(page)
        if page.get_by_text("Columns").count():
            page.get_by_text("Columns").click()

    page = visit(name, page=new_page(color_scheme=scheme, viewport={"width": 390, "height": 800}))
    assert axe(page, prepare) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_data_scripts_bring_back_hostile_data(page):
    """Whatever the data holds, the script brings it to the page as it was."""
    data = {"__proto__": "</script>", "a": ["\u2028", "'\\", "\\x3c", None, 1e-300], "é": "\u0000"}
    page.goto("about:blank")
    page.evaluate("window.tracksite = {data: (name, value) => (window.got = [name, value])}")
    page.evaluate(data_script("na'me</script>", data))
    assert json.loads(page.evaluate("JSON.stringify(got)")) == ["na'me</script>", data]
