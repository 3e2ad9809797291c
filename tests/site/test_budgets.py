"""Budgets: what any artifact may cost a build, and what becomes of one that costs more.

Costs are counted, never timed: the memory that a process of its own grows by, and its processor
time against a bound so generous that only work without measure meets it.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracksite
from tests.store.test_bounds import nested_footer
from tracksite import budgets
from tracksite.budgets import OverBudgetError
from tracksite.pages import csv_head, drawings, images, specs, tables, texts
from tracksite.site import build
from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store

RUN = "0" * 32
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.1.0.json"
GROWTH_KB = 300_000
CPU_S = 60

# In a process of its own: what a page shows of the files in a folder, within bounded resources.
LOOK = """
import hashlib, resource, sys
from pathlib import Path
import pyarrow.parquet
from tracksite.pages import files
folder = Path(sys.argv[1])
rows = [
    {"path": it.name, "bytes": it.stat().st_size, "file": None,
     "sha256": hashlib.sha256(it.read_bytes()).hexdigest()}
    for it in sorted(folder.iterdir())
]
def most_kb():  # getrusage would tell of the parent's memory too
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
before = most_kb()
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]), int(sys.argv[2])))
shown = files.gallery("0" * 32, rows, folder, 1 << 30)
for page in files.pages("0" * 32, rows, folder, 1 << 30):
    page.build()
print(most_kb() - before)
print(*[file.path for file in shown.files if file.note])
"""


def parquet(table: pa.Table, times: int = 1, **options) -> bytes:
    """Return a table, so many times over, as Parquet."""
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, table.schema, compression="zstd", **options) as writer:
        for _ in range(times):
            writer.write_table(table)
    return sink.getvalue()


def spec(**fields) -> dict:
    """Return a figure of three bars, with something else about it."""
    told = {"data": {"values": [{"x": 1, "y": 2}, {"x": 2, "y": 4}, {"x": 3, "y": 1}]}}
    encoding = {"x": {"field": "x", "type": "ordinal"}, "y": {"field": "y"}}
    return {"$schema": SCHEMA, **told, "mark": "bar", "encoding": encoding, **fields}


def nested_uses(levels: int, many: int = 10) -> bytes:
    """Return an SVG that draws `many ** levels` shapes."""
    parts = ['<rect id="a0" width="1" height="1"/>']
    for level in range(1, levels + 1):
        uses = f'<use href="#a{level - 1}"/>' * many
        parts.append(f'<g id="a{level}">{uses}</g>')
    body = "".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{body}</svg>'.encode()


def png(width: int, height: int) -> bytes:
    """Return the beginning of a PNG of that size."""
    sizes = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + sizes + b"\x08\x06\x00\x00\x00"


def inside_svg(image: bytes) -> bytes:
    """Return a drawing that holds an image."""
    return b'<svg><image href="data:image/png;base64,%s"/></svg>' % base64.b64encode(image)


def lists_of(count: int) -> pa.Table:
    """Return one row: a list of so many nulls, which take no room in a file."""
    offsets = pa.array([0, count], pa.int32())
    return pa.table({"x": pa.ListArray.from_arrays(offsets, pa.nulls(count, pa.int8()))})


LONG_ENTITY = "<!DOCTYPE svg [<!ENTITY a 'aaaaaaaaaa'>]><svg viewBox='0 0 1 1'>&a;</svg>"
# File name -> its content: each is small, and would take minutes or gigabytes.
BOMBS = {
    "uses.svg": nested_uses(9),
    "entity.svg": LONG_ENTITY.encode(),
    "deep.svg": b"<svg viewBox='0 0 1 1'>" + b"<g>" * 5000 + b"</g>" * 5000 + b"</svg>",
    "large.png": png(50_000, 50_000),
    "commas.csv": b"," * 4_000_000,
    "text.parquet": parquet(pa.table({"x": ["y" * 60_000_000]}), write_statistics=False),
    "lists.parquet": parquet(lists_of(20_000_000), write_statistics=False),
    "schema.parquet": nested_footer(100_000),
    "deep.json": b"[" * 2_000_000,
    "nested.json": b'{"a":' * 600 + b"1" + b"}" * 600,
    "indented.json": b"[" * 300 + b"1," * 480_000 + b"1" + b"]" * 300,
    "flat.json": b"[" + b"[]," * 2_000_000 + b"[]]",
    "sequence.json": json.dumps(spec(data={"sequence": {"start": 0, "stop": 1e9}})).encode(),
    "views.json": json.dumps(spec(x=0))[:-1].encode() + b',"a":' + b"[" * 600 + b"]" * 600 + b"}",
}
# Larger than it looks, and shown all the same, since its first rows cost little.
SHOWN = {
    "rows.parquet": parquet(pa.table({"x": np.zeros(1 << 20), "t": ["y"] * (1 << 20)}), 8),
    "rows.csv": b"a,b,c\n" + b"1,2,3.5\n" * 500_000,
    "line.csv": b"a,b\n" + b"x" * 4_000_000,
    "quotes.tsv": b'"' + b"\t" * 4_000_000,
    "digits.json": b'{"columns": ["a"], "data": [[' + b"9" * 4000 + b"]]}",
    "plain.json": json.dumps(spec()).encode(),
    "small.png": png(640, 480),
    "uses.ok.svg": nested_uses(3),
    "segments.jpg": b"\xff\xd8" + b"\xff\xe0\x00\x00" * 1_000_000,
    "view.svg": b'<svg viewBox="' + b"," * 3000 + b'"/>',
}


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux says how much memory was used"
)


def look(folder: Path) -> tuple[int, list[str]]:
    """Return by how many kB a process grew that looked at the files, and which it found large."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(folder), str(CPU_S)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    grown, _, large = done.stdout.partition("\n")
    return int(grown), large.split()


