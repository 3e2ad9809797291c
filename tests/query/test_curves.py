"""Histories and curves: every point kept, or thinned out without losing what matters."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.query.made import snapshot_of
from tracksite.errors import ArgumentError
from tracksite.query import curves
from tracksite.schema import points_schema
from tracksite.store import histories, parts

NAN = math.nan


def table(run_id, key, values, steps=None, times=None):
    """Return points; steps and times (µs) count up unless they are given."""
    count = len(values)
    steps = list(range(count)) if steps is None else steps
    times = list(steps) if times is None else times
    times = [datetime.fromtimestamp(time / 1e6, UTC) for time in times]
    columns = {"run_id": [run_id] * count, "key": [key] * count, "step": steps}
    return pa.table(columns | {"timestamp": times, "value": values}, schema=points_schema())


@pytest.fixture
def snapshot(tmp_path):
    """Return a function: lists of tables per run → Snapshot with one file per table."""

    def make(files, live=()):
        paths = {}
        for run_id, tables in files.items():
            for points in tables:
                commit = ("0" * 32, "a" * 12, len(list(tmp_path.iterdir())))
                path = tmp_path / parts.write_part(tmp_path, commit, "points", points).file
                paths[run_id] = (*paths.get(run_id, ()), str(path))
        empty = snapshot_of([])
        points = pl.concat([empty.live_points, *map(pl.from_arrow, live)])
        return replace(empty, point_files=paths, live_points=points)

    return make


def test_history_is_whole(snapshot):
    """A history has every point of one metric of one run, NaN and infinities too."""
    values = [1.0, NAN, math.inf, -math.inf, *range(5000)]
    made = snapshot({"a": [table("a", "m", values), table("a", "n", [7.0])]})
    found = curves.history(made, "a", "m")
    assert found.columns == ["step", "timestamp", "value"]
    assert found["step"].to_list() == list(range(len(values)))
    np.testing.assert_array_equal(found["value"].to_numpy(), values)


def test_history_order(snapshot):
    """Points are in order of step, then time, then logging, over parts and the live log."""
    first = table("a", "m", [1.0, 2.0, 3.0], steps=[0, 5, 5], times=[0, 9, 9])
    second = table("a", "m", [4.0, 5.0], steps=[5, 1], times=[8, 1])
    live = table("a", "m", [6.0], steps=[5], times=[9])
    made = snapshot({"a": [first, second]}, [live])
    assert curves.history(made, "a", "m")["value"].to_list() == [1.0, 5.0, 4.0, 2.0, 3.0, 6.0]


def test_history_of_nothing(snapshot):
    """A run or metric without points has an empty history with the same columns."""
    made = snapshot({"a": [table("a", "m", [1.0])]})
    for run_id, key in (("a", "x"), ("b", "m")):
        found = curves.history(made, run_id, key)
        assert found.is_empty()
        assert found.schema == curves.history(made, "a", "m").schema


def test_curves_of_many(snapshot):
    """Curves are in order of the runs asked for, then of key and step; others are left out."""
    files = {run: [table(run, key, [1.0, 2.0]) for key in ("n", "m")] for run in "abc"}
    found = curves.curves(snapshot(files), ["c", "a"])
    assert found.columns == ["run_id", "key", "step", "timestamp", "value"]
    expected = [(run, key, step) for run in "ca" for key in "mn" for step in (0, 1)]
    assert found.select("run_id", "key", "step").rows() == expected


def test_curves_of_keys(snapshot):
    """Only the metrics asked for are read."""
    made = snapshot({"a": [table("a", "m", [1.0]), table("a", "n", [2.0])]})
    assert curves.curves(made, ["a"], keys=["n"])["key"].to_list() == ["n"]
    assert curves.curves(made, ["a"], keys=[]).is_empty()
    assert curves.curves(made, []).is_empty()


def test_curves_are_thinned_out(snapshot):
    """A long series has at most two points a pixel, a short one beside it all of its own."""
    wave = np.sin(np.arange(10_000) / 50)
    made = snapshot({"a": [table("a", "m", wave)], "b": [table("b", "m", [3.0, 4.0])]})
    found = curves.curves(made, ["a", "b"], width=100)
    long_one = found.filter(pl.col("run_id") == "a")
    assert 150 < long_one.height <= 200
    assert (long_one["step"].min(), long_one["step"].max()) == (0, 9_999)
    assert long_one["value"].max() == wave.max()
    np.testing.assert_array_equal(wave[long_one["step"]], long_one["value"])
    assert found.filter(pl.col("run_id") == "b")["value"].to_list() == [3.0, 4.0]


def test_curves_in_chunks(snapshot, monkeypatch):
    """Reading in chunks, by runs or by bytes, changes nothing; each chunk is one scan."""
    files = {run: [table(run, "m", [float(at), 1.0])] for at, run in enumerate("abcde")}
    made = snapshot(files)
    scans = []
    read = histories.read_points
    monkeypatch.setattr(
        curves, "read_points", lambda *args, **kw: scans.append(1) or read(*args, **kw)
    )
    whole = curves.curves(made, list("abcde"))
    assert len(scans) == 1
    monkeypatch.setattr(curves, "CHUNK_RUNS", 2)
    assert curves.curves(made, list("abcde")).equals(whole)
    assert len(scans) == 1 + 3
    monkeypatch.setattr(curves, "CHUNK_BYTES", 1)
    assert curves.curves(made, list("abcde")).equals(whole)
    assert len(scans) == 1 + 3 + 5


def test_bad_file_costs_itself_alone(snapshot, tmp_path):
    """A file that is damaged, gone or of another shape is named; other runs' curves are whole."""
    made = snapshot({run: [table(run, "m", [1.0])] for run in "abcd"})
    (hurt,), (other,), (gone,) = (made.point_files[run] for run in "bcd")
    Path(hurt).write_bytes(b"PAR1 no more")
    Path(gone).unlink()
    wrong = parts.write_part(tmp_path, ("0" * 32, "a" * 12, 9), "points", pa.table({"x": [1]}))
    Path(other).unlink()
    files = made.point_files | {"c": (str(tmp_path / wrong.file),)}
    with pytest.warns(RuntimeWarning, match="left out") as warned:
        found = curves.curves(replace(made, point_files=files), list("abcd"))
    assert len(warned) == 3
    assert found["run_id"].to_list() == ["a"]


