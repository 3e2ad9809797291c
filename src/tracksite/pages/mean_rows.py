"""The settings of an experiment that have curves, best first, and their means as table rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from tracksite.analysis.intervals import with_interval
from tracksite.charts.curves import MOST_SETTINGS, Setting
from tracksite.query import long

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracksite.pages.board import Board
    from tracksite.query.goal import Goal

MOST_NAMED = 4  # params in a label


def settings(board: Board, goal: Goal | None, run_ids: Sequence[str]) -> tuple[Setting, ...]:
    """Return the best settings by the mean of the goal's metric; nothing if none has repeats.

    Args:
        board: of the experiment.
        goal: its primary metric; without one, settings stand as their first runs do.
        run_ids: of the runs that have curves, best first.
    """
    if board.groups is None:
        return ()
    rows = _rows(board, goal).filter(pl.col("run_id").is_in(list(run_ids)))
    by_group = rows.group_by("group", maintain_order=True)
    groups = by_group.agg(pl.col("place").first(), pl.col("value").mean(), pl.col("run_id"))
    if groups["run_id"].list.len().max() in {None, 1}:
        return ()
    sign = goal.sign if goal else 1
    best = groups.sort(-sign * pl.col("value"), "place", nulls_last=True).head(MOST_SETTINGS)
    labels = _labels(board, best["place"].to_list())
    found = zip(best["group"], labels, best["run_id"], strict=True)
    return tuple(Setting(group, label, tuple(ids)) for group, label, ids in found)


def mean_rows(
    runs: pl.DataFrame, shown: Sequence[Setting], keys: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the last values of repeats: key, label, count, mean, low, high, min, max.

    One row per metric and setting, in their order; the interval is the 95 % t-interval.
    """
    places = [(run_id, place) for place, one in enumerate(shown) for run_id in one.run_ids]
    placed = pl.DataFrame(places, schema={"run_id": pl.String, "place": pl.Int64}, orient="row")
    order = pl.DataFrame({"key": list(keys)}, schema={"key": pl.String}).with_row_index("key_place")
    last = long.metrics(runs).filter(pl.col("last").is_finite())
    joined = last.select("run_id", "key", "last").join(placed, on="run_id").join(order, on="key")
    value = pl.col("last")
    made = joined.group_by("key_place", "key", "place").agg(
        count=pl.len().cast(pl.Int64),
        mean=value.mean(),
        sd=value.std(),
        min=value.min(),
        max=value.max(),
    )
    rows = with_interval(made.sort("key_place", "place")).to_dicts()
    return [{**row, "label": shown[row["place"]].label} for row in rows]


def _rows(board: Board, goal: Goal | None) -> pl.DataFrame:
    frame = pl.DataFrame({"run_id": board.column("run_id").values, "group": board.groups})
    name = f"metrics.{goal.metric}" if goal else ""
    values = next((one.values for one in board.columns if one.id == name), None)
    known = pl.lit(None, dtype=pl.Float64) if values is None else values.cast(pl.Float64)
    finite = pl.when(pl.col("value").is_finite()).then("value")
    return frame.with_columns(value=known).with_columns(value=finite).with_row_index("place")


def _labels(board: Board, places: Sequence[int]) -> list[str]:
    """Return of each run the params in which these runs differ, as text."""
    params = [one for one in board.columns if one.kind == "param" and one.id not in board.seeds]
    texts = {one.label: [one.values[place] for place in places] for one in params}
    varied = [label for label, found in texts.items() if len(set(found)) > 1]
    named, more = varied[:MOST_NAMED], ", …" if len(varied) > MOST_NAMED else ""
    return [
        ", ".join(f"{label} {texts[label][n] or '–'}" for label in named) + more
        or f"all {len(board.groups or ())} runs"
        for n in range(len(places))
    ]