@needs_proc
def test_no_artifact_costs_a_page_much_and_each_that_would_is_named(tmp_path):
    """Of files that would take minutes or gigabytes each is named as too large, the rest shown."""
    for name, content in {**BOMBS, **SHOWN}.items():
        (tmp_path / name).write_bytes(content)
    grown, large = look(tmp_path)
    assert grown < GROWTH_KB
    assert sorted(large) == sorted(BOMBS)


def mangled(rng: random.Random, content: bytes) -> bytes:
    """Return a content that was cut, doubled, or changed in some of its bytes."""
    told = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(told) or 1)
        piece = told[at : at + rng.randint(1, 40)]
        match rng.randrange(4):
            case 0:
                told[at:at] = piece * rng.choice([1, 2, 100, 5000])
            case 1:
                del told[at : at + len(piece)]
            case 2:
                told[at : at + 1] = bytes([rng.randrange(256)])
            case _:
                told[at:at] = rng.choice([b'"', b",", b"[", b"{", b"<", b"\n", b"\xff" * 4])
    return bytes(told)


@needs_proc
def test_mangled_files_cost_a_page_little(tmp_path):
    """Whatever bytes stand in a file of a kind that is shown, they are decoded within bounds."""
    rng = random.Random(7)
    seeds = {
        "csv": b'a,b\n1,"x,\ny"\n2,z\n',
        "tsv": b"a\tb\n1\t2\n",
        "json": json.dumps(spec(data={"values": [{"x": 1, "y": [1, {"z": 2}]}] * 3})).encode(),
        "parquet": parquet(pa.table({"x": [1, 2], "y": ["a", "b"], "z": [[1], [2, 3]]})),
        "svg": nested_uses(2, 3),
        "png": png(3, 3),
        "jpg": b"\xff\xd8\xff\xe0\x00\x10" + bytes(14) + b"\xff\xc0\x00\x11\x08\x00\x03\x00\x03",
        "gif": b"GIF89a\x03\x00\x03\x00",
        "webp": b"RIFF0000WEBPVP8X" + bytes(20),
        "md": b"# a\n",
    }
    for suffix, content in seeds.items():
        for number in range(40):
            (tmp_path / f"{number}.{suffix}").write_bytes(mangled(rng, content))
    grown, _ = look(tmp_path)
    assert grown < GROWTH_KB


def test_a_build_names_what_is_too_large_and_shows_the_rest(tmp_path):
    """On the page of a run a file over budget is listed with its reason and its download."""
    tracksite.set_tracking_uri(tmp_path / "runs")
    with tracksite.start_run() as run:
        tracksite.log_text("," * 500_000, "commas.csv")
        tracksite.log_text("a,b\n1,2\n", "small.csv")
        tracksite.log_text(nested_uses(9).decode(), "bomb.svg")
    report = build(tmp_path / "runs", tmp_path / "site")
    assert not report.problems
    folder = tmp_path / "site/runs" / run.run_id
    page = (folder / "index.html").read_text()
    notes = re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)</a>[^\n]*too large to be shown here', page)
    assert [name for _, name in notes] == ["bomb.svg", "commas.csv"]
    assert all((folder / target).is_file() for target, _ in notes)
    assert '<td class="num">2</td>' in page
    assert "data:image/svg" not in page


