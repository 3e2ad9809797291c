"""Filters: one table of cases for every reader of the grammar, and no crash whatever the text."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.query.made import frame_of, patch
from tracksite.errors import ArgumentError
from tracksite.query import filters, leaderboard, syntax

TABLE = json.loads(Path(__file__).parents[1].joinpath("data/filters.json").read_text("utf-8"))


def table_runs() -> pl.DataFrame:
    """Return the rows of the table as runs."""
    return frame_of(*map(_patch, TABLE["rows"]))


def _patch(row: dict) -> dict:
    fields = {key: value for key, value in row["attributes"].items() if key != "duration_s"}
    for key in ("started_at", "ended_at"):
        fields[key] = fields[key] and datetime.fromisoformat(fields[key])
    metrics = {key: float(value) for key, value in row["metrics"].items()}
    return patch(row["run_id"], row["params"], metrics, row["tags"], **fields)


BOARD = leaderboard.wide(table_runs())


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["text"][:60])
def test_table(case):
    """Every case of the shared table gives its rows, or its error at its place."""
    if "ids" in case:
        assert filters.apply(BOARD, case["text"])["run_id"].to_list() == case["ids"]
        return
    with pytest.raises(ArgumentError) as error:
        filters.apply(BOARD, case["text"])
    message, shown, caret = str(error.value).split("\n")
    assert f"at character {case['at'] + 1}:" in message
    assert shown[: len(caret)][4:] == case["text"][: case["at"] + 1][-(len(caret) - 4) :]


def test_durations_of_the_table():
    """The durations that the table states are those of its times."""
    stated = [row["attributes"]["duration_s"] for row in TABLE["rows"]]
    assert BOARD["duration_s"].to_list() == stated


WORDS = [
    *("f1", "metrics.", "params.lr", "`a b`", '"x"', "'t'", "and", "or", "not", "in", "is", "null"),
    *("like", "ilike", "(", ")", ",", "=", "<", ">=", "!=", "1", "-1e400", "inf", "nan", ".", "%"),
    *("status", "started_at", "'2026-01-31'", "9" * 400, "\x00", "\ud800", "é", "' '", "''", "``"),
]


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=40))
def test_hostile_text(text):
    """Whatever the text, a filter gives rows or an ArgumentError, and nothing else."""
    with contextlib.suppress(ArgumentError):
        assert set(filters.apply(BOARD, text)["run_id"]) <= set(BOARD["run_id"])


NUMBERS = st.sampled_from(["0.9", "0.01", "'0.01'", "1e400"])
TEXTS = st.sampled_from(["'finished'", "'resnet18'", "nlp", "0.01"])
METRICS, OTHERS = st.sampled_from(["f1", "metrics.loss"]), st.sampled_from(["lr", "model", "team"])
SIGNS = st.sampled_from(["=", "!="])
TESTS = st.one_of(
    st.builds("{} {} {}".format, METRICS | OTHERS, SIGNS | st.sampled_from(["<", ">="]), NUMBERS),
    st.builds("{} {} {}".format, OTHERS | st.just("status"), SIGNS, TEXTS),
    st.builds("{} {}".format, METRICS | OTHERS, st.sampled_from(["is null", "is not null"])),
)


@given(TESTS, TESTS)
def test_logic(one, other):
    """`not` is the rest of the rows, `and` the rows of both, `or` the rows of either."""

    def ids(text):
        return set(filters.apply(BOARD, text)["run_id"])

    assert ids(f"not {one}") == set(BOARD["run_id"]) - ids(one)
    assert ids(f"{one} and {other}") == ids(one) & ids(other)
    assert ids(f"{one} or {other}") == ids(one) | ids(other)
    assert ids(f"not ({one} or {other})") == ids(f"not {one} and not {other}")


def test_tree_is_frozen():
    """A filter is a value: equal texts give equal trees, and a tree cannot be changed."""
    parsed = filters.parse("f1 > 0.9 and not lr = 1")
    assert parsed == filters.parse("f1 > 0.9 and not lr = 1")
    with pytest.raises(AttributeError):
        parsed.text = ""


def test_parsed_filter_applies():
    """A parsed filter passes the same rows as its text."""
    assert filters.apply(BOARD, filters.parse("f1 > 0.9")).equals(filters.apply(BOARD, "f1 > 0.9"))


@pytest.mark.parametrize(
    "text", ["(" * 5000, "not " * 2400 + "f1 > 1", "f1 = 1 or " * 999 + "f1 = 1"]
)
def test_long_and_deep(text):
    """Long filters work and deep ones are refused: neither exhausts the stack."""
    if text.startswith("f1"):
        assert filters.apply(BOARD, text).is_empty()
        return
    with pytest.raises(ArgumentError, match="write it flatter"):
        filters.parse(text)


def test_too_long():
    """Text above the limit is refused before it is read."""
    with pytest.raises(ArgumentError, match="10000 are the most"):
        filters.parse("x" * (syntax.MAX_LENGTH + 1))


@pytest.mark.parametrize("text", [None, 3, b"f1 > 1", ["f1 > 1"]])
def test_no_text(text):
    """A filter that is no string is refused by name."""
    with pytest.raises(ArgumentError, match="write it as a string"):
        filters.parse(text)


def test_nearest_name():
    """An unknown bare name is answered with the nearest known one."""
    with pytest.raises(ArgumentError, match="did you mean `loss`"):
        filters.apply(BOARD, "los < 1")


def test_no_runs():
    """On a leaderboard without runs any name passes nothing, since nothing is known of it."""
    assert filters.apply(BOARD.clear().select(leaderboard.ATTRIBUTES), "f1 > 0.9").is_empty()


def test_order_kept():
    """Rows that pass stay in the order of the leaderboard."""
    reverse = BOARD.reverse()
    assert filters.apply(reverse, "f1 > 0")["run_id"].to_list() == ["c", "b", "a"]
