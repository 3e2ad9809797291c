"""The fold: the order in which files are found or merged does not matter."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tracksite.query.registry import model_versions, models
from tracksite.query.runs import experiments, fold, merge_summaries, runs
from tracksite.schema import Snapshot, points_schema
from tracksite.store.ids import experiment_id, model_id, new_run_id
from tracksite.store.local import open_store
from tracksite.store.patches import merge, normalise, to_table
from tracksite.store.points import Points, summarise, to_sorted


def row(run_id: str, writer: str, seq: int, **fields) -> pl.DataFrame:
    """Return one patch as a row of a snapshot."""
    patch = {"kind": "run", **merge([normalise(fields)])}
    table = to_table(patch, run_id=run_id, writer=writer, seq=seq, timestamp=seq)
    return pl.DataFrame(pl.from_arrow(table))


def snapshot(*rows: pl.DataFrame) -> Snapshot:
    """Return a snapshot of these patches and nothing else."""
    none = pl.DataFrame(pl.from_arrow(points_schema().empty_table()))
    return Snapshot("/", pl.concat(rows), {}, none, {})


WRITERS = st.sampled_from(["a" * 12, "b" * 12])
PATCHES = st.lists(
    st.fixed_dictionaries(
        {
            "run_id": st.sampled_from(["1" * 32, "2" * 32]),
            "fields": st.fixed_dictionaries(
                {},
                optional={
                    "status": st.sampled_from(["finished", "failed"]),
                    "tags": st.dictionaries(st.sampled_from("xyz"), st.text() | st.none()),
                    "params": st.dictionaries(st.sampled_from("pq"), st.text(max_size=5)),
                },
            ),
        }
    ),
    min_size=1,
    max_size=12,
)


@given(PATCHES, st.randoms(use_true_random=False))
def test_any_order_of_patches_folds_to_one_state(patches, shuffle: random.Random):
    """Whatever order the files are listed in, the state is the one of the last write per key."""
    rows = [
        row(patch["run_id"], "ab"[n % 2] * 12, n, **patch["fields"])
        for n, patch in enumerate(patches)
    ]
    expected: dict[str, dict] = {}
    for patch in patches:
        state = expected.setdefault(patch["run_id"], {"status": None, "tags": {}, "params": {}})
        state["status"] = patch["fields"].get("status") or state["status"]
        for name in ("tags", "params"):
            state[name] |= patch["fields"].get(name, {})
    shuffle.shuffle(rows)
    found = {item["run_id"]: item for item in fold(snapshot(*rows)).to_dicts()}
    assert found.keys() == expected.keys()
    for run_id, state in expected.items():
        got = found[run_id]
        assert got["status"] == state["status"]
        tags = {item["key"]: item["text"] for item in got["tags"] or ()}
        assert tags == {key: text for key, text in state["tags"].items() if text is not None}
        assert {item["key"]: item["text"] for item in got["params"] or ()} == state["params"]


SERIES = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(-3, 3), st.integers(0, 5), st.floats(width=16)),
    min_size=1,
    max_size=30,
)


def summaries(points: list[tuple[str, int, int, float]], order: int) -> pl.DataFrame:
    """Return the summaries of one part that holds these (key, step, time, value)."""
    names = ("b", "a")
    columns = Points(
        names,
        np.array([names.index(p[0]) for p in points], dtype=np.int64),
        np.array([p[1] for p in points], dtype=np.int64),
        np.array([p[2] for p in points], dtype=np.int64),
        np.array([p[3] for p in points], dtype=np.float64),
    )
    patch = {"kind": "run", "metrics": summarise(to_sorted(columns))}
    table = to_table(patch, run_id="1" * 32, writer="a" * 12, seq=order, timestamp=0)
    frame = pl.DataFrame(pl.from_arrow(table)).select("run_id", "metrics").explode("metrics")
    return frame.with_columns(pl.col("metrics").struct.unnest()).drop("metrics")


@given(SERIES, st.integers(0, 30))
def test_summaries_of_parts_merge_to_the_summary_of_the_whole(points, cut):
    """However the points of a run were split over parts, the merged summary is the same."""
    halves = [half for half in (points[:cut], points[cut:]) if half]
    merged = merge_summaries(pl.concat([summaries(h, n) for n, h in enumerate(halves)]))
    whole = merge_summaries(summaries(points, 0))
    columns = ["key", "count", "nan_count", "last", "last_step", "min", "max"]
    assert merged.sort("key").select(columns).equals(whole.sort("key").select(columns))


def test_last_is_the_greatest_step_then_time_then_the_later_write():
    """The last value is the one at the greatest step; at one step, the latest."""
    points = [("a", 5, 1, 1.0), ("a", 5, 9, 2.0), ("a", 5, 9, 3.0), ("a", 4, 99, 4.0)]
    assert summaries(points, 0)["last"].to_list() == [3.0]


def test_a_metric_of_nothing_but_nan_has_no_extremes():
    """Where every value is NaN there is a last value and no minimum or maximum."""
    found = summaries([("a", 0, 0, math.nan)], 0).row(0, named=True)
    assert math.isnan(found["last"])
    assert found["min"] is None


def test_runs_belong_to_experiments_that_nobody_declared():
    """An experiment exists as soon as a run names it; a declared one may be empty."""
    rows = [
        row("1" * 32, "a" * 12, 0, experiment="grid", started_at=datetime(2026, 1, 1, tzinfo=UTC)),
        row("2" * 32, "a" * 12, 0),
        row(experiment_id("later"), "a" * 12, 0, name="later", description="to come").with_columns(
            kind=pl.lit("experiment")
        ),
    ]
    found = experiments(fold(snapshot(*rows)))
    assert found.select("name", "run_count").rows() == [("Default", 1), ("grid", 1), ("later", 0)]
    assert found["experiment_id"][1] == experiment_id("grid")


def test_deleted_runs_are_kept_apart():
    """A deleted run is listed only among the deleted, and comes back when restored."""
    rows = [row("1" * 32, "a" * 12, 0, name="r"), row("1" * 32, "b" * 12, 1, deleted=True)]
    folded = fold(snapshot(*rows))
    assert runs(folded).is_empty()
    assert runs(folded, deleted=True)["name"].to_list() == ["r"]
    restored = fold(snapshot(*rows, row("1" * 32, "c" * 12, 2, deleted=False)))
    assert runs(restored).height == 1


def test_versions_that_clash_after_a_merge_get_free_numbers():
    """Two stores that each had a version 1 give versions 1 and 2 of the merged model."""
    rows = [row(model_id("m"), "a" * 12, 0, name="m", aliases={"champion": "1", "old": None})]
    rows[0] = rows[0].with_columns(kind=pl.lit("model"))
    for run_id in ("3" * 32, "1" * 32, "2" * 32):
        version = row(run_id, "a" * 12, 0, name="m", version=2 if run_id[0] == "2" else 1)
        rows.append(version.with_columns(kind=pl.lit("model_version")))
    folded = fold(snapshot(*rows))
    assert model_versions(folded).select("version_id", "version").rows() == [
        ("1" * 32, 1),
        ("2" * 32, 2),
        ("3" * 32, 3),
    ]
    assert models(folded)["aliases"].to_list() == [[{"key": "champion", "text": "1"}]]


def test_a_snapshot_of_some_runs_holds_no_others(tmp_path):
    """Asking for one run reads that run alone."""
    store = open_store(tmp_path / "s", create=True)
    ids = [new_run_id() for _ in range(3)]
    for run_id in ids:
        store.write_patch(run_id, "run", {"name": run_id})
    found = store.snapshot([ids[1]])
    assert set(found.stamps) == {ids[1]}
    assert replace(found, stamps={}).patches["run_id"].to_list() == [ids[1]]


def test_run_ids_sort_by_time():
    """Ids made one after another sort in that order, to the millisecond."""
    first = new_run_id()
    assert len(first) == 32
    assert first[12] == "7"
    assert first[16] in "89ab"
    assert first[:11] <= new_run_id()[:11]