def test_a_diff_of_one_long_line_does_not_fill_the_page(tmp_path):
    """Of uncommitted changes the page shows the beginning, and the file has all."""
    store = open_store(tmp_path / "runs", create=True)
    run_id = new_run_id()
    diff = "--- a\n+++ b\n+" + "x" * 3_000_000
    store.write_patch(run_id, "run", {"experiment": "e", "git_commit": "a" * 40, "git_diff": diff})
    build(tmp_path / "runs", tmp_path / "site")
    folder = tmp_path / "site/runs" / run_id
    assert (folder / "uncommitted.diff").read_text() == diff
    page = (folder / "index.html").read_text()
    assert len(page) < 2 * budgets.DIFF_CHARACTERS
    assert "1 more line" in page


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (nested_uses(5), "more than 100,000 shapes"),
        (LONG_ENTITY.encode(), "entities"),
        (b'<svg><g id="a"><use href="#a"/></g></svg>', "stands in"),
        (b"<svg><style>*{fill:url(#a)}</style></svg>", "style sheet"),
        (b'<svg><image href="data:image/svg+xml;base64,AAAA"/></svg>', "inside"),
        (b'<svg><image href="data:image/svg,&lt;svg/&gt;"/></svg>', "inside"),
        (inside_svg(png(9000, 9000)), "pixels"),
        (b"<svg>" + b"<g/>" * 60_000 + b"</svg>", "kB"),
    ],
)
def test_a_drawing_that_would_hold_up_a_browser_is_refused(content, words):
    """What an SVG draws is counted as often as it is referred to, and what cannot be is refused."""
    with pytest.raises(OverBudgetError, match=words):
        drawings.check(content)


def test_drawings_of_plotting_libraries_are_shown():
    """A figure of matplotlib, with its markers and glyphs by reference, is within the budget."""
    pyplot = pytest.importorskip("matplotlib.figure")
    figure = pyplot.Figure()
    axes = figure.subplots()
    axes.plot(range(300), "o")
    axes.set_title("Accuracy by epoch")
    axes.imshow(np.eye(9))  # is an image inside of the drawing
    sink = io.BytesIO()
    figure.savefig(sink, format="svg")
    assert drawings.check(sink.getvalue())
    assert images.dimensions(sink.getvalue()) is not None


HEAVY = {
    "rows of a generator": spec(data={"sequence": {"start": 0, "stop": 1e9}}),
    "rows of a formula": spec(transform=[{"calculate": "sequence(1e9)", "as": "z"}]),
    "a hidden formula": spec(transform=[{"calculate": "sequ\\u0065nce(1e9)", "as": "z"}]),
    "a backtracking search": spec(transform=[{"filter": "test(/(a+)+$/, datum.x)"}]),
    "bins": spec(encoding={"x": {"field": "x", "bin": {"step": 1e-9}}}),
    "more bins": spec(encoding={"x": {"field": "x", "bin": {"maxbins": 1e9}}}),
    "bins without an end": spec(encoding={"x": {"field": "x", "bin": {"base": 1}}}),
    "ticks": spec(encoding={"x": {"field": "x", "axis": {"tickCount": 1e9}}}),
    "ticks of time": spec(encoding={"x": {"field": "x", "axis": {"tickCount": "second"}}}),
    "ticks of a formula": spec(encoding={"x": {"axis": {"tickCount": {"expr": "1e9"}}}}),
    "a density": spec(transform=[{"density": "x", "steps": 1e9}]),
    "missing values": spec(
        transform=[{"impute": "y", "key": "x", "keyvals": {"start": 0, "stop": 1e9, "step": 1}}]
    ),
    "a polynomial": spec(transform=[{"regression": "y", "on": "x", "order": 1e6}]),
    "a wide format": spec(encoding={"x": {"field": "x", "axis": {"format": "1000000000d"}}}),
    "a fine grid": spec(data={"graticule": {"step": [1e-6, 1e-6]}}),
    "rows": spec(data={"values": [{"x": 1}] * 30_000}),
    "rows of text": spec(data={"values": "x\n" * 300_000, "format": {"type": "csv"}}),
    "lists of lists": spec(
        data={"values": [{"a": [1] * 200, "b": [1] * 200, "c": [1] * 200}]},
        transform=[{"flatten": [name]} for name in "abc"],
    ),
    "folds": spec(data={"values": [{"x": 1}] * 9000}, transform=[{"fold": ["x"] * 900}]),
    "charts": spec(
        data={"values": [{"x": n} for n in range(5000)]}, facet={"field": "x"}, spec=spec()
    ),
    "repeats": {"$schema": SCHEMA, "repeat": {"row": ["x"] * 50, "column": ["y"] * 50}}
    | {"spec": spec()},
    "a URL": spec(data={"url": "https://example.org/x.csv"}),
}


