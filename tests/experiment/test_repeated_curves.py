"""Curves of repeats: the numbers behind a mean and its shade, and how the page shows them."""

from __future__ import annotations

import math
import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import expect

import tracksite
from tests.experiment.test_charts_js import reach
from tests.experiment.test_files import folder, value_of
from tracksite import site
from tracksite.analysis.intervals import t_quantile
from tracksite.analysis.mean_curves import mean_curves
from tracksite.charts import curves
from tracksite.pages import board as boards
from tracksite.paths import experiment_page

REPEATED = "Repeated"
RATES = [round(0.01 * (place + 1), 2) for place in range(13)]
NUMBERS = st.floats(-1e12, 1e12) | st.sampled_from([0.5, 0.125, -2.5, math.nan, math.inf, 1e-9])


def points(series):
    """Points of group 1 and key "loss": {run_id: {step: value}}."""
    rows = [
        {"group": 1, "run_id": run_id, "key": "loss", "step": step, "value": float(value)}
        for run_id, values in series.items()
        for step, value in values.items()
    ]
    return pl.DataFrame(rows)


@pytest.fixture(scope="module")
def repeated(store, tmp_path_factory):
    """The site of 13 settings × 2 seeds, whose curves are shipped for 20 runs."""
    root = tmp_path_factory.mktemp("repeated")
    tracksite.set_tracking_uri(root / "runs")
    try:
        tracksite.set_experiment(REPEATED)
        for rate in RATES:
            for seed in (0, 1):
                with tracksite.start_run(run_name=f"rate {rate}, seed {seed}"):
                    tracksite.log_params({"rate": rate, "seed": seed})
                    values = [rate + 0.001 * seed + 0.01 * step for step in range(10 + seed)]
                    if rate == RATES[-1] and seed:
                        values[4] = math.nan
                    tracksite.log_series("score", values, range(len(values)))
    finally:
        tracksite.set_tracking_uri(store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curves, "MORE_RUNS", 20)
        assert not site.build(root / "runs", root / "site").problems
    return root / "site"


@pytest.fixture
def opened(page, repeated):
    """The page of the repeated runs with its curves drawn."""
    page.goto((repeated / experiment_page(REPEATED)).as_uri())
    page.wait_for_function("() => document.querySelector('[data-board=count]').textContent")
    reach(page, "#curves", ".curve-plot canvas")
    return page


def words(page):
    """What the page says about the lines that are drawn."""
    return page.locator(".curve-words").inner_text()


def test_three_runs_give_the_t_interval_and_two_their_range():
    """Of three runs the shade is Student's interval of the mean, of two their two values."""
    three = mean_curves(points({"a": {0: 1}, "b": {0: 2}, "c": {0: 6}})).row(0, named=True)
    half = t_quantile(2) * math.sqrt(7) / math.sqrt(3)
    assert (three["value"], three["count"]) == (3, 3)
    assert (three["low"], three["high"]) == pytest.approx((3 - half, 3 + half))
    two = mean_curves(points({"a": {0: 1}, "b": {0: 2}})).row(0, named=True)
    assert (two["low"], two["value"], two["high"]) == (1, 1.5, 2)


def test_steps_count_where_all_runs_under_way_have_them():
    """A step that a run skipped is left out; past the end of one run two or more go on."""
    series = {
        "a": dict.fromkeys((0, 1, 2, 3, 4), 1),
        "b": dict.fromkeys((0, 2, 3), 2),
        "c": dict.fromkeys((0, 1, 2), 3),
    }
    made = mean_curves(points(series))
    assert made["step"].to_list() == [0, 2, 3]
    assert made["count"].to_list() == [3, 3, 2]


def test_value_that_is_not_finite_makes_a_gap():
    """Where one run diverged there is no mean: the rest alone would flatter the setting."""
    made = mean_curves(points({"a": {0: 1, 1: math.nan}, "b": {0: 1, 1: 2}, "c": {0: 1, 1: 2}}))
    assert made.row(1, named=True)["value"] is None
    assert made.row(1, named=True)["low"] is None
    assert made["step"].to_list() == [0, 1]


def test_one_run_is_its_own_mean_without_an_interval():
    """The curve of a single run comes back as it is; of a step logged twice the last counts."""
    twice = pl.concat([points({"a": {0: 1, 1: 2}}), points({"a": {1: 5}})])
    made = mean_curves(twice)
    assert made["value"].to_list() == [1, 5]
    assert made["low"].null_count() == 2


