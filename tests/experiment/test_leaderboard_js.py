"""The leaderboard in Chromium: order, filter, columns, selection, repeats, and its URL."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from playwright.sync_api import expect

from tests.experiment.conftest import CONSTANT, CURVES, GRID, HOSTILE
from tests.query.made import frame_of, patch
from tracksite.pages.board import board, script_value
from tracksite.query import leaderboard, runs
from tracksite.render import TEMPLATES
from tracksite.store.local import open_store

ROWS = "[data-leaderboard] tbody tr:not(.spacer)"


def names(page):
    """The names of the drawn rows, in their order."""
    return page.locator(f"{ROWS} .name").all_inner_texts()


def column(page, label):
    """The texts of one column, in the order of the rows."""
    head = [
        text.split("\n")[-1] for text in page.locator(".board-table thead th").all_inner_texts()
    ]
    place = next(n for n, text in enumerate(head) if re.sub(r"[▲▼]\d*$", "", text) == label)
    return page.locator(f"{ROWS} > :nth-child({place + 1})").all_inner_texts()


def header(page, label):
    """The button that sorts by a column."""
    return page.locator(".board-table thead button").filter(
        has_text=re.compile(rf"^\s*\w*\s*{label}")
    )


def write(page, text):
    """Type a filter and press Enter."""
    page.get_by_label("Filter", exact=True).fill(text)
    page.keyboard.press("Enter")


def count(page):
    """What the page says about how many runs pass."""
    return page.locator("[data-board=count]").inner_text()


def ranked(store, experiment, metric="f1"):
    """Names of the runs, best first, as Python ranks them."""
    frame = runs.runs(runs.fold(open_store(store).snapshot()), experiment=experiment)
    found = leaderboard.rank(frame, metric, "maximize").join(
        frame, on="run_id", maintain_order="left"
    )
    return found["name"].to_list()


def test_best_run_stands_first_and_the_order_is_python_s(visit, store):
    """At first runs stand as `query.leaderboard.rank` has them, those without a value last."""
    page = visit(GRID)
    expected = ranked(store, GRID)
    assert names(page)[:20] == expected[:20]
    assert header(page, "f1").locator("..").get_attribute("aria-sort") == "descending"


def test_rows_without_javascript_are_the_first_rows_with_it(visit, new_page):
    """The rows in the HTML and those that leaderboard.js draws read the same."""
    plain = visit(GRID, page=new_page(java_script_enabled=False))
    cells = [
        [text.strip() for text in row.locator("th, td").all_inner_texts()]
        for row in plain.locator(f"{ROWS}").all()[:8]
    ]
    assert plain.locator(ROWS).count() == 50
    assert not plain.locator("[data-board=tools]").is_visible()
    plain.close()
    live = visit(GRID)
    drawn = [row.locator("th, td").all_inner_texts()[1:] for row in live.locator(ROWS).all()[:8]]
    assert drawn == cells


def test_header_sorts_and_shift_sorts_further(visit):
    """A click sorts, a second one turns the order, Shift adds a column; aria-sort follows."""
    page = visit(GRID)
    header(page, "trees").click()
    assert set(column(page, "trees")[:10]) == {"50"}
    header(page, "trees").click()
    assert column(page, "trees")[:2] == ["400", "200"]
    assert header(page, "trees").locator("..").get_attribute("aria-sort") == "descending"
    header(page, "seed").click(modifiers=["Shift"])
    shown = list(zip(column(page, "trees")[1:28], column(page, "seed")[1:28], strict=True))
    assert shown == sorted(shown, key=lambda pair: (-int(pair[0]), int(pair[1])))


def test_header_sorts_by_keyboard_and_keeps_the_focus(visit):
    """Enter on a header sorts, and the focus stays on that header."""
    page = visit(GRID)
    header(page, "accuracy").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.innerText").splitlines()[-1].startswith("accuracy")
    values = [float(text) for text in column(page, "accuracy")[:10]]
    assert values == sorted(values, reverse=True)


def test_filter_says_how_many_runs_pass(visit):
    """A filter leaves the runs that pass, and the count is announced."""
    page = visit(GRID)
    assert count(page) == "82 of 82 runs"
    write(page, "depth = '5' and trees >= 100")
    assert count(page) == "19 of 82 runs"
    assert set(column(page, "depth")) == {"5"}
    assert page.locator("[data-board=count]").get_attribute("aria-live") == "polite"


def test_filter_that_cannot_be_read_says_where_and_keeps_the_last_one(visit):
    """The message names the trouble and marks its place; the rows stay as they were."""
    page = visit(GRID)
    write(page, "trees = 50")
    write(page, "trees = 50 and dept > 3")
    error = page.locator("[data-board=error]")
    assert "did you mean “depth”?" in error.inner_text()
    assert error.locator("mark").inner_text() == "dept > 3"
    assert page.get_by_label("Filter", exact=True).get_attribute("aria-invalid") == "true"
    assert count(page) == "27 of 82 runs"
    write(page, "")
    assert error.inner_text() == ""


def test_url_restores_order_filter_columns_selection_and_repeats(visit, new_page):
    """The address of a page that somebody arranged shows the same to somebody else."""
    page = visit(GRID)
    write(page, "f1 > 0.89")
    header(page, "split").click()
    page.get_by_text("Columns").click()
    page.get_by_label("accuracy", exact=True).uncheck()
    page.locator(f"{ROWS} input").nth(2).check()
    page.get_by_label("Group repeats").check()
    expect(page).to_have_url(re.compile("repeats=1"))  # once the hand rests
    other = new_page()
    other.goto(page.evaluate("location.href"))
    other.wait_for_function("() => document.querySelector('[data-board=count]').textContent")
    text = "el => el.querySelector('table').innerText + el.querySelector('input').value"
    board = page.locator("[data-leaderboard]")
    assert other.locator("[data-leaderboard]").evaluate(text) == board.evaluate(text)
    assert "accuracy" not in other.locator(".board-table thead").inner_text()
    assert other.get_by_role("button", name="Clear selection (1)").is_visible()
    other.get_by_role("button", name="Reset").click()
    expect(other).to_have_url(re.compile("^[^#]*$"))
    assert count(other) == "82 of 82 runs"


def test_an_address_that_sorts_by_what_no_run_has_is_not_silent(visit):
    """The page says by what it does not sort, and keeps its own order until a header is clicked."""
    page = visit(GRID, "#sort=-metrics.f2")
    error = page.locator("[data-board=error]")
    assert error.text_content().strip() == "Not sorted by “metrics.f2”, which no run here has."
    found = names(page)
    header(page, "accuracy").click()
    assert error.text_content() == ""
    assert found == names(visit(GRID))


def test_whole_numbers_that_one_double_stands_for_are_sorted_and_filtered_apart(page):
    """The page has the numbers of large ids to the last digit."""
    ids = [2**53 + n for n in (1, 0, 2)]
    runs = frame_of(*(patch(f"{n}", {"id": whole}) for n, whole in enumerate(ids)))
    page.goto("about:blank")
    for name in ("tracksite", "filter", "board"):
        page.evaluate((TEMPLATES / f"assets/js/{name}.js").read_text())
    asked = """data => {
      const {board} = window.tracksiteBoard;
      board.load(JSON.parse(data));
      const now = () => board.rows.map(board.runId);
      board.set({sort: [["params.id", false]]});
      const up = now();
      board.set({sort: [["params.id", true]]});
      const down = now();
      board.set({filter: `params.id > ${2 ** 53}`});
      return [up, down, now()];
    }"""
    found = page.evaluate(asked, json.dumps(script_value(board(runs, None), None)))
    assert found == [["1", "0", "2"], ["2", "0", "1"], ["2", "0"]]


def test_repeats_are_shown_as_mean_and_interval(visit):
    """Grouped seeds give one row per setting, whose numbers are the t-interval of its runs."""
    page = visit(GRID)
    page.get_by_label("Group repeats").check()
    shown = page.locator(f"{ROWS} .name").all_inner_texts()
    assert shown[:5] == ["3 repeats"] * 5
    mean, half = map(float, column(page, "f1")[0].split(" ± "))
    page.locator(f"{ROWS} .open").first.click()
    values = [float(text) for text in column(page, "f1")[1:4]]
    centre = sum(values) / 3
    spread = (sum((value - centre) ** 2 for value in values) / 2) ** 0.5
    assert mean == pytest.approx(centre, abs=10 ** -(len(str(mean)) - 2))
    assert half == pytest.approx(4.3027 * spread / 3**0.5, rel=0.06)


def test_t_quantiles_are_those_of_the_analysis(visit):
    """The intervals of the page use the quantiles that `analysis.intervals` uses."""
    from tracksite.analysis.intervals import t_quantile

    page = visit(GRID)
    js = """n => {
      const column = {number: (row) => row % 2};
      return tracksiteBoard.interval(column, Array.from({length: n}, (_, i) => i));
    }"""
    for n in (2, 4, 10, 30, 60, 200):
        found = page.evaluate(js, n)
        spread = (n / 4 / (n - 1)) ** 0.5
        assert found["half"] == pytest.approx(t_quantile(n - 1) * spread / n**0.5, rel=2e-3)


def test_download_has_the_runs_that_are_shown(visit):
    """The CSV has the shown columns of the runs that pass, in their order, with all digits."""
    page = visit(GRID)
    write(page, "trees = 100")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    text = download.value.path().read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 27
    assert {row["params.trees"] for row in rows} == {"100"}
    assert [float(row["metrics.f1"]) for row in rows] == sorted(
        (float(row["metrics.f1"]) for row in rows), reverse=True
    )
    assert download.value.suggested_filename.endswith(".csv")


def test_download_starts_no_formula_in_a_spreadsheet(visit):
    """A text that begins like a formula is quoted in the CSV."""
    page = visit(HOSTILE)
    page.evaluate("tracksiteBoard.board.set({columns: ['params.a b']})")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    assert ",'=cmd()" in download.value.path().read_text()


def test_param_that_never_varies_is_one_line(visit):
    """What is the same in all runs stands below the table, and in no column."""
    page = visit(GRID)
    assert "criterion = gini" in page.locator(".same").inner_text()
    assert "criterion" not in page.locator(".board-table thead").inner_text()


def test_only_rows_in_view_are_in_the_document(visit):
    """Of many runs only a window is in the document; scrolling brings the others, each once."""
    page = visit(GRID)
    assert page.locator(ROWS).count() < 60
    last = page.evaluate("tracksiteBoard.board.rows.length")
    page.locator("[data-board=scroll]").evaluate("el => el.scrollTo(0, el.scrollHeight)")
    page.wait_for_function(
        "last => [...document.querySelectorAll('tr[aria-rowindex]')].at(-1).ariaRowIndex == last",
        arg=str(last + 1),
    )
    assert names(page)[-1] == "broken"
    indexes = [int(row.get_attribute("aria-rowindex")) for row in page.locator(ROWS).all()]
    assert indexes == list(range(indexes[0], last + 2))


def test_hostile_names_are_text(visit):
    """Names, keys and values that are markup or JavaScript's own words are shown as they are."""
    page = visit(HOSTILE)
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.locator(ROWS).count() == 3
    assert names(page)[0].startswith("</script>")
    write(page, "params.__proto__ is not null and metrics.constructor >= 1")
    assert count(page) == "2 of 3 runs"
    write(page, "__proto__ = inf")
    assert count(page) == "3 of 3 runs"


def test_page_under_a_sub_path_works_as_from_a_file(new_page, serve, built):
    """A static host with a sub-path shows the same leaderboard, links and curves."""
    from tracksite.paths import experiment_page

    page = new_page()
    page.goto(serve(built, "a/b") + experiment_page(CURVES))
    page.locator("[data-curves]").scroll_into_view_if_needed()
    page.locator(".curve-plot canvas").first.wait_for()
    page.locator(f"{ROWS} a").first.click()
    expect(page.locator("h1")).to_have_text(re.compile("^lr-"))
    page.wait_for_load_state("networkidle")


def test_single_run_has_a_page(visit):
    """An experiment of one run shows it, with nothing to compare."""
    page = visit(CONSTANT)
    assert count(page) == "1 of 1 run"
    assert page.locator("#impact .empty").is_visible()
    assert not page.locator("#parallel").is_visible()
