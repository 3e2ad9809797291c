"""Long frames, the wide leaderboard, its order, and ranks."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.query.made import frame_of, later, patch
from tracksite.errors import ArgumentError
from tracksite.query import leaderboard, long
from tracksite.query.runs import runs as runs_of

NAN, INF = math.nan, math.inf


def ids(frame):
    """Return the run ids of a frame."""
    return frame["run_id"].to_list()


def test_long_frames():
    """One row per run and key, with numbers of params, and nothing for runs without any."""
    runs = frame_of(
        patch("a", {"lr": "0.1", "model": "x"}, {"f1": 0.5}, {"team": "nlp"}), patch("b")
    )
    assert long.params(runs).rows() == [("a", "lr", "0.1", 0.1), ("a", "model", "x", None)]
    assert long.tags(runs).rows() == [("a", "team", "nlp")]
    metrics = long.metrics(runs)
    assert metrics.columns == ["run_id", *long.METRIC_FIELDS]
    assert metrics.select("run_id", "key", "count", "last").rows() == [("a", "f1", 1, 0.5)]


def test_values_are_finite():
    """Only runs whose last value is finite have a value."""
    metrics = {"a": 1.0, "b": NAN, "c": INF, "d": -INF}
    runs = frame_of(*(patch(key, metrics={"m": value}) for key, value in metrics.items()))
    assert long.values(runs, "m").rows() == [("a", 1.0)]


def test_wide_columns():
    """Attributes first, then each family by key; null where a run has no such key, NaN kept."""
    runs = frame_of(
        patch("b", {"lr": 0.1}, {"z": NAN, "a": 1.0}, started_at=later(0), ended_at=later(1)),
        patch("a", {"depth": 3}, tags={"t": "x"}),
    )
    wide = leaderboard.wide(runs)
    families = ["params.depth", "params.lr", "metrics.a", "metrics.z", "tags.t"]
    assert wide.columns == [*leaderboard.ATTRIBUTES, *families]
    assert ids(wide) == ["b", "a"]
    assert wide["duration_s"].to_list() == [60.0, None]
    assert wide["params.depth"].to_list() == [None, "3"]
    assert wide["metrics.a"].to_list() == [1.0, None]
    assert math.isnan(wide["metrics.z"][0])


def test_wide_of_nothing():
    """No runs, and runs that logged nothing, have the attributes alone."""
    empty = frame_of(patch("a")).clear()
    assert leaderboard.wide(empty).columns == list(leaderboard.ATTRIBUTES)
    assert leaderboard.wide(empty).is_empty()
    assert leaderboard.wide(frame_of(patch("a"))).shape == (1, len(leaderboard.ATTRIBUTES))


def test_wide_hostile_keys():
    """Keys that look like columns of ours stay apart from them."""
    hostile = {"run_id": 1, "name": 2, "": 3, "__proto__": 4, "metrics.f1": 5, "column": 6}
    wide = leaderboard.wide(frame_of(patch("a", hostile, {"run_id": 1.0})))
    assert wide["run_id"].to_list() == ["a"]
    assert {key: wide[f"params.{key}"][0] for key in hostile} == {
        key: str(value) for key, value in hostile.items()
    }
    assert wide["metrics.run_id"][0] == 1.0


def test_wide_keeps_common_keys(monkeypatch):
    """Above the limit of cells the keys that most runs have are kept."""
    monkeypatch.setattr(leaderboard, "MAX_CELLS", 8)
    runs = frame_of(*(patch(f"r{i}", {f"own{i}": i, "lr": 1, "depth": 2}) for i in range(4)))
    wide = leaderboard.wide(runs)
    assert [name for name in wide.columns if "." in name] == ["params.depth", "params.lr"]


def ordered(values, *order_by):
    """Return the order of runs named by position whose metric m has these values."""
    patches = [
        patch(str(at), metrics={} if value is None else {"m": value}, started_at=later(at))
        for at, value in enumerate(values)
    ]
    return "".join(ids(leaderboard.order(leaderboard.wide(frame_of(*patches)), order_by)))


def test_order_of_odd_values():
    """NaN comes after all numbers and null after NaN, in both directions."""
    values = [None, NAN, INF, 1.0, -INF]
    assert ordered(values, "metrics.m") == "43210"
    assert ordered(values, "metrics.m DESC") == "23410"


def test_order_default_and_ties():
    """Without an order, and in ties, the newest run is first."""
    assert ordered([1.0, 1.0, 2.0]) == "210"
    assert ordered([1.0, 1.0, 2.0], "metrics.m asc") == "102"


def test_order_same_start():
    """Runs that started together are in order of run_id, and runs that never started are last."""
    runs = frame_of(patch("b", started_at=later(0)), patch("c"), patch("a", started_at=later(0)))
    assert ids(leaderboard.order(leaderboard.wide(runs))) == ["a", "b", "c"]


def test_order_of_params():
    """Params sort by number first, then by text, whatever the direction."""
    values = ["10", "9", "1e-3", "auto", "zero"]
    board = leaderboard.wide(frame_of(*(patch(value, {"lr": value}) for value in values)))
    assert ids(leaderboard.order(board, ["params.lr"])) == ["1e-3", "9", "10", "auto", "zero"]
    assert ids(leaderboard.order(board, ["lr DESC"])) == ["10", "9", "1e-3", "zero", "auto"]


def test_order_by_several():
    """The first order counts most; MLflow's names and quotes are understood."""
    made = {"a": (1, 0.1), "b": (1, 0.2), "c": (0, 0.3)}
    runs = frame_of(*(patch(k, {"x y": x}, {"m": m}) for k, (x, m) in made.items()))
    board = leaderboard.wide(runs)
    assert ids(leaderboard.order(board, ["params.`x y` DESC", "metrics.m DESC"])) == ["b", "a", "c"]
    assert ids(leaderboard.order(board, ["attributes.run_id DESC"])) == ["c", "b", "a"]
    assert ids(leaderboard.order(board, ["metrics.nothing DESC", "run_id"])) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("order_by", "message"),
    [
        (["m DOWN"], "write a name, then ASC or DESC"),
        (["f2"], "no attribute, metric, param or tag is called `f2`"),
        (["attributes.nothing"], "no attribute is called `nothing`"),
        ([""], "expected a name"),
        (["m DESC, lr"], "further texts"),
        ("m DESC", "pass a list"),
        ([3], "write it as a string"),
    ],
)
def test_order_refused(order_by, message):
    """An order that means nothing is refused with a remedy."""
    board = leaderboard.wide(frame_of(patch("a", {"lr": 1}, {"m": 1.0})))
    with pytest.raises(ArgumentError, match=message):
        leaderboard.order(board, order_by)