@given(
    st.dictionaries(
        st.sampled_from("abcd"),
        st.dictionaries(st.integers(0, 6), st.floats(-10, 10), min_size=1),
        min_size=1,
    )
)
def test_mean_lies_between_the_runs(series):
    """At every step the mean is between the smallest and the largest value of the runs there."""
    for row in mean_curves(points(series)).iter_rows(named=True):
        here = [values[row["step"]] for values in series.values() if row["step"] in values]
        assert len(here) == row["count"]
        assert min(here) - 1e-9 <= row["value"] <= max(here) + 1e-9


def test_script_has_the_means_of_the_best_settings(repeated):
    """curves.js has the 12 best settings by their mean, with label, range and number of runs."""
    value = value_of(folder(repeated, REPEATED) / "curves.js")
    assert [one["label"] for one in value["settings"]][:2] == ["rate 0.13", "rate 0.12"]
    assert len(value["settings"]) == len(value["means"]) == 12
    assert (len(value["runs"]), value["having"]) == (20, 26)
    best, second = value["means"][:2]
    assert best["values"][4] is None
    assert second["values"][3] == pytest.approx(0.1505)
    assert (second["low"][3], second["high"][3]) == pytest.approx((0.15, 0.151))
    assert (second["steps"], second["counts"]) == (list(range(10)), 2)


@pytest.mark.parametrize("most", [1, 50, 100])
def test_means_do_not_depend_on_how_much_is_read_at_once(repeated, tmp_path, monkeypatch, most):
    """Read metric by metric, a setting or some settings at a time, the script is the same."""
    monkeypatch.setattr(curves, "READ_POINTS", most)
    monkeypatch.setattr(curves, "MORE_RUNS", 20)
    site.build(repeated.parent / "runs", tmp_path / "site")
    again = folder(tmp_path / "site", REPEATED) / "curves.js"
    assert again.read_bytes() == (folder(repeated, REPEATED) / "curves.js").read_bytes()


def test_more_curves_are_shipped_only_while_they_fit(monkeypatch):
    """The best runs always have their curves; further ones as long as there is room."""
    monkeypatch.setattr(curves, "_measured", lambda runs, _: runs)
    ids = [f"{place:02}" for place in range(40)]
    runs = pl.DataFrame({"run_id": ids, "count": [100] * 40})
    monkeypatch.setattr(curves, "MOST_POINTS", 1500)
    assert curves.chosen(runs, ids, ["loss"]) == ids[:15]
    monkeypatch.setattr(curves, "MOST_POINTS", 10)
    assert curves.chosen(runs, ids, ["loss"]) == ids[: curves.MOST_RUNS]


def test_page_shows_means_first_and_single_runs_at_a_switch(opened):
    """At first each line is a setting with its shade explained; the switch brings the runs."""
    assert opened.get_by_role("button", name="rate 0.13 (2 runs)").is_visible()
    assert "95 % interval of the mean" in words(opened)
    assert "of two runs their range" in words(opened)
    opened.locator(".u-over").first.hover()
    tip = opened.locator(".curve-tip").first
    expect(tip).to_have_text(re.compile(r"0\.\d+ \(0\.\d+ to 0\.\d+\) rate 0\.12"))
    expect(tip).to_be_visible()
    opened.get_by_label("Mean of repeats").uncheck()
    assert opened.get_by_role("button", name="rate 0.13, seed 1", exact=True).is_visible()
    assert "Curves are kept for the 20 best of 26 runs." in words(opened)


def test_selected_run_stands_out_or_the_page_says_why_not(opened):
    """A selected run brings its line, or its setting's; one without a curve here is named so."""
    select = """name => {
      const {board} = tracksiteBoard;
      const row = board.rows.find(row => board.columns.get('name').text(row) === name);
      board.set({selected: [board.runId(row)]});
    }"""
    opened.evaluate(select, "rate 0.04, seed 0")
    assert opened.locator(".curve-legend .selected").inner_text() == "rate 0.04 (2 runs)"
    opened.evaluate(select, "rate 0.01, seed 0")
    assert "1 of the 1 selected run is not among the best settings" in words(opened)
    opened.get_by_label("Mean of repeats").uncheck()
    assert "1 of the 1 selected run is not among them" in words(opened)
    opened.evaluate(select, "rate 0.05, seed 0")
    assert opened.locator(".curve-legend .selected").inner_text() == "rate 0.05, seed 0"
    assert "selected" not in words(opened)


