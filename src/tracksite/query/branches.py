"""Branches: a run that goes on from a checkpoint logs again what it had logged after it.

All points are kept, and a history has them all. A curve is that of the last branch: of what was
logged before a run was resumed, the points that come before the step at which it went on. A run
was resumed where a writer began when all before it had logged their last; writers that log beside
each other, as workers do, are no branches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SERIES = ("run_id", "key")


class Branched(NamedTuple):
    """Points of last branches, and (run id, key) → the step at which the last one went on."""

    points: pl.DataFrame
    resumed: Mapping[tuple[str, str], int]


def several_writers(patches: pl.DataFrame) -> pl.DataFrame:
    """Return the patches about points, columns as needed here, of runs that have several writers.

    Args:
        patches: of a snapshot.
    """
    rows = patches.filter(pl.col("metrics").list.len() > 0)
    return rows.filter(pl.col("writer").n_unique().over("run_id") > 1)


def resumptions(patches: pl.DataFrame) -> pl.DataFrame:
    """Return `run_id, key, since`: each time at which a series was gone on with.

    Args:
        patches: of a snapshot, or those of `several_writers`.
    """
    items = (
        several_writers(patches)
        .select("run_id", "writer", "timestamp", "metrics")
        .explode("metrics")
        .select("run_id", "writer", "timestamp", pl.col("metrics").struct.field("key", "last_at"))
    )
    sessions = items.group_by(*_SERIES, "writer").agg(
        pl.col("timestamp").min().alias("since"), pl.col("last_at").max()
    )
    before = pl.col("last_at").cum_max().shift().over(_SERIES)
    ordered = sessions.drop_nulls().sort(*_SERIES, "since", "writer")
    return ordered.filter(pl.col("since") > before).select(*_SERIES, "since")


def last_branch(points: pl.DataFrame, since: pl.DataFrame) -> Branched:
    """Return the points that a curve shows, in the order given.

    Args:
        points: columns of `points_schema()`.
        since: of `resumptions`.
    """
    numbered = points.with_row_index("row")
    wanted = since.select(_SERIES).unique()
    concerned = numbered.join(wanted, on=_SERIES, how="semi")
    if concerned.is_empty():
        return Branched(points, {})
    dropped: list[int] = []
    resumed: dict[tuple[str, str], int] = {}
    times = {key: part["since"] for key, part in _by_series(since)}
    for key, part in _by_series(concerned):
        rows, step = _superseded(part, times[key])
        dropped += rows
        if step is not None:
            resumed[key] = step
    kept = numbered.filter(~pl.col("row").is_in(dropped)).drop("row")
    return Branched(kept, resumed)


def _by_series(frame: pl.DataFrame) -> Iterator[tuple[tuple[str, str], pl.DataFrame]]:
    parts = frame.partition_by(_SERIES, as_dict=True, maintain_order=True)
    for (run_id, key), part in parts.items():
        yield (str(run_id), str(key)), part


def _superseded(part: pl.DataFrame, since: pl.Series) -> tuple[list[int], int | None]:
    """Return the rows of one series that a later branch stands for, and where the last went on."""
    steps, at = part["step"].to_numpy(), part["timestamp"].to_physical().fill_null(0).to_numpy()
    timed = part["timestamp"].is_not_null().to_numpy()
    lost, last = np.zeros(len(steps), dtype=bool), None
    for moment in since.to_physical():
        later = timed & (at >= moment)
        if later.any():
            first = int(steps[later].min())
            older = timed & (at < moment) & (steps >= first)
            lost |= older
            last = first if older.any() else last
    return part["row"].filter(pl.Series(lost)).to_list(), last
