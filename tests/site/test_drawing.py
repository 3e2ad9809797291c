"""Charts show the numbers that they are of, whatever these are: pixels, coordinates and labels."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from tests.site import drawing
from tracksite.charts import svg
from tracksite.charts.axes import labels, number_short, ticks, whole_ticks

EXACT = 2**24  # whole numbers that 32-bit floats hold
STEPS = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20).map(sorted)
VALUES = st.lists(st.floats(), min_size=20, max_size=20)


@pytest.mark.parametrize("log", [False, True], ids=["linear", "log"])
@pytest.mark.parametrize("width", [263, 420])
def test_a_chart_shows_what_a_reference_shows(page, tmp_path, width, log):
    """No pixel of a line is astray, and none is missing, beside a drawing of the numbers."""
    names = [
        name
        for name, (_, values) in (drawing.SERIES | drawing.MORE).items()
        if not log or bool((values[np.isfinite(values)] > 0).all())
    ]
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(drawing.page(tmp_path, names, width, log=log))
    found = drawing.parts(page.screenshot(full_page=True), names, width)
    wrong = {
        name: drawing.astray(part, drawing.reference(name, width, log=log))
        for name, part in found.items()
    }
    assert wrong == dict.fromkeys(names, (0, 0))


@given(STEPS, VALUES, st.booleans())
def test_every_point_lies_inside_the_axes(steps, values, log_scale):
    """Coordinates are whole, exact as 32-bit floats, and on the chart once they are scaled."""
    line = svg.Line("x", np.array(steps), np.array(values[: len(steps)]))
    left, top, width, height = svg._box()
    node = ET.fromstring(svg.line_chart([line], "x", log_scale=log_scale)).find(
        "g/path[@transform]"
    )
    a, _, _, d, e, f = map(float, node.get("transform")[7:-1].split())
    places = _places(node.get("d"))
    assert len(places) == int(np.isfinite(line.values).sum())
    for x, y in places:
        assert 0 <= x <= EXACT
        assert 0 <= y <= EXACT
        assert left - 0.1 <= a * x + e <= left + width + 0.1
        assert top - 0.1 <= d * y + f <= top + height + 0.1


def _places(path):
    """The points of a path, its relative moves added up."""
    found, x, y = [], 0, 0
    for pen, across, up in re.findall(r"([Ml ]?)(\d+) ?(-?\d+)", path):
        x, y = (int(across), int(up)) if pen == "M" else (x + int(across), y + int(up))
        found.append((x, y))
    return found


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
def test_a_sparkline_lies_inside_its_picture(values):
    """Whatever the values of the runs, dots and line lie inside 240 by 56 pixels."""
    drawn = svg.sparkline(values, list(np.maximum.accumulate(values)), "x")
    assert isinstance(drawn, Markup)
    numbers = [
        float(it) for d in re.findall(r' d="([^"]*)"', drawn) for it in re.findall(r"[-\d.]+", d)
    ]
    assert all(0 <= it <= 240 for it in numbers)


@given(st.floats(-1e300, 1e300), st.floats(1e-12, 1e12))
def test_labels_of_an_axis_never_repeat(low, share):
    """However narrow or far out an axis is, its labels differ, and are short."""
    high = min(low + max(abs(low) * share, 1e-300), 1.7e308)
    values = ticks(low, high, 5)
    shown, note = labels(values, 7.5)
    assert len(set(shown)) == len(values) == len(set(values))
    assert max(map(len, shown)) <= 10
    assert len(note) <= 30


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**63))
def test_steps_on_an_axis_are_whole_and_inside(first, span):
    """Ticks of steps are exact whole numbers between the first and the last, with own labels."""
    found = whole_ticks(first, first + span, 6)
    assert 1 <= len(found) <= 6
    assert all(first <= it <= first + span for it in found)
    assert len(set(labels(found, 8.5)[0])) == len(found)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.25, "0.25"),
        (1234, "1,234"),
        (12_340, "12.34k"),
        (-250_000_000, "−250M"),
        (1e9, "1G"),
        (1e12, "1e12"),
        (-2.5e-7, "−2.5e−7"),
    ],
)
def test_a_tick_is_short(value, text):
    """A label has few digits, whatever the size of the number."""
    assert number_short(value) == text


def test_ticks_are_written_alike_in_python_and_javascript(page, tmp_path):
    """`short` and `ticks` of axes.js give what charts/axes.py gives."""
    page.goto(drawing.page(tmp_path, ["cosine"], 300))
    values = [0, 0.25, 1234, 12_340, -250_000_000, 1e9, 1e12, -2.5e-7, 9999.5, 1e-4, 123.456]
    assert page.evaluate("all => all.map(it => tracksiteAxes.short(it))", values) == [
        number_short(it) for it in values
    ]
    for low, high in ((0, 1), (-3, 17), (0.91, 0.93), (1e6, 1e6 + 3), (-1e300, 1e300)):
        told = page.evaluate("([a, b]) => tracksiteAxes.ticks(a, b, 5)", [low, high])
        assert told == pytest.approx(ticks(low, high, 5))


def test_a_chart_reads_out_exact_steps_and_values(page, tmp_path):
    """What the path is too coarse for is told beside it: far steps, and small values of a log."""
    page.goto(drawing.page(tmp_path, ["far", "orders", "late", "near one"], 300))
    read = []
    for place, key in ((0, "Home"), (1, "End"), (2, "Home"), (3, "Home")):
        page.locator("svg.plot").nth(place).press(key)
        read.append(page.locator(".readout").nth(0).inner_text().split())
        page.locator("svg.plot").nth(place).blur()
    assert read[0] == ["step", "−4,611,686,018,427,387,904", "3"]
    assert read[1][2] == "1.0042e−9"
    assert read[2][1] == "4,611,686,018,427,387,904"
    assert read[3] == ["step", "0", "1"]
    assert math.isclose(10.0 ** (-9 * 4999 / 5000), 1.0042e-9, rel_tol=1e-4)