def test_narrow_chart(snapshot):
    """A width that can show nothing is refused."""
    with pytest.raises(ArgumentError, match="give 8 or more"):
        curves.curves(snapshot({}), [], width=7)


FLOATS = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([NAN, math.inf, 0.0, 1.0])
VALUES = arrays.arrays(np.float64, st.integers(0, 200), elements=FLOATS)
STEPS = st.sampled_from([(-(2**63), 2**63 - 1), (0, 3), (0, 10_000)])


@given(VALUES, STEPS, st.integers(16, 64), st.randoms(use_true_random=False))
def test_downsample_law(values, span, count, random):
    """At most `count` points, in order; first, last, least and greatest finite among them."""
    steps = np.sort(np.array([random.randint(*span) for _ in values], dtype=np.int64))
    kept = curves.downsample(steps, values, count)
    assert len(kept) <= count
    assert np.all(np.diff(kept) > 0)
    assert kept.dtype == np.int64
    if len(values) <= count:
        assert kept.tolist() == list(range(len(values)))
    if len(values) == 0:
        return
    assert kept[0] == 0
    assert kept[-1] == len(values) - 1
    finite = values[np.isfinite(values)]
    if len(finite):
        assert finite.min() in values[kept]
        assert finite.max() in values[kept]


@given(st.lists(st.tuples(st.integers(10, 60), st.booleans()), min_size=1, max_size=8))
def test_gaps_stay(stretches):
    """Where few stretches of NaN break a curve, both ends of each stretch are kept."""
    values = np.concatenate([np.full(n, NAN if gap else 1.0) for n, gap in stretches])
    kept = set(curves.downsample(np.arange(len(values)), values, 64).tolist())
    missing = np.flatnonzero(np.isnan(values)).tolist()
    edges = [at for at in missing if not {at - 1, at + 1} <= set(missing)]
    assert kept.issuperset(edges)


def test_gaps_of_each_kind():
    """NaN, inf and -inf beside each other are stretches of their own."""
    values = np.array([1.0] * 20 + [NAN] * 20 + [math.inf] * 20 + [-math.inf] * 20)
    kept = curves.downsample(np.arange(80), values, 40)
    assert {20, 39, 40, 59, 60, 79}.issubset(kept.tolist())


def test_far_steps():
    """Steps that floats cannot tell apart are thinned out, not a crash of the library."""
    steps = np.array([0] + [2**62] * 150 + [2**62 + 1024] * 150 + [2**62 + 2048])
    values = np.random.default_rng(0).normal(size=len(steps))
    kept = curves.downsample(steps, values, 40)
    assert {0, len(steps) - 1, values.argmin(), values.argmax()} <= set(kept.tolist())
    assert len(kept) <= 40


@pytest.mark.parametrize("first", [0, 2**63 - 2])
def test_one_step_but_the_ends(first):
    """One step for all points but the ends is no crash of the library either."""
    steps = np.array([first - 9] + [first] * 300 + [first + 1])
    values = np.random.default_rng(0).normal(size=len(steps))
    assert 30 < len(curves.downsample(steps, values, 40)) <= 40


def test_one_step_only():
    """A series logged at one step is thinned out evenly by order of logging."""
    values = np.random.default_rng(0).normal(size=5000)
    kept = curves.downsample(np.zeros(5000, dtype=np.int64), values, 100)
    assert 90 < len(kept) <= 100
