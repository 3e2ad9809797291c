"""Tables and documents as files: what is logged is what stands there, whatever comes later."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracksite
from tracksite.errors import ArgumentError
from tracksite.tracking import documents
from tracksite.tracking.tables import table_bytes

LARGE = 2**53 + 1


def strict(text):
    """Read JSON, and refuse what only Python takes for it."""

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def logged(name, *tables):
    """Log tables one after the other to a run; return the file's bytes."""
    with tracksite.start_run() as run:
        for table in tables:
            tracksite.log_table(table, name)
    return Path(tracksite.download_artifacts(run_id=run.run_id, artifact_path=name)).read_bytes()


@pytest.mark.parametrize(
    ("there", "more"),
    [
        (["00501", "01001"], ["94103"]),
        (["12e5", "0777"], ["88f1"]),
        (["2026-01-31", "true"], ["1_000"]),
        (["9007199254740993", "1.10"], ["inf"]),
        ([" 5", "", None, "a,b"], ['say "hi"']),
    ],
)
def test_rows_added_to_a_csv_leave_its_bytes_alone(there, more):
    """Zeros in front, hashes that look like numbers and dates stay as they were written."""
    before = logged("t.csv", {"code": there})
    after = logged("t.csv", {"code": there}, {"code": more})
    assert after.startswith(before)
    cells = pl.read_csv(after, infer_schema=False)["code"].to_list()
    assert cells == [*there, *more]


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"))),
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"))),
)
def test_any_text_stays_as_it_is_in_a_csv(there, more):
    """Whatever the cells are, those of before stay byte for byte, and all can be read again."""
    path = Path.cwd() / "any.csv"
    path.write_bytes(
        table_bytes({"n": range(len(there)), "x": pl.Series(there, dtype=pl.String)}, "csv")
    )
    after = table_bytes({"n": range(len(more)), "x": pl.Series(more, dtype=pl.String)}, "csv", path)
    assert after.startswith(path.read_bytes())
    assert pl.read_csv(after, infer_schema=False)["x"].to_list() == [*there, *more]


def test_rows_take_the_place_of_their_columns_in_a_csv_of_somebody_else():
    """Lines that end as on Windows go on so, and cells stand below their names."""
    path = Path("t.csv")
    path.write_bytes(b'zip,name\r\n00501,"a\nb"')
    added = table_bytes({"name": ["x"], "zip": ["007"]}, "csv", path)
    assert added == b'zip,name\r\n00501,"a\nb"\r\n007,x\r\n'


def test_a_new_column_of_a_csv_leaves_the_cells_alone():
    """Rows of before get an empty cell; their texts stay."""
    found = logged("t.csv", {"zip": ["00501", ""]}, {"zip": ["0777"], "city": ["Paris"]})
    assert found == b'zip,city\n00501,\n"",\n0777,Paris\n'


@pytest.mark.parametrize("content", [b"\xff\xfea,b\n", b"a,a\n1,2\n", b"\n"])
def test_rows_that_fit_no_csv_that_is_there_are_refused(content):
    """What stands under the name cannot be made sense of: it is left alone."""
    path = Path("t.csv")
    path.write_bytes(content)
    with pytest.raises(ArgumentError, match="another name"):
        table_bytes({"a": ["x"]}, "csv", path)


def test_nested_values_are_json_in_the_cells_of_a_csv():
    """A list or a struct is a JSON text in its cell."""
    found = logged("t.csv", {"box": [[1, 2], None], "of": [{"a": math.nan}, {"a": 1.5}]})
    rows = pl.read_csv(found, infer_schema=False).rows()
    assert rows == [("[1, 2]", '{"a": null}'), (None, '{"a": 1.5}')]


