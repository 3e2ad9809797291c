"""What is noted of a data set: the same content always has the same digest."""

from __future__ import annotations

import datetime as dt
import json
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracksite
from tracksite.errors import ArgumentError, NotFoundError
from tracksite.tracking.datasets import describe

ROWS = {"n": [1, 2, 3], "x": [0.5, -1.0, 2.0], "s": ["a", "b", "ü"], "ok": [True, False, True]}


def digest(dataset):
    """The digest of a data set."""
    return describe(dataset)["digest"]


@pytest.mark.parametrize(
    "make",
    [pl.DataFrame, pd.DataFrame, pa.table, dict],
    ids=["polars", "pandas", "arrow", "dict"],
)
def test_every_kind_of_table_has_schema_rows_and_the_same_digest(make):
    """Polars, pandas, Arrow and dicts of the same content agree in all that is noted."""
    row = describe(make(ROWS), context="training")
    assert row == {**describe(pl.DataFrame(ROWS), context="training")}
    assert (row["name"], row["context"], row["rows"]) == ("training", "training", 3)
    assert json.loads(row["schema"]) == {"n": "int64", "x": "double", "s": "string", "ok": "bool"}


def test_the_digest_of_a_table_is_known():
    """The digest is part of the format: a later version must compute the same."""
    assert digest(pl.DataFrame(ROWS)) == (
        "sha256:4aabc4e9e7b592e1815e2920827b62e36a02e63db7b47fc623a9885b13c105e7"
    )


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.floats(), st.text(max_size=3) | st.none())), st.data()
)
def test_chunks_do_not_change_the_digest(rows, data):
    """However a table is cut into chunks, and whatever lies in null slots, the digest is one."""
    schema = pa.schema([("i", pa.int64()), ("f", pa.float64()), ("s", pa.string())])
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    whole = pa.table([list(column) for column in columns], schema=schema)
    cut = data.draw(st.integers(0, len(rows)))
    parts = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])
    assert digest(parts) == digest(whole) == digest(pl.from_arrow(whole))


@pytest.mark.parametrize(
    "other",
    [
        {"n": [1, 2, 4]},
        {"n": [1, 3, 2]},
        {"m": [1, 2, 3]},
        {"n": [1.0, 2.0, 3.0]},
        {"n": [1, 2, None]},
        {"n": [1, 2, 0]},
        {"n": [1, 2]},
        {"n": [1, 2, 3], "o": [1, 2, 3]},
        {"n": ["1", "2", "3"]},
        {"n": [True, False, True]},
    ],
)
def test_other_content_has_another_digest(other):
    """A changed value, order, name, type, null or shape changes the digest."""
    assert digest(pl.DataFrame(other, strict=False)) != digest(pl.DataFrame({"n": [1, 2, 3]}))


def test_nulls_nan_and_unusual_types_have_digests():
    """Null is not NaN, and dates, lists, categories and bytes are told apart by value."""
    columns = [
        [1.0, None],
        [1.0, math.nan],
        [dt.date(2024, 1, 1), dt.date(2024, 1, 2)],
        [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2)],  # noqa: DTZ001 - a naive column
        [[1, 2], [3]],
        [b"a", b"\xff"],
        [None, None],
    ]
    digests = {digest(pl.DataFrame({"c": column})) for column in columns}
    assert len(digests) == len(columns)
    text = pl.DataFrame({"c": ["a", "b"]})
    assert digest(text) == digest(text.with_columns(pl.col("c").cast(pl.Categorical)))


def test_arrays_have_shape_type_and_a_digest_of_their_values():
    """Memory layout and byte order do not count; values, shape and type do."""
    array = np.arange(6, dtype="<f8").reshape(2, 3)
    row = describe(array)
    assert json.loads(row["schema"]) == {"shape": [2, 3], "dtype": "float64"}
    assert (row["rows"], row["name"]) == (2, "dataset")
    assert digest(np.asfortranarray(array)) == digest(array.astype(">f8")) == digest(array)
    others = [array.reshape(3, 2), array.astype("<f4"), array + 1]
    assert digest(array) not in [digest(other) for other in others]
    assert digest([1, 2]) == digest(np.array([1, 2]))
    assert digest(np.array(["a", None], dtype=object)) != digest(
        np.array(["b", None], dtype=object)
    )


def test_files_and_folders_have_the_digest_of_their_content(tmp_path):
    """A file has the SHA-256 of its bytes; CSV and Parquet also have their schema and rows."""
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    frame.write_csv("d.csv")
    frame.write_parquet("d.parquet")
    (tmp_path / "raw.bin").write_bytes(b"abc")
    (tmp_path / "broken.parquet").write_bytes(b"abc")
    for name in ("d.csv", "d.parquet"):
        row = describe(name)
        assert (row["name"], row["source"], row["rows"]) == (name, name, 2)
        assert json.loads(row["schema"]) == {"a": "int64", "b": "string"}
    raw = describe(tmp_path / "raw.bin", name="raw", source="s3://bucket/raw")
    assert (raw["schema"], raw["rows"], raw["source"]) == (None, None, "s3://bucket/raw")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert raw["digest"] == f"sha256:{known}" == digest("broken.parquet")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "x").write_bytes(b"1")
    before = digest(folder)
    (folder / "x").rename(folder / "y")
    assert digest(folder) != before


def test_a_run_keeps_its_inputs():
    """log_input adds a data set to the run, the same name replaces it, others stay."""
    with tracksite.start_run() as run:
        tracksite.log_input(pl.DataFrame({"a": [1]}), "training")
        tracksite.log_input(np.zeros((5, 2)), context="test", name="held out", source="made up")
        tracksite.log_input(pl.DataFrame({"a": [1, 2]}), "training")
    inputs = tracksite.get_run(run.run_id).inputs.dataset_inputs
    assert [(one["name"], one["rows"], one["context"]) for one in inputs] == [
        ("held out", 5, "test"),
        ("training", 2, "training"),
    ]


def test_what_has_no_digest_is_refused():
    """Other types, missing files and tables of unequal columns raise at the call."""
    with tracksite.start_run():
        for dataset in (7, None, object(), {"a": [1], "b": [1, 2]}):
            with pytest.raises(ArgumentError):
                tracksite.log_input(dataset)
        with pytest.raises(NotFoundError, match=r"gone\.csv"):
            tracksite.log_input("gone.csv")