@pytest.mark.parametrize("what", HEAVY)
def test_a_figure_that_would_hold_up_a_browser_is_refused(what):
    """What a browser could not finish is left to be downloaded, with a word on why."""
    with pytest.raises(OverBudgetError, match="figure"):
        specs.vega_spec(HEAVY[what])


def test_figures_of_altair_are_drawn():
    """What people draw with Altair is within the budgets: facets, layers, bins, formulas, maps."""
    altair = pytest.importorskip("altair")
    rows = [{"url": f"x/{n}", "a": n % 7, "b": n * 0.37, "c": "xyz"[n % 3]} for n in range(500)]
    base = altair.Chart(altair.Data(values=rows))
    points = base.mark_point().encode(x="a:Q", y="b:Q", color="c:N", facet="c:N")
    bars = base.mark_bar().encode(altair.X("b:Q", bin=altair.Bin(step=5)), y="count()")
    lines = base.mark_line().encode(x="a:Q", y="mean(b):Q") + base.mark_rule().encode(y="b:Q")
    labels = base.mark_text().encode(
        altair.X("b:Q", axis=altair.Axis(labelExpr="format(datum.value, '.2f')", tickCount=5))
    )
    formula = base.transform_calculate(z="datum.a > 1000000 ? 1 : log(datum.b)").mark_tick()
    for chart in (points, bars, lines, labels, formula, points & bars, lines | labels):
        assert specs.vega_spec(chart.to_dict()) is not None


WORDS = ["data", "values", "step", "bin", "facet", "field", "layer", "mark", "repeat", "fold"]


@given(
    st.recursive(
        st.none() | st.floats() | st.integers() | st.text(max_size=9),
        lambda it: st.lists(it, max_size=4) | st.dictionaries(st.sampled_from(WORDS), it),
    )
)
def test_any_specification_is_drawn_or_refused(value):
    """Whatever a specification says, it is drawn or over budget: nothing else."""
    with contextlib.suppress(OverBudgetError):
        specs.vega_spec(spec(encoding=value, transform=[value], data={"values": value}))


def test_numbers_of_a_csv_are_those_that_it_spells():
    """Codes with leading zeros and hex stay texts; a column of plain decimals is of numbers."""
    found = tables.preview(b"zip,id,n\n00501,0x1F,1\n94103,12e5,2.5\n", "csv")
    assert [[cell.text for cell in row] for row in found.rows] == [
        ["00501", "0x1F", "1"],
        ["94103", "12e5", "2.5"],
    ]
    assert [cell.is_number for cell in found.rows[0]] == [False, False, True]


@given(st.lists(st.lists(st.text('ab",\n é', max_size=5), min_size=2, max_size=2), max_size=30))
def test_rows_of_a_csv_are_counted_as_they_are_read(rows):
    """However a CSV is quoted, as many rows are counted as there are."""
    import csv

    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerows([["x", "y"], *rows])
    found, count = csv_head.head(sink.getvalue().encode(), ",", 10)
    assert count == len(rows)
    assert found[1:] == rows[:10]


def test_a_pretty_text_is_no_more_written_than_shown():
    """JSON is indented as far as it is shown."""
    told = texts.pretty({"a": [1, 2]})
    assert (told.text, told.is_cut) == ('{\n  "a": [\n    1,\n    2\n  ]\n}', False)
    assert texts.pretty([[0] * 9] * 10_000).is_cut


def test_json_is_decoded_within_its_length_and_depth():
    """Longer or deeper JSON is over budget; what is no JSON is a ValueError."""
    assert budgets.json_value(b'{"a": [1]}') == {"a": [1]}
    deepest = b"[" * budgets.JSON_DEPTH + b"]" * budgets.JSON_DEPTH
    assert budgets.json_value(deepest)
    for content in (b"[" + deepest + b"]", b"[" * 100_000, b" " * budgets.JSON_BYTES + b"1"):
        with pytest.raises(OverBudgetError):
            budgets.json_value(content)
    with pytest.raises(ValueError, match="Expecting"):
        budgets.json_value(b"{")