def test_columns_of_several_types_are_kept_where_a_file_has_no_types():
    """JSON keeps the values, CSV their texts; Parquet, which has types, refuses them."""
    import pandas as pd

    mixed = {"x": [1, "a", None, 2.5, [1]]}
    for table in (mixed, pd.DataFrame(mixed)):
        assert json.loads(logged("t.json", table))["data"] == [[1], ["a"], [None], [2.5], [[1]]]
        assert logged("t.csv", table) == b"x\n1\na\n\n2.5\n[1]\n"
        with pytest.raises(ArgumentError, match="no table"):
            logged("t.parquet", table)


@pytest.mark.parametrize("name", ["t.csv", "t.json", "t.parquet"])
@pytest.mark.parametrize("kind", ["a frame", "a dict", "a mixed dict"])
def test_two_columns_of_one_name_are_refused_and_none_is_lost(name, kind):
    """A frame may have a name twice, and a dict 1 beside "1": a file could keep only one."""
    table = {
        "a frame": pd.DataFrame([[1, 2]], columns=["a", "a"]),
        "a dict": {1: [1], "1": [2]},
        "a mixed dict": {1: [1, "x"], "1": [2, 3]},
    }[kind]
    with tracksite.start_run(), pytest.raises(ArgumentError, match="column"):
        tracksite.log_table(table, name)


def test_values_of_json_stay_when_rows_of_another_type_are_added():
    """Whole numbers beyond 2^53, and numbers beside texts, are not turned into each other."""
    found = logged("t.json", {"x": [LARGE, 1]}, {"x": [0.5]}, {"x": ["a"], "y": [2**70]})
    rows = [[LARGE, None], [1, None], [0.5, None], ["a", None]]
    assert json.loads(found) == {"columns": ["x", "y"], "data": [*rows[:3], ["a", 2**70]]}


@pytest.mark.parametrize("more", [["a"], [0.5]])
def test_values_of_parquet_are_not_turned_into_another_type(more):
    """Rows whose type cannot hold what is there are refused."""
    with pytest.raises(ArgumentError, match="Int64 there"):
        logged("t.parquet", {"x": [LARGE]}, {"x": more})


def test_whole_numbers_of_parquet_may_become_floats_that_hold_them():
    """A column of small whole numbers takes floats."""
    assert pl.read_parquet(logged("t.parquet", {"x": [1]}, {"x": [0.5]}))["x"].to_list() == [1, 0.5]


def test_numbers_that_json_does_not_have_are_null():
    """NaN is null, as pandas and JavaScript write it; of an infinity a warning tells."""
    with tracksite.start_run() as run:
        tracksite.log_dict({"a": [math.nan, 1.5], "b": "NaN"}, "nan.json")
        with pytest.warns(RuntimeWarning, match="infinity"):
            tracksite.log_dict({"score": -math.inf, "to": {"x": 0.1}}, "inf.json")
        tracksite.log_table({"x": [math.nan, 0.5]}, "t.json")
    folder = Path(run.artifact_dir)
    assert strict((folder / "nan.json").read_text()) == {"a": [None, 1.5], "b": "NaN"}
    assert strict((folder / "inf.json").read_text()) == {"score": None, "to": {"x": 0.1}}
    assert strict((folder / "t.json").read_text())["data"] == [[None], [0.5]]


def test_yaml_keeps_the_numbers_that_json_does_not_have():
    """YAML has words for NaN and infinities."""
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load(documents.document_bytes({"a": math.inf, "b": [math.nan]}, "yaml"))
    assert found["a"] == math.inf
    assert math.isnan(found["b"][0])


def test_whole_numbers_beyond_64_bits_are_kept_or_refused_at_the_call():
    """JSON and CSV keep them; what has 64 bits says that it cannot."""
    ids = {"id": [2**63, 2**70]}
    assert json.loads(logged("t.json", ids))["data"] == [[2**63], [2**70]]
    assert logged("t.csv", ids).split() == [b"id", str(2**63).encode(), str(2**70).encode()]
    with tracksite.start_run():
        with pytest.raises(ArgumentError, match="no table"):
            tracksite.log_table(ids, "t.parquet")
        with pytest.raises(ArgumentError, match="no table"):
            tracksite.log_input(ids, name="ids")
