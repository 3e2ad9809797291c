"""The pure parts below the pages: paths, charts, notes, previews, data scripts."""

from __future__ import annotations

import math
import posixpath
import re
import struct
import xml.etree.ElementTree as ET
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.site.stores import HOSTILE
from tracksite import paths
from tracksite.budgets import OverBudgetError, json_value
from tracksite.charts import svg
from tracksite.charts.axes import ticks
from tracksite.errors import ArgumentError, NotFoundError
from tracksite.pages import images, notes, reproduce, specs, tables
from tracksite.pages.script import data_script
from tracksite.store.ids import experiment_id

TEXTS = st.text(max_size=60)
RUN = "0" * 32


@given(TEXTS)
def test_a_slug_is_safe_everywhere(name):
    """The folder of an experiment is lower-case ASCII, and ends with the start of its id."""
    slug = paths.experiment_slug(name)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*-[0-9a-f]{8}", slug)
    assert slug.endswith(experiment_id(name)[:8])


@given(st.lists(TEXTS.filter(bool), unique=True, max_size=12))
def test_every_artifact_has_a_place_of_its_own_inside_its_run(names):
    """Whatever artifacts are called, their places stay in the run's folder and never meet."""
    found = paths.published(RUN, names)
    assert list(found) == sorted(names)
    places = list(found.values())
    assert len({place.casefold() for place in places}) == len(names)
    for name, place in found.items():
        assert posixpath.normpath(place) == place
        assert place.startswith((f"runs/{RUN}/artifacts/", f"runs/{RUN}/renamed/"))
        assert not any(part.startswith(("_", ".")) for part in place.split("/"))
        assert paths.suffix(place) not in paths.ACTIVE
        assert len(name) > 180 or len(place) < 300


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("model/weights.bin", "artifacts/model/weights.bin"),
        ("report.html", "artifacts/report.html.txt"),
        ("x.svg", "artifacts/x.svg.txt"),
        ("x.html.png", "artifacts/x.html.png.txt"),
        ("data.csv.gz", "artifacts/data.csv.gz"),
    ],
)
def test_plain_names_stay_and_active_ones_become_text(name, place):
    """A plain name stays as it is; one that a browser could run ends in .txt."""
    assert paths.published(RUN, [name]) == {name: f"runs/{RUN}/{place}"}


@pytest.mark.parametrize("name", ["_x", ".env", "con.txt", "a//b", "a/../b", "x" * 200, "a\x00b"])
def test_names_that_hosts_do_not_keep_are_renamed(name):
    """A name that some file system or host would change moves to a folder of its own."""
    assert paths.published(RUN, [name])[name].startswith(f"runs/{RUN}/renamed/")


def test_names_that_differ_only_by_case_do_not_meet():
    """Of two names that differ only by case, one is renamed; so are folders and files."""
    places = paths.published(RUN, ["a/x", "A/y", "a"]).values()
    assert sum("/renamed/" in place for place in places) == 2


