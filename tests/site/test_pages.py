"""The pages in a real browser: no fault, no violation, every link leads somewhere."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

import tracksite
from tests.site import stores
from tests.test_visible import NEEDED
from tracksite import paths, site
from tracksite.config import ExperimentSettings, Settings
from tracksite.visible import visible

SETTINGS = Settings(
    description="Our *runs*.",
    experiments={"lively": ExperimentSettings(metric="f1", direction="maximize")},
)
SIZES = ({"width": 1280, "height": 900}, {"width": 390, "height": 844})
LOOKS = [(scheme, size) for size in SIZES for scheme in ("light", "dark")]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A site with one of everything: its folder, and name → run id."""
    root = tmp_path_factory.mktemp("lively")
    ids = stores.lively(root / "runs")
    report = site.build(root / "runs", root / "site", settings=SETTINGS)
    assert [it for it in report.problems if not it.path.startswith(f"runs/{ids['hostile']}/")] == []
    return root / "site", ids


def _own_pages(built):
    """The pages of this module's own kinds: site paths."""
    folder, ids = built
    models = sorted(path.relative_to(folder).as_posix() for path in folder.glob("models/**/*.html"))
    return [paths.HOME, paths.NOT_FOUND, *models, *map(paths.run_page, ids.values())]


class _Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.targets, self.ids = [], []

    def handle_starttag(self, tag, attributes):
        """Collect what the element points at, and its id."""
        told = dict(attributes)
        if "id" in told:
            self.ids.append(told["id"])
        for name in ("href", "src"):
            if told.get(name) and tag != "base":
                self.targets.append(told[name])


def _links(path):
    parser = _Links()
    parser.feed(path.read_text())
    return parser


def test_every_link_and_fragment_resolves(built):
    """Each link, image and script of each page is a file of the site, each fragment an id in it."""
    _assert_links_resolve(built[0])


def test_what_is_named_and_not_there_is_said_and_never_linked(tmp_path):
    """Parents, models' runs and files, and aliases that lead nowhere are named where they stand."""
    ids = stores.dangling(tmp_path / "runs")
    report = site.build(tmp_path / "runs", tmp_path / "site", settings=SETTINGS)
    assert report.problems == ()
    _assert_links_resolve(tmp_path / "site")

    def page(path):
        return re.sub(r"<[^>]+>", "", (tmp_path / "site" / path).read_text())

    nowhere = f"run {stores.NOWHERE[:8]}… is not in this store"
    deleted = f"run {ids['deleted'][:8]}… is deleted"
    assert nowhere in page(paths.run_page(ids["orphan"]))
    assert deleted in page(paths.run_page(ids["child of deleted"]))
    model = page(paths.model_page("lost"))
    for sentence in (
        "alias &#39;champion&#39; points at a version that is not in this store",
        f"version 1 names its run, but {nowhere}",
        f"version 2 names its run, but {deleted}",
        "version 3 has lost its files: there is no &#39;model&#39; among the artifacts",
    ):
        assert sentence in model
    shutil.rmtree(tmp_path / "runs/artifacts" / ids["kept"])
    assert paths.model_page("kept") not in report.removed
    tracksite.set_registered_model_tag("kept", "seen", "yes")
    site.build(tmp_path / "runs", tmp_path / "site", settings=SETTINGS)
    assert "version 1 has lost its files" in page(paths.model_page("kept"))


def _assert_links_resolve(folder):
    for page in folder.rglob("*.html"):
        for target in _links(page).targets:
            parts = urlsplit(target)
            if parts.scheme:
                assert parts.scheme in {"https", "http", "mailto", "data"}, target
                continue
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert file.is_file(), f"{page.relative_to(folder)} links to {target}"
            assert file.is_relative_to(folder)
            if parts.fragment and file.suffix == ".html":
                assert parts.fragment in _links(file).ids, target


def test_no_id_stands_twice_on_a_page(built):
    """The ids of a page are all different."""
    for page in built[0].rglob("*.html"):
        ids = _links(page).ids
        assert len(ids) == len(set(ids)), page


def test_no_page_has_inline_script_or_style(built):
    """Scripts and styles come from files alone: no attribute, no inline element holds one.

    But for the 404 page, which cannot name a file: its style is allowed by its hash.
    """
    for page in built[0].rglob("*.html"):
        text = page.read_text()
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), page
        assert not re.search(r"<[a-z][^>]*\s(style|on[a-z]+)=", re.sub(r'"[^"]*"', '""', text))
        assert "<style" not in text or page.name == paths.NOT_FOUND
        assert "default-src 'none'" in text


