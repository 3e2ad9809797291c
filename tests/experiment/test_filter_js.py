"""The filter language in JavaScript means what it means in Python: one table of cases, and laws."""

from __future__ import annotations

import json
import os
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.experiment import odd
from tests.query.made import frame_of, patch
from tests.query.test_filters import BOARD, TABLE, table_runs
from tracksite.errors import ArgumentError
from tracksite.pages.board import board, script_value
from tracksite.query import filters, leaderboard, long
from tracksite.render import TEMPLATES

# 200 filters each time; TRACKSITE_LONG=100 tries 20,000.
COUNT = 200 * int(os.environ.get("TRACKSITE_LONG", "1"))
AT_ONCE = 200  # filters of one store

# The rows that pass each filter, or where it fails, on a board as board.js makes it.
ALL_PASSING = """
([data, texts]) => {
  const {board} = window.tracksiteBoard;
  const {parse, compile, lookup, FilterError} = window.tracksiteFilter;
  if (data) board.load(JSON.parse(data));
  return texts.map((text) => {
    try {
      const test = compile(parse(text), lookup(board.columns, board.data));
      return board.rows.filter(test).map(board.runId).sort();
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      return error.position;
    }
  });
}
"""


@pytest.fixture
def passing(page):
    """`passing(texts, runs=None)`: what the filters find among runs, or the last ones.

    Of each filter the sorted ids, or the place in the text that its error points at. The page gets
    what a site ships: the scripts and the data of a leaderboard.
    """
    page.goto("about:blank")
    for name in ("tracksite", "filter", "board"):
        page.evaluate((TEMPLATES / f"assets/js/{name}.js").read_text())

    def found(texts, runs=None):
        data = None if runs is None else json.dumps(script_value(board(runs, None), None))
        return page.evaluate(ALL_PASSING, [data, texts])

    return found


def in_python(wide, text, inputs=None):
    """The same of one filter in Python."""
    try:
        return sorted(filters.apply(wide, text, inputs)["run_id"])
    except ArgumentError as error:
        at = int(re.search(r"at character (\d+)", str(error))[1]) - 1
        return len(text[:at].encode("utf-16-le")) // 2


def test_every_case_of_the_table_holds_in_javascript(passing):
    """Each filter selects the same runs, or fails at the same character, as in Python."""
    cases = TABLE["cases"]
    found = passing([case["text"] for case in cases], table_runs())
    wanted = [case.get("ids", case.get("at")) for case in cases]
    assert len(cases) > 100
    assert [case for case in zip(cases, wanted, found, strict=True) if case[1] != case[2]] == []


def test_any_filter_selects_the_same_rows_in_both_languages(passing):
    """Filters that nobody wrote down select the same odd runs, or fail at the same place."""
    wrong, passed = [], 0
    for seed in range(COUNT // AT_ONCE):
        chance = random.Random(seed)
        runs = frame_of(*odd.runs(chance))
        texts = [odd.a_filter(chance) for _ in range(AT_ONCE)]
        wide = leaderboard.wide(runs)
        expected = [in_python(wide, text, long.inputs(runs)) for text in texts]
        found = passing(texts, runs)
        wrong += [case for case in zip(texts, expected, found, strict=True) if case[1] != case[2]]
        passed += sum(isinstance(ids, list) for ids in expected)
    assert wrong == []
    assert passed > COUNT / 3


def test_a_pattern_of_many_wildcards_costs_no_more_than_its_length(passing):
    """A page answers where an expression that tries every way would run for years."""
    runs = frame_of(patch("a", {"digits": "9" * 2000}), patch("b", {"digits": "9" * 2000 + "x"}))
    patterns = ["%9" * 500 + "x", "%_9" * 200 + "%", "9%" * 40 + "y", "%" * 999]
    found = passing([f"params.digits LIKE '{pattern}'" for pattern in patterns], runs)
    assert found == [["b"], ["a", "b"], [], ["a", "b"]]


def test_whatever_is_typed_is_read_or_refused_with_a_place(passing):
    """No text makes the parser fail in any other way than by naming a place in the text."""
    passing([], table_runs())

    @settings(max_examples=200)
    @given(st.text(alphabet="f1<>=!'\"`() .,andortlike\n\\é🚀0-", max_size=24))
    def check(text):
        assert passing([text]) == [in_python(BOARD, text, long.inputs(table_runs()))]

    check()