@given(st.lists(TEXTS.filter(lambda it: it.strip("./") and "/" not in it and "#" not in it)))
def test_a_relative_url_leads_to_its_target(parts):
    """Resolved against its page, a relative URL gives the target again."""
    target = "/".join(["runs", *parts, "index.html"])
    url = paths.relative("experiments/x/index.html", target)
    assert posixpath.normpath(posixpath.join("experiments/x", unquote(url))) == target


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../x", "a/../../x", "link", "link/x", "folder", "a\\b"]
)
def test_a_path_that_leads_out_is_refused(tmp_path, name):
    """Nothing but a plain file inside the folder is opened."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "x").write_text("outside")
    (tmp_path / "run" / "folder").mkdir(parents=True)
    (tmp_path / "run" / "link").symlink_to(tmp_path)
    with pytest.raises(ArgumentError):
        paths.inside(tmp_path / "run", name)
    with pytest.raises(NotFoundError):
        paths.inside(tmp_path / "run", "missing")


@given(
    st.recursive(
        st.none() | st.floats() | TEXTS, lambda it: st.lists(it) | st.dictionaries(TEXTS, it)
    )
)
def test_a_data_script_cannot_end_early(value):
    """A data script is ASCII, in one line, without `<`, whatever the data."""
    script = data_script("name", value)
    assert script.isascii()
    assert script.count("\n") == 1
    assert "<" not in script


@given(
    st.lists(st.floats(), min_size=1, max_size=30),
    st.integers(-(2**62), 2**62),
    st.integers(1, 2**40),
)
def test_any_series_gives_a_well_formed_chart(values, first, stride):
    """Whatever the numbers, a chart is XML, and no coordinate is NaN or infinite."""
    steps = first + stride * np.arange(len(values))
    chart = svg.line_chart([svg.Line(HOSTILE, steps, np.array(values))], HOSTILE)
    root = ET.fromstring(str(chart))
    assert root.get("aria-label") == HOSTILE
    drawn = "".join(node.get("d", "") for node in root.iter())
    assert "nan" not in drawn
    assert "inf" not in drawn


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(2, 8))
def test_ticks_are_few_and_inside(low, span, most):
    """Ticks lie between the limits, evenly, and are no more than asked for."""
    found = ticks(low, low + span, most)
    assert 1 <= len(found) <= most
    slack = span * 1e-6 + abs(low) * 1e-9
    assert all(low - slack <= it <= low + span + slack for it in found)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "![x](https://example.org/x.png)",
        '<img src=x onerror="alert(1)">',
        "[x](data:text/html,<script>)",
        HOSTILE,
    ],
)
def test_notes_cannot_do_harm(text):
    """Markdown never becomes a script, an image, a handler or a link that runs something."""
    shown = notes.html(text)
    assert not re.search(r"<(?!/?(p|a|em|strong|code)\b)", shown)
    assert not re.search(r'href="(?!https?:|mailto:)', shown)
    assert not re.search(r"<[^>]*\son\w+=", shown)


def test_notes_are_markdown_below_the_pages_headings():
    """Headings start at the third level, tables and lists work."""
    shown = notes.html("# One\n\n| a |\n|---|\n| b |\n\n* x")
    assert "<h3>One</h3>" in shown
    assert "<td>b</td>" in shown
    assert "<li>x</li>" in shown


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (b"name,score\na,0.5\nb,1.5\n", "csv"),
        (b"name\tscore\na\t0.5\nb\t1.5\n", "tsv"),
        (b'"name","score"\r\n"a","0.5"\r\n"b","1.5"\r\n', "csv"),
        (b"\xef\xbb\xbfname,score\na,0.5\nb,1.5", "csv"),
        (b'{"columns": ["name", "score"], "data": [["a", 0.5], ["b", 1.5]]}', "json"),
        (b'[{"name": "a", "score": 0.5}, {"name": "b", "score": 1.5}]', "json"),
    ],
)
def test_a_table_is_read_from_each_format(content, suffix):
    """The first rows of a table are the same from every format."""
    if suffix == "json":
        found = tables.from_json(json_value(content))
    else:
        found = tables.preview(content, suffix)
    assert found.columns == ("name", "score")
    assert [[cell.text for cell in row] for row in found.rows] == [["a", "0.5"], ["b", "1.5"]]
    assert found.more_rows == 0


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        (["00501", "94103"], ["00501", "94103"]),
        (["12e5", "88"], ["12e5", "88"]),
        (["1.10", "1.2"], ["1.10", "1.2"]),
        (["9007199254740993", "5"], ["9007199254740993", "5"]),
        (["1_000", "5"], ["1_000", "5"]),
        (["1e400", "5"], ["1e400", "5"]),
        (["0.123456789", "5"], ["0.12346", "5"]),
        (["1e-7", "-5.0"], ["1e−7", "−5"]),
    ],
)
def test_codes_in_a_csv_are_shown_as_they_are_written(cells, shown):
    """Only a column of numbers, as programs write them, is shown as numbers."""
    found = tables.preview("\n".join(["x,y", *(f"{cell},a" for cell in cells)]).encode(), "csv")
    assert [row[0].text for row in found.rows] == shown


@given(st.binary(max_size=200), st.sampled_from(sorted(tables.SHOWN)))
def test_any_bytes_are_a_table_or_none(content, suffix):
    """Bytes that are no table cost nothing but their preview."""
    found = tables.preview(content, suffix)
    assert found is None or len(found.rows) <= tables.ROWS


@given(st.binary(max_size=100))
def test_any_bytes_have_a_size_or_none(content):
    """Bytes that are no image have no size."""
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xc0", b"GIF89a", b"RIFF0000WEBPVP8X"):
        size = images.dimensions(start + content)
        assert size is None or min(size) > 0


def test_the_size_of_an_image_is_read_from_its_header():
    """PNG, GIF and SVG tell their width and height."""
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480)
    assert images.dimensions(png) == (640, 480)
    assert images.dimensions(b"GIF89a" + struct.pack("<HH", 3, 4)) == (3, 4)
    assert images.dimensions(b'<svg viewBox="0 0 20 10">') == (20, 10)


def test_a_figure_that_needs_the_network_is_not_drawn():
    """A Vega-Lite specification that names a URL is left to be downloaded."""
    schema = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json"}
    assert specs.vega_spec({**schema, "data": {"values": []}}) is not None
    assert specs.vega_spec({"a": 1}) is None
    with pytest.raises(OverBudgetError, match="elsewhere"):
        specs.vega_spec({**schema, "data": {"url": "x.csv"}})


def _run(**fields):
    empty = ("git_commit", "git_remote", "git_dirty", "git_diff", "command")
    lists = ("environment", "params", "inputs")
    return {**dict.fromkeys(empty), **{name: [] for name in lists}, **fields}


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://github.com/o/r.git", "https://github.com/o/r/commit/"),
        ("github.com:o/r.git", "https://github.com/o/r/commit/"),
        ("https://gitlab.com/g/s/r", "https://gitlab.com/g/s/r/-/commit/"),
        ("https://github.com.evil.org/o/r", None),
        ("javascript:alert(1)", None),
        (None, None),
    ],
)
def test_a_commit_is_linked_at_well_known_hosts_only(remote, url):
    """Only known hosts get a link, and only for a commit that is one."""
    commit = "0123456789abcdef"
    assert reproduce.commit_url(remote, commit) == (url and url + commit)
    assert reproduce.commit_url(remote, "../x") is None


def test_what_a_repetition_lacks_is_listed():
    """Each of code, command, Python, packages, data and seed is known or named as missing."""
    items = {item.name: item.known for item in reproduce.checklist(_run(), ("seed",))}
    assert items == dict.fromkeys(["Code", "Command", "Python", "Packages", "Data", "Seed"], False)
    seed = {"key": "seed", "text": "1", "number": 1.0}
    items = {it.name: it.known for it in reproduce.checklist(_run(params=[seed]), ("seed",))}
    assert items["Seed"]
    assert math.isfinite(seed["number"])