@pytest.mark.parametrize(("scheme", "size"), LOOKS)
def test_pages_have_no_fault_and_fit(built, new_page, scheme, size):
    """No console error, no failed request, no CSP violation, nothing wider than the window."""
    page = new_page(color_scheme=scheme, viewport=size)
    too_wide = []
    for path in _own_pages(built):
        page.goto((built[0] / path).as_uri())
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            too_wide.append(path)
    assert too_wide == []


def test_pages_have_no_accessibility_violation(built, page, axe):
    """Axe-core objects to nothing, on a wide screen and a phone, in light and in dark."""
    found = {}
    for path in _own_pages(built):
        page.goto((built[0] / path).as_uri())
        found[path] = axe(page, looks=LOOKS)
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_pages_work_under_a_sub_path(built, new_page, serve):
    """A static host may serve the site below any path."""
    url = serve(built[0], "a/b")
    page = new_page()
    page.goto(url + "index.html")
    page.get_by_role("link", name="lively").click()
    page.wait_for_url("**/experiments/**")
    page.goto(url + paths.run_page(built[1]["rich"]))
    assert page.get_by_role("heading", level=1).inner_text() == "rich"


def test_hostile_names_are_shown_as_text(built, page):
    """Hostile names, values and notes stand on the page as text, and start nothing."""
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.goto((built[0] / paths.run_page(built[1]["hostile"])).as_uri())
    heading = page.get_by_role("heading", level=1).inner_text()
    assert "</script><img src=x onerror=alert(1)>" in heading
    assert page.locator("main img").count() == 0
    assert page.locator("a[href^='javascript:']").count() == 0
    assert "{{ 7*7 }}" in page.locator("main").inner_text()
    assert "__proto__" in page.locator("table.params").inner_text()


def test_no_page_shows_a_text_that_nobody_sees(built, page):
    """Of hostile names even what has no look is shown, in HTML and where scripts write it."""
    folder, ids = built
    (experiment,) = folder.glob("experiments/experiment-*/index.html")
    for path in (folder / paths.run_page(ids["hostile"]), experiment, folder / paths.HOME):
        page.goto(path.as_uri())
        page.wait_for_load_state()
        text = page.locator("body").inner_text()
        assert "[U+202E]" in text
        assert visible(text) == text


def test_what_nobody_sees_is_shown_alike_in_python_and_javascript(built, page):
    """The same characters are shown in both languages, and the same stay in what needs them."""
    page.goto((built[0] / paths.HOME).as_uri())
    told = page.evaluate(
        "() => Array.from({length: 0x110000}, (_, at) => at).filter((at) => {"
        " const text = `a${String.fromCodePoint(at)}b`; return tracksite.visible(text) !== text; })"
    )
    assert told == [at for at in range(0x110000) if visible(f"a{chr(at)}b") != f"a{chr(at)}b"]
    texts = [*NEEDED, *(a + b for a in NEEDED for b in ("\u200d", "\ufe0f", "\u200b", "\u202e"))]
    assert page.evaluate("texts => texts.map(tracksite.visible)", texts) == list(
        map(visible, texts)
    )


def test_the_first_screen_reads_without_javascript(built, new_page):
    """With JavaScript off, the home page and a run page show their numbers and charts."""
    page = new_page(java_script_enabled=False)
    page.goto((built[0] / paths.HOME).as_uri())
    assert "0.9" in page.locator(".card", has_text="lively").inner_text()
    page.goto((built[0] / paths.run_page(built[1]["rich"])).as_uri())
    assert page.locator("svg.plot path").first.bounding_box()["width"] > 100
    assert page.get_by_role("button").count() == 0


def test_a_run_page_says_how_the_run_stands(built, page):
    """Rank and the best run's params come from the experiment's standing.js."""
    page.goto((built[0] / paths.run_page(built[1]["child"])).as_uri())
    page.get_by_text("2 of 2").wait_for()
    assert page.locator("[data-standing=value]").inner_text().splitlines()[1:] == [
        "0.7",
        "best 0.9 by rich",
    ]
    assert page.locator("tr[data-param=lr] td").all_inner_texts() == ["0.1", "0.2"]