def test_means_read_without_javascript(repeated, new_page):
    """Without JavaScript the means of repeats, their intervals and their ranges are a table."""
    page = new_page(java_script_enabled=False)
    page.goto((repeated / experiment_page(REPEATED)).as_uri())
    page.get_by_text("Means of repeats as a table").click()
    row = page.locator("#curves tbody tr", has_text="rate 0.12").first
    assert row.locator("th, td").all_inner_texts()[:4] == ["score", "rate 0.12", "2", "0.2155"]
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_curves_of_repeats_have_no_accessibility_violation(repeated, new_page, axe, scheme):
    """Axe-core finds nothing in the means with a run selected, on a phone."""
    page = new_page(color_scheme=scheme, viewport={"width": 390, "height": 800})
    page.goto((repeated / experiment_page(REPEATED)).as_uri())
    reach(page, "#curves", ".curve-plot canvas")
    page.evaluate("tracksiteBoard.board.select([0], true)")
    assert axe(page, lambda _: None) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_primary_metric_is_in_view_on_a_phone(repeated, new_page):
    """The metric stands right after the name, and at 390 px its values are on the screen."""
    page = new_page(viewport={"width": 390, "height": 800})
    page.goto((repeated / experiment_page(REPEATED)).as_uri())
    page.wait_for_function("() => document.querySelector('[data-board=count]').textContent")
    cells = page.locator("[data-leaderboard] tbody tr").first.locator("th, td")
    assert cells.nth(2).inner_text() == "rate 0.13, seed 1"
    box = cells.nth(3).bounding_box()
    assert re.fullmatch(r"0\.\d+", cells.nth(3).inner_text())
    assert box["x"] + box["width"] <= 390 - 16
    page.close()


def test_labels_of_the_last_axis_have_room(repeated, new_page):
    """On a phone coordinates scroll in their own box, and nothing is cut at its right end."""
    page = new_page(viewport={"width": 390, "height": 800})
    page.goto((repeated / experiment_page(REPEATED)).as_uri())
    reach(page, "#parallel", ".parallel-box canvas")
    page.wait_for_function("() => document.querySelector('.parallel-box').offsetWidth > 100")
    last = page.locator(".parallel-handle").last.evaluate(
        "el => el.closest('.parallel-box').offsetWidth - el.offsetLeft - el.offsetWidth / 2"
    )
    label = page.evaluate("""() => {
      const context = document.createElement('canvas').getContext('2d');
      context.font = `11px ${getComputedStyle(document.body).fontFamily}`;
      return context.measureText('0.231').width;
    }""")
    assert last >= label + 8
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.9732, 0.96994, None], ["0.97320", "0.96994", "–"]),
        ([0.5, 0.25, math.nan], ["0.50", "0.25", "NaN"]),
        ([1200.0, 3.0], ["1,200", "3"]),
        ([0.5, 1e-7, 2e7], ["0.5", "1e−7", "20,000,000"]),
        ([1e-6, 2e-6], ["1e−6", "2e−6"]),
        ([math.inf, None], ["∞", "–"]),
        ([-0.125, 12.0], ["−0.125", "12.000"]),
    ],
)
def test_numbers_of_a_column_have_the_same_decimals(values, expected):
    """A column has one number of decimals; what would be lost by it keeps its own form."""
    series = pl.Series(values, dtype=pl.Float64)
    digits = boards.decimals(series)
    assert [boards.fixed(value, digits) for value in values] == expected


def test_page_writes_decimals_as_python_does(opened):
    """The leaderboard's script and the rows in the HTML write every number alike."""
    cases = []

    @given(st.tuples(NUMBERS, st.none() | st.integers(0, 8)))
    def collect(case):
        cases.append(case)

    collect()
    sent = [[str(value), digits] for value, digits in cases]
    got = opened.evaluate(
        """cases => cases.map(([value, digits]) => tracksiteBoard.fixed(
          Number(value.replace('nan', 'NaN').replace('inf', 'Infinity')), digits))""",
        sent,
    )
    wrong = [
        (case, found)
        for case, found in zip(cases, got, strict=True)
        if boards.fixed(*case) != found
    ]
    assert wrong == []
