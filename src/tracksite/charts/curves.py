"""Learning curves of the best runs, as columns for curves.js."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import polars as pl

from tracksite.query import curves, long

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracksite.query.goal import Goal
    from tracksite.schema import Snapshot

MOST_RUNS = 12
MOST_KEYS = 12
WIDTH = 300  # pixels that a series is thinned to: at most twice as many points
_DIGITS = 7


def keys(runs: pl.DataFrame, goal: Goal | None) -> list[str]:
    """Return the metrics that have a curve (two points or more in some run), the primary first."""
    counts = (
        long.metrics(runs)
        .group_by("key")
        .agg(pl.col("count").max(), pl.len().alias("runs"))
        .filter(pl.col("count") > 1)
        .sort(pl.col("key") != (goal.metric if goal else ""), -pl.col("runs").cast(pl.Int64), "key")
    )
    return counts["key"].head(MOST_KEYS).to_list()


def chosen(runs: pl.DataFrame, shown: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Return the first runs of `shown` (run ids, best first) that have a curve of `wanted`."""
    metrics = long.metrics(runs).filter(pl.col("key").is_in(list(wanted)), pl.col("count") > 1)
    having = set(metrics["run_id"])
    return [run_id for run_id in shown if run_id in having][:MOST_RUNS]


def script_value(
    snapshot: Snapshot, run_ids: Sequence[str], wanted: Sequence[str]
) -> dict[str, Any]:
    """Return the value of the data script `curves`.

    {runs: [run_id], keys: [key], series: [{run, key, steps, values}]}: `run` and `key` are places
    in their lists; a value is null where it is not finite. Values have 7 significant digits.
    """
    points = curves.curves(snapshot, run_ids, keys=wanted, width=WIDTH)
    parts = points.partition_by("run_id", "key", as_dict=True, maintain_order=True)
    series = [
        {
            "run": list(run_ids).index(str(run_id)),
            "key": list(wanted).index(str(key)),
            "steps": part["step"].to_list(),
            "values": [_short(value) for value in part["value"]],
        }
        for (run_id, key), part in parts.items()
    ]
    return {"runs": list(run_ids), "keys": list(wanted), "series": series}


def _short(value: float) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
