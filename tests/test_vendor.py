"""The JavaScript that the site ships is what vendor.json says, and works as the site needs it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import altair as alt
import pytest

from tests.browser import settle
from tests.waiting import until

VENDOR = Path(__file__).parents[1] / "templates" / "assets" / "vendor"
ROWS = json.loads((VENDOR / "vendor.json").read_text())
SCRIPTS = [row for row in ROWS if row["file"].endswith(".js")]

CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:"
SPEC = {
    "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
    "data": {"values": [{"run": "a", "loss": 0.5}, {"run": "b", "loss": 0.25}]},
    "transform": [{"calculate": "datum.loss * 100", "as": "percent"}],
    "width": 200,
    "mark": "bar",
    "encoding": {
        "x": {"field": "run", "type": "nominal"},
        "y": {"field": "percent", "type": "quantitative"},
        "tooltip": {"field": "percent"},
    },
}
EMBED = """
const loaded = {
  ast: true, defaultStyle: false, tooltip: {disableDefaultStyle: true}, actions: false,
  renderer: RENDERER
};
vegaEmbed('#chart', SPEC, loaded).then(() => { document.title = 'drawn'; });
"""


def _sha256(name):
    return hashlib.sha256((VENDOR / name).read_bytes()).hexdigest()


def _site(folder, script, csp=CSP):
    """Write a page that loads every vendored file as the site does, then `script`."""
    (folder / "own.js").write_text(script)
    links = [
        f'<script src="vendor/{row["file"]}"></script>'
        if row in SCRIPTS
        else f'<link rel="stylesheet" href="vendor/{row["file"]}">'
        for row in ROWS
    ]
    (folder / "vendor").symlink_to(VENDOR)
    (folder / "index.html").write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{csp}">'
        f'<title>Chart</title>{"".join(links)}</head><body><div id="chart"></div>'
        '<script src="own.js"></script></body></html>'
    )
    return folder / "index.html"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_file_is_the_one_recorded(row):
    """Each vendored file has the bytes that vendor.json records."""
    assert _sha256(row["file"]) == row["sha256"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_licence_is_shipped_beside_its_file(row):
    """Each vendored file has its licence beside it, with the bytes recorded and a copyright."""
    assert _sha256(row["license_file"]) == row["license_sha256"]
    text = (VENDOR / row["license_file"]).read_text()
    assert f"{row['name']} ({row['license']})" in text
    assert "Permission" in text or "Redistribution" in text


def test_nothing_is_vendored_that_is_not_recorded():
    """The folder holds what vendor.json names and nothing else."""
    named = {"vendor.json"} | {row[key] for row in ROWS for key in ("file", "license_file")}
    assert {path.name for path in VENDOR.iterdir()} == named


def test_vega_lite_is_the_minor_that_altair_writes_for():
    """The vendored vega-lite has the major and minor version of Altair's schema."""
    (version,) = {row["version"] for row in ROWS if row["name"] == "vega-lite"}
    assert version.split(".")[:2] == alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2]


def test_scripts_are_classic_and_expose_what_is_recorded(page, tmp_path):
    """Loaded from a file as classic scripts, each library is there under its recorded name."""
    names = sorted({row["exposes"] for row in SCRIPTS})
    page.goto(_site(tmp_path, "").as_uri())
    assert page.evaluate("names => names.filter(name => !(name in window))", names) == []
    assert page.evaluate("[vega.version, vegaLite.version, vegaEmbed.version]") == [
        row["version"] for row in SCRIPTS[:3]
    ]


@pytest.mark.parametrize("renderer", ["svg", "canvas"])
@pytest.mark.parametrize("host", ["file", "http"])
def test_vega_chart_is_drawn_under_the_sites_csp(page, serve, tmp_path, host, renderer):
    """Vega draws a chart and its tooltip with no CSP violation, from a file or a file host."""
    script = EMBED.replace("SPEC", json.dumps(SPEC)).replace("RENDERER", json.dumps(renderer))
    path = _site(tmp_path, script)
    page.goto(path.as_uri() if host == "file" else serve(tmp_path, "a/b"))
    page.wait_for_function("document.title === 'drawn'")
    drawn = page.locator("#chart svg, #chart canvas")
    assert drawn.count() == 1
    box = drawn.bounding_box()
    assert box["height"] > 100
    if renderer == "svg":
        labels = page.locator("#chart .mark-rect.role-mark path").evaluate_all(
            "bars => bars.map(bar => bar.getAttribute('aria-label'))"
        )
        assert labels == ["run: a; percent: 50", "run: b; percent: 25"]
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.75)
    page.wait_for_selector("#vg-tooltip-element.visible", state="attached")
    assert page.locator("#vg-tooltip-element").text_content() == "25"


def test_vega_needs_its_interpreter_under_the_sites_csp(page, problems, tmp_path):
    """Without `ast: true` the CSP stops Vega: so the chart above was drawn under that CSP."""
    script = EMBED.replace("ast: true, ", "").replace("SPEC", json.dumps(SPEC))
    page.goto(_site(tmp_path, script.replace("RENDERER", "'svg'")).as_uri())
    until(lambda: {it.kind for it in problems} >= {"csp", "page"}, lambda: settle(page.context))
    assert {problem.kind for problem in problems} == {"csp", "page"}
    assert any("script-src" in problem.text for problem in problems)
    problems.clear()


def test_self_means_the_scripts_beside_the_page_on_file_urls(page, tmp_path):
    """On file:// the CSP's 'self' lets a page load scripts by relative path, parents too."""
    (tmp_path / "sub").mkdir()
    page.goto(_site(tmp_path, "document.title = 'own'").as_uri())
    assert page.title() == "own"
    (tmp_path / "sub" / "index.html").write_text(
        f'<!doctype html><meta http-equiv="Content-Security-Policy" content="{CSP}">'
        '<title>sub</title><script src="../own.js"></script>'
    )
    page.goto((tmp_path / "sub" / "index.html").as_uri())
    assert page.title() == "own"


def test_uplot_draws_under_the_sites_csp(page, tmp_path):
    """UPlot draws a chart of two points with no CSP violation."""
    script = """
    new uPlot({width: 300, height: 200, series: [{}, {stroke: 'black'}]},
      [[1, 2], [0.5, 0.25]], document.getElementById('chart'));
    """
    page.goto(_site(tmp_path, script).as_uri())
    assert page.locator("#chart canvas").count() == 1


def test_idiomorph_morphs_under_the_sites_csp(page, tmp_path):
    """Idiomorph replaces a body in place and keeps the element that did not change."""
    page.goto(_site(tmp_path, "").as_uri())
    page.evaluate("""() => {
      window.kept = document.getElementById('chart');
      Idiomorph.morph(document.body, '<p>new</p><div id="chart"></div>', {morphStyle: 'innerHTML'});
    }""")
    assert page.evaluate("window.kept === document.getElementById('chart')")
    assert page.locator("p").text_content() == "new"
