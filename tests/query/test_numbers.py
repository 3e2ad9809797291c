"""One rule says which texts are numbers, and large whole numbers stay apart."""

from __future__ import annotations

import operator

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.query.made import frame_of, patch
from tracksite import schema
from tracksite.analysis.impact import main_effects
from tracksite.analysis.repeats import repeats, settings
from tracksite.query import filters, leaderboard, long, numbers
from tracksite.query.goal import primary_metric

LARGE = 2**53
SPELLED = {
    "5": 5,
    "+5": 5,
    "05": 5,
    "5.": 5,
    "5e0": 5,
    "5E+0": 5,
    ".5": 0.5,
    "-.5e1": -5,
    "-0": 0,
    "1e-400": 0,
    f"{LARGE - 1}": LARGE - 1,
    f"{LARGE + 1}": LARGE + 1,
    "1e22": 10**22,
    f"-{LARGE + 1}": -LARGE - 1,
    f"{LARGE + 1}.0": LARGE + 1,
    f"{LARGE + 1}.5": LARGE + 2,
    f"{LARGE + 1}00e-2": LARGE + 1,
    "9" * 300: 10**300 - 1,
}
TEXTS = (
    *("", " ", "-", ".", "e5", "1e", " 5", "5 ", "5\n", "0x10", "0b1", "1_000", "1,000", "1 000"),
    *("٣", "\uff15", "½", "inf", "-Infinity", "nan", "1e400", "2026-01-31", "1.2.3", "5f", "True"),
)
ANY = st.text(alphabet="0123456789.eE+-_ xinfa٣\n", max_size=9) | st.floats().map(repr)


@pytest.mark.parametrize("text", SPELLED)
def test_a_text_that_is_an_ascii_decimal_is_its_number(text):
    """Sign, digits, point and exponent; whole numbers from 2^53 on to the last digit."""
    assert schema.number(text) == SPELLED[text]


@pytest.mark.parametrize("text", TEXTS)
def test_other_texts_are_no_numbers(text):
    """No other base, mark of thousands, white space, digit, date or word is a number."""
    assert schema.number(text) is None


@given(st.lists(ANY | st.integers().map(str), min_size=1, max_size=20))
@example([*SPELLED, *TEXTS])
def test_columns_are_read_by_the_same_rule(texts):
    """Polars reads each text as `schema.number` does."""
    found = pl.DataFrame({"text": texts}).select(numbers.doubles(pl.col("text"))).to_series()
    known = [schema.number(text) for text in texts]
    assert found.to_list() == [None if number is None else float(number) for number in known]


IDS = st.integers(LARGE - 3, LARGE + 9) | st.integers(10**25, 10**25 + 9)
ODD = st.one_of(
    IDS.map(str),
    IDS.map(lambda whole: f"-{whole}"),
    IDS.map(lambda whole: f"0{whole}.0"),
    IDS.map(lambda whole: f"{whole}e-1"),
    st.sampled_from([*SPELLED, *TEXTS]),
)


@given(st.lists(ODD, min_size=1, max_size=12), ODD.map(schema.number).filter(bool))
def test_columns_compare_as_the_numbers_do(texts, value):
    """Comparing, being among, being alike and the order are exact, whatever the size."""
    known = [schema.number(text) for text in texts]
    cells = pl.col("text")
    frame = pl.DataFrame({"text": texts}).select(
        "text",
        *(
            numbers.compared(cells, sign, value).alias(sign.__name__)
            for sign in (operator.lt, operator.le, operator.gt, operator.ge)
        ),
        among=numbers.among(cells, [value, 5]),
        alike=numbers.alike(cells, numbers.doubles(cells)),
    )
    for row, number in zip(frame.iter_rows(named=True), known, strict=True):
        assert row["lt"] == (None if number is None else number < value)
        assert row["le"] == (None if number is None else number <= value)
        assert row["gt"] == (None if number is None else number > value)
        assert row["ge"] == (None if number is None else number >= value)
        assert row["among"] == (None if number is None else number in {value, 5})
    for one, first in zip(frame["alike"], known, strict=True):
        for other, second in zip(frame["alike"], known, strict=True):
            if first is not None and second is not None:
                assert (one == other) == (first == second)
    ordered = frame.sort(numbers.order(cells), nulls_last=True)["text"]
    sorted_ = [number for text in ordered if (number := schema.number(text)) is not None]
    assert sorted_ == sorted(number for number in known if number is not None)


def sweep(key, *values):
    """Return runs that differ in one param, each value with two scores."""
    made = ((value, n / 10 + again / 100) for again in (0, 1) for n, value in enumerate(values))
    return frame_of(
        *(
            patch(f"{n:x}", {key: value}, {"accuracy": score}, started_at=None)
            for n, (value, score) in enumerate(made)
        )
    )


IDS_OF_SWEEP = sweep("dataset_id", LARGE, LARGE + 1)


def test_large_whole_numbers_are_settings_of_their_own():
    """Two ids that one double stands for are two settings, with two repeats each."""
    assert repeats(IDS_OF_SWEEP, primary_metric(IDS_OF_SWEEP))["count"].to_list() == [2, 2]


def test_large_whole_numbers_are_levels_of_their_own():
    """Two ids that one double stands for are two levels of their param."""
    assert main_effects(IDS_OF_SWEEP, primary_metric(IDS_OF_SWEEP))["levels"].to_list() == [2]


def test_many_large_whole_numbers_are_as_many_levels():
    """Eight ids in a row are eight levels: doubles would make four of them."""
    runs = sweep("id", *range(LARGE, LARGE + 8))
    assert main_effects(runs, primary_metric(runs))["levels"].to_list() == [8]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"params.dataset_id > {LARGE}", ["1", "3"]),
        (f"params.dataset_id <= {LARGE}", ["0", "2"]),
        (f"params.dataset_id = {LARGE + 1}", ["1", "3"]),
        (f"params.dataset_id in ({LARGE}.0, 5)", ["0", "2"]),
        (f"params.dataset_id != {LARGE + 1}.0", ["0", "2"]),
        ("params.dataset_id < 9.007199254740993e15", ["0", "2"]),
    ],
)
def test_a_filter_orders_large_whole_numbers(text, found):
    """A filter tells apart ids that one double stands for."""
    wide = leaderboard.wide(IDS_OF_SWEEP)
    assert filters.apply(wide, text)["run_id"].sort().to_list() == found


@pytest.mark.parametrize("down", [True, False])
def test_an_order_tells_large_whole_numbers_apart(down):
    """Ids are ordered by value, whatever their signs and however they are written."""
    values = [-LARGE - 1, -LARGE, f"0{LARGE}", f"{LARGE + 1}.0", LARGE + 2]
    wide = leaderboard.wide(sweep("id", *values))
    found = leaderboard.order(wide, [f"params.id {'DESC' if down else 'ASC'}"])["params.id"]
    expected = [str(value) for value in values for _ in (0, 1)]
    assert found.to_list() == (expected[::-1] if down else expected)


def test_a_part_of_an_older_release_is_read_by_the_rule_of_this_one():
    """What a store says of the number of a param counts no more: its text does."""
    older = patch("a", {"year": "1_000"})
    older["params"][0]["number"] = 1000.0
    runs = frame_of(older, patch("b", {"year": "1000"}))
    assert long.params(runs)["number"].to_list() == [None, 1000.0]
    assert settings(runs)["setting"].n_unique() == 2
