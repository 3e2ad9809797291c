"""The filter language in JavaScript means what it means in Python: one table of cases, and laws."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracksite.errors import ArgumentError
from tracksite.query import filters
from tracksite.render import TEMPLATES

TABLE = json.loads((Path(__file__).parents[1] / "data" / "filters.json").read_text())

# The rows of the table as board.js makes columns of them.
COLUMNS = """
text => {
  const rows = JSON.parse(text);
  const columns = new Map();
  const families = {attributes: ["attribute", ""], metrics: ["metric", "metrics."],
                    params: ["param", "params."], tags: ["tag", "tags."]};
  for (const [family, [kind, prefix]] of Object.entries(families)) {
    const cells = (row) => ({...row[family], ...(kind === "attribute" && {run_id: row.run_id})});
    for (const label of new Set(rows.flatMap((row) => Object.keys(cells(row))))) {
      const type = kind === "metric" || label === "duration_s" ? "number"
        : ["started_at", "ended_at"].includes(label) ? "time" : "text";
      const get = (i) => Object.hasOwn(cells(rows[i]), label) ? cells(rows[i])[label] : null;
      const text = (i) => get(i) === null ? null : String(get(i));
      const number = (i) => {
        if (get(i) === null) return null;
        if (type === "time") return Date.parse(get(i));
        if (type === "number") return Number(get(i));
        return text(i).trim() && Number.isFinite(Number(text(i))) ? Number(text(i)) : null;
      };
      columns.set(prefix + label, {id: prefix + label, label, kind, type, text, number});
    }
  }
  window.passing = (filter) => {
    try {
      const {parse, compile, lookup} = window.tracksiteFilter;
      const test = compile(parse(filter), lookup(columns));
      return {ids: rows.filter((_, i) => test(i)).map((row) => row.run_id)};
    } catch (error) {
      if (!(error instanceof window.tracksiteFilter.FilterError)) throw error;
      return {at: error.position, message: error.message};
    }
  };
}
"""


@pytest.fixture
def passing(page):
    """`passing(filter)`: {ids} of the table's rows that pass in JavaScript, or {at, message}."""
    page.goto("about:blank")
    page.evaluate((TEMPLATES / "assets/js/filter.js").read_text())
    page.evaluate(COLUMNS, json.dumps(TABLE["rows"]))  # as text: it keeps `__proto__`
    return lambda text: page.evaluate("text => window.passing(text)", text)


def test_every_case_of_the_table_holds_in_javascript(passing):
    """Each filter selects the same runs, or fails at the same character, as in Python."""
    wrong = []
    for case in TABLE["cases"]:
        found = passing(case["text"])
        expected = {key: case[key] for key in ("ids", "at") if key in case}
        if {key: found.get(key) for key in expected} != expected:
            wrong.append((case, found))
    assert len(TABLE["cases"]) > 100
    assert wrong == []


def _wide():
    """The table's metrics and params as Python's filters see them."""
    rows = TABLE["rows"]
    metric = [row["metrics"].get("f1") for row in rows]
    return pl.DataFrame(
        {
            "run_id": [row["run_id"] for row in rows],
            "metrics.f1": [None if value is None else float(value) for value in metric],
            "params.lr": [row["params"].get("lr") for row in rows],
            "params.model": [row["params"].get("model") for row in rows],
        },
        schema_overrides={"metrics.f1": pl.Float64},
    )


FAMILIES = {"attributes": "", "metrics": "metrics.", "params": "params.", "tags": "tags."}
NUMBERS = st.sampled_from(["0.9", "-1", "1e-3", ".5", "inf", "'0.01'", "0.01"])
TESTS = st.one_of(
    st.tuples(
        st.sampled_from(["f1", "metrics.f1", "lr"]),
        st.sampled_from(["<", "<=", ">", ">="]),
        NUMBERS,
    ),
    st.tuples(
        st.just("model"),
        st.sampled_from(["like", "not ilike", "=", "!="]),
        st.sampled_from(["'res%'", "'_e%'", "ResNet50"]),
    ),
    st.tuples(
        st.sampled_from(["lr", "f1", "params.none"]),
        st.sampled_from(["is", "is not"]),
        st.just("null"),
    ),
    st.tuples(st.just("lr"), st.sampled_from(["in", "not in"]), st.just("(0.01, 'auto')")),
).map(" ".join)
FILTERS = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        inner.map(lambda text: f"not ({text})"),
        inner.map(lambda text: f"({text})"),
    ),
    max_leaves=6,
)


def test_any_filter_selects_the_same_rows_in_both_languages(passing):
    """Filters that nobody wrote down select the same rows in Python and in JavaScript."""
    wide = _wide()

    @settings(max_examples=150)
    @given(FILTERS)
    def check(text):
        assert passing(text).get("ids") == filters.apply(wide, text)["run_id"].to_list(), text

    check()


def test_whatever_is_typed_is_read_or_refused_with_a_place(passing):
    """No text makes the parser fail in any other way than by naming a place in the text."""

    @settings(max_examples=200)
    @given(st.text(alphabet="f1<>=!'\"`() .,andortlike\n\\é🚀0-", max_size=24))
    def check(text):
        found = passing(text)
        try:
            expected = {"ids": filters.apply(_wide_all(), text)["run_id"].to_list()}
        except ArgumentError:
            expected = None
        assert ("ids" in found) == (expected is not None), (text, found)
        if expected is None:
            assert 0 <= found["at"] <= len(text.encode("utf-16-le")) // 2

    check()


def _wide_all():
    """Every attribute, metric, param and tag of the table, so that the same names are known."""
    rows = TABLE["rows"]
    wide = {"run_id": [row["run_id"] for row in rows]}
    for family, prefix in FAMILIES.items():
        for key in sorted({key for row in rows for key in row[family]}):
            wide[prefix + key] = [row[family].get(key) for row in rows]
    frame = pl.DataFrame(wide, strict=False, infer_schema_length=None)
    numbers = [
        name for name in frame.columns if name.startswith("metrics.") or name == "duration_s"
    ]
    times = [name for name in ("started_at", "ended_at") if name in frame.columns]
    return frame.with_columns(
        pl.col(numbers).cast(pl.Float64),
        pl.col(times).str.to_datetime(time_zone="UTC"),
    )