def test_a_chart_reads_out_values_under_the_pointer_and_by_keys(built, page):
    """The read-out names the exact step and values; arrow keys move it."""
    page.goto((built[0] / paths.run_page(built[1]["child"])).as_uri())
    plot = page.locator("figure.metric svg.plot").first
    plot.hover()
    assert page.locator(".readout").inner_text().startswith("step")
    plot.focus()
    plot.press("Home")
    assert page.locator(".readout").inner_text().split() == ["step", "0", "1"]
    plot.press("ArrowRight")
    assert page.locator(".readout").inner_text().split() == ["step", "1", "0.98276"]


def test_a_chart_has_a_logarithmic_scale(built, page):
    """The button redraws the line on a logarithmic axis, and back."""
    page.goto((built[0] / paths.run_page(built[1]["rich"])).as_uri())
    figure = page.locator("figure.metric[data-log]").first
    line = figure.locator(".line").first.locator("path:visible:not(.odd)").first
    linear, ticks = line.bounding_box(), figure.locator(".ticks .y").all_text_contents()
    figure.get_by_role("button").click()
    assert figure.locator(".log-path:visible").count() == figure.locator(".line").count()
    assert line.get_attribute("class") == "log-path"
    assert "0.1" in figure.locator(".ticks .y").all_text_contents()
    figure.get_by_role("button").click()
    assert line.bounding_box() == linear
    assert figure.locator(".log-path").count() == 0
    assert figure.locator(".ticks .y").all_text_contents() == ticks


def test_what_is_not_finite_is_a_gap_with_a_mark(built, page):
    """NaN and infinity interrupt the line, are marked, and are counted in words."""
    page.goto((built[0] / paths.run_page(built[1]["rich"])).as_uri())
    figure = page.locator("figure.metric", has_text="train/loss")
    assert figure.locator(".line path").first.get_attribute("d").count("M") == 3
    assert "3 values are NaN" in figure.inner_text()
    assert figure.locator(".odd title").text_content().startswith("4 values")


def test_images_keep_their_place_before_they_are_loaded(built):
    """Every image on a run page has its width and height in the HTML."""
    text = (built[0] / paths.run_page(built[1]["rich"])).read_text()
    found = re.findall(r"<img [^>]*>", text)
    assert len(found) == 2
    assert all(re.search(r'width="\d+" height="\d+"', image) for image in found)


def test_a_vega_figure_is_drawn_in_place(built, page):
    """A Vega-Lite specification that was logged is drawn under the site's CSP."""
    page.goto((built[0] / paths.run_page(built[1]["rich"])).as_uri())
    page.locator("[data-vega]").scroll_into_view_if_needed()
    page.locator("[data-vega] svg, [data-vega] canvas").first.wait_for()


def test_the_theme_is_chosen_and_remembered(built, page):
    """The button goes from the system's theme to light and dark; the choice survives a reload."""
    page.goto((built[0] / paths.HOME).as_uri())
    page.get_by_role("button", name="theme").click()
    page.get_by_role("button", name="theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 17, 22)"


def test_numbers_are_written_alike_in_python_and_javascript(built, page):
    """`number` and `duration` give the same text in both languages."""
    from tracksite.charts import numbers

    values = [0, 1, -1, 0.5, 1e-5, -1.23456789e-7, 123456.789, 9.99999, 999999.96, 1e6 + 0.5]
    values += [1234567, 2**53, 1e300, -0.00012345, 100, 0.1 + 0.2, 12.5, 1e15]
    lengths = [0, 0.0004, 0.42, 1, 59.94, 61, 3599, 3600, 86399, 86400, 1e7]
    page.goto((built[0] / paths.HOME).as_uri())
    told = page.evaluate("values => values.map(tracksite.number)", values)
    assert told == [numbers.number(value) for value in values]
    told = page.evaluate("values => values.map(tracksite.duration)", lengths)
    assert told == [numbers.duration(value) for value in lengths]


def test_the_twin_of_a_run_is_plain_json(built):
    """run.json holds params, metrics with NaN as text, and working links to the artifacts."""
    folder, ids = built
    told = json.loads((folder / paths.run_json(ids["rich"])).read_text())
    assert {it["key"]: it["text"] for it in told["params"]} == {"lr": "0.2", "seed": "2"}
    for artifact in told["artifacts"]:
        assert (folder / "runs" / ids["rich"] / unquote(artifact["url"])).is_file()
    hostile = json.loads((folder / paths.run_json(ids["hostile"])).read_text())
    assert "NaN" in [it["last"] for it in hostile["metrics"]]
    assert hostile["parent_run_id"] == "../../index"