NUMBERS = st.lists(st.sampled_from([None, NAN, INF, -INF, 0.0, 0.5, 1.0]), max_size=8)


@given(NUMBERS, st.sampled_from(["ASC", "DESC"]))
def test_order_law(values, direction):
    """An order is a permutation: numbers sorted, then NaN, then null."""
    result = [values[int(at)] for at in ordered(values, f"metrics.m {direction}")]
    numbers = [value for value in values if value is not None and not math.isnan(value)]
    missing = values.count(None)
    assert result[: len(numbers)] == sorted(numbers, reverse=direction == "DESC")
    assert result[len(result) - missing :] == [None] * missing
    assert len(result) == len(values)


@given(NUMBERS, st.sampled_from(["maximize", "minimize"]))
def test_rank_law(values, direction):
    """A run's rank is one more than the number of runs that are better."""
    patches = [
        patch(str(at), metrics={"m": value}) for at, value in enumerate(values) if value is not None
    ]
    ranked = leaderboard.rank(frame_of(*patches), "m", direction)
    finite = [value for value in values if value is not None and math.isfinite(value)]
    sign = 1 if direction == "maximize" else -1
    assert ranked.columns == ["run_id", "value", "rank", "of"]
    assert sorted(ranked["value"]) == sorted(finite)
    for value, rank, of in ranked.select("value", "rank", "of").iter_rows():
        assert rank == 1 + sum(sign * other > sign * value for other in finite)
        assert of == len(finite)
    assert ranked["rank"].is_sorted()


def test_rank_breaks_ties_as_an_order_does():
    """Runs of equal value share a rank and stand as `order` has them: the newest first."""
    times = {"b": later(1), "c": later(2), "a": None, "d": later(2)}
    runs = frame_of(*(patch(key, metrics={"m": 1.0}, started_at=at) for key, at in times.items()))
    ranked = leaderboard.rank(runs, "m", "maximize")
    assert ranked.select("run_id", "rank").rows() == [("c", 1), ("d", 1), ("b", 1), ("a", 1)]
    wide = leaderboard.wide(runs)
    assert ids(leaderboard.order(wide, ["metrics.m DESC"])) == ids(ranked)


def test_rank_direction():
    """A direction that is none is refused."""
    with pytest.raises(ArgumentError, match="neither 'maximize' nor 'minimize'"):
        leaderboard.rank(frame_of(patch("a")), "m", "up")


def test_inputs_unchanged():
    """Queries leave the frame that they are given as it is."""
    runs = frame_of(patch("a", {"lr": 1}, {"m": 1.0}, {"t": "x"}), patch("b"))
    before = runs.clone()
    leaderboard.order(leaderboard.wide(runs), ["m"])
    leaderboard.rank(runs, "m", "maximize")
    assert runs.equals(before)
    assert isinstance(runs, pl.DataFrame)


def test_a_duration_is_the_same_for_one_run_as_among_many():
    """A run alone, as its page reads it, shows the seconds that a leaderboard of all shows."""
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    frame = pl.DataFrame(
        [
            {
                "run_id": f"{number:032x}",
                "kind": "run",
                "deleted": False,
                "experiment": "e",
                "tags": None,
                "started_at": begun,
                "ended_at": begun + timedelta(microseconds=999_983 * number),
            }
            for number in range(1, 300)
        ],
        schema_overrides={"tags": pl.List(pl.Struct({"key": pl.String, "text": pl.String}))},
    )
    together = dict(runs_of(frame).select("run_id", "duration_s").iter_rows())
    for row in frame.iter_slices(1):
        ((run_id, seconds),) = runs_of(row).select("run_id", "duration_s").iter_rows()
        assert seconds == together[run_id] == 999_983 * int(run_id, 16) / 1e6
