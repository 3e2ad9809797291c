"""The experiment page in Firefox: what its keys, its history, its canvases and its paper do."""

from __future__ import annotations

import pytest

from tests import paper
from tests.experiment.conftest import CURVES, GRID
from tests.firefox import open_firefox
from tests.site import drawing
from tracksite.paths import HOME, experiment_page

COUNT = "document.querySelector('[data-board=count]').textContent"
SORTS = """[...document.querySelectorAll('.board-table .arrow')].map(one => one.textContent)
  .filter(Boolean)"""
DRAWN = "document.querySelectorAll('.curve-plot canvas').length"


@pytest.fixture
def look(firefox, built):
    """`look(experiment, fragment="")`: open an experiment's page in Firefox."""

    def go(name, fragment=""):
        firefox.goto((built / experiment_page(name)).as_uri() + fragment)
        firefox.wait(COUNT)
        return firefox

    return go


def focus(firefox, script):
    """Focus an element that JavaScript finds."""
    firefox.evaluate(f"({script}).focus()")


def test_pages_have_no_fault_in_firefox(look, firefox, built):
    """Home, experiment and run load without error, and nothing sticks out sideways."""
    look(GRID)
    firefox.evaluate("document.querySelector('#parallel').scrollIntoView()")
    run = firefox.evaluate("document.querySelector('.board-table tbody a').href")
    for url in (run, (built / HOME).as_uri()):
        firefox.goto(url)
        for width in (390, 1280):
            firefox.resize(width, 900)
            assert firefox.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_shift_and_a_key_sort_further(look, key):
    """Shift with Enter or Space on a header adds it to the order, as Shift and a click do."""
    firefox = look(GRID)
    before = firefox.evaluate(SORTS)
    headers = "[...document.querySelectorAll('thead button')]"
    focus(firefox, f"{headers}.find(it => it.textContent.includes('split'))")
    firefox.press(f"Shift+{key}")
    assert len(before) == 1
    assert len(firefox.evaluate(SORTS)) == 2


def test_space_on_a_legend_entry_keeps_the_focus(look):
    """A line is hidden and shown again from the keyboard without a way back through the page."""
    firefox = look(CURVES)
    firefox.evaluate("document.querySelector('#curves').scrollIntoView()")
    firefox.wait(DRAWN)
    focus(firefox, "document.querySelector('.curve-legend button')")
    firefox.press("Space")
    pressed = "document.activeElement.getAttribute('aria-pressed')"
    assert firefox.evaluate(pressed) == "false"
    firefox.press("Space")
    assert firefox.evaluate(pressed) == "true"


def test_a_brush_selects_no_text_and_a_filter_survives_back(look, built):
    """A drag along an axis filters; after Back the box shows the filter that is in force."""
    firefox = look(GRID, "#filter=trees+%3C+150")
    firefox.evaluate("document.querySelector('#parallel').scrollIntoView()")
    firefox.wait("document.querySelector('.parallel-handle')")
    box = firefox.evaluate(
        "(it => [it.x + it.width / 2, it.top, it.bottom])"
        "(document.querySelectorAll('.parallel-handle')[1].getBoundingClientRect())"
    )
    firefox.drag((box[0], box[1] + 20), (box[0] - 60, box[1] + 60), (box[0] - 300, box[2] - 40))
    firefox.wait("location.hash.includes('brush')")
    assert firefox.evaluate("String(getSelection())") == ""
    count = firefox.evaluate(COUNT)
    firefox.goto((built / HOME).as_uri())
    firefox.go(-1)
    firefox.wait(COUNT)
    assert firefox.evaluate("document.querySelector('[data-board=filter]').value") == "trees < 150"
    assert firefox.evaluate(COUNT) == count


def test_lines_are_drawn_in_firefox(firefox, tmp_path):
    """Firefox draws each chart where the numbers are, too."""
    names = list(drawing.SERIES)
    firefox.resize(360, 700)
    firefox.goto(drawing.page(tmp_path, names, 360))
    found = drawing.parts(firefox.screenshot(), names, 360)
    wrong = {
        name: drawing.astray(part, drawing.reference(name, 360)) for name, part in found.items()
    }
    assert wrong == dict.fromkeys(names, (0, 0))


NO_CURVES = """(() => {
  const draw = CanvasRenderingContext2D.prototype.stroke;
  CanvasRenderingContext2D.prototype.stroke = function (...given) {
    if (!this.canvas.closest('.curve-plot')) draw.apply(this, given);
  };
})()"""


def test_paper_is_light_and_has_its_curves_where_the_system_is_dark(built, tmp_path):
    """White paper shows the lines of the curves: there is less ink where they are not drawn."""
    with open_firefox(tmp_path / "profile", dark=True) as firefox:
        firefox.goto((built / experiment_page(CURVES)).as_uri())
        firefox.wait(COUNT)
        assert firefox.evaluate("tracksite.isDark()")
        firefox.evaluate("document.querySelector('#curves').scrollIntoView()")
        firefox.wait(DRAWN)
        whole = paper.sheets(firefox.pdf(), tmp_path)
        firefox.evaluate(NO_CURVES)
        less = paper.sheets(firefox.pdf(), tmp_path)
    assert paper.share_of((255, 255, 255), whole, 8) > 0.8
    assert paper.ink(whole) > paper.ink(less) + 300
