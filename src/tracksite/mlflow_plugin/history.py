"""Histories of metrics, as MLflow gives them: each point once, in order of time, step and value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlflow.entities import Metric

from tracksite.store.histories import read_points

if TYPE_CHECKING:
    from collections.abc import Collection

    import polars as pl

    from tracksite.mlflow_plugin.ledger import Ledger


def points(
    ledger: Ledger, entity_ids: Collection[str], keys: Collection[str] | None = None
) -> pl.DataFrame:
    """Return the points of entities as they stand now; columns as `schema.points_schema()`."""
    import polars as pl

    ids = list(entity_ids)
    snapshot = ledger.snapshot(ids[0]) if len(ids) == 1 else ledger.store.snapshot(ids)
    found = read_points(snapshot, entity_ids, keys)
    live = snapshot.live_points.filter(pl.col("run_id").is_in(sorted(entity_ids)))
    return pl.concat(
        [found, live if keys is None else live.filter(pl.col("key").is_in(list(keys)))]
    )


def history(ledger: Ledger, run_id: str, key: str) -> list[Metric]:
    """Return every point of one metric of a run."""
    frame = points(ledger, [run_id], [key])
    rows = {
        (time, step, str(value)): Metric(key, value, time, step)
        for step, time, value in zip(
            frame["step"], frame["timestamp"].dt.epoch("us") // 1000, frame["value"], strict=True
        )
    }
    return sorted(rows.values(), key=_order)


def _order(metric: Metric) -> tuple[int, int, float]:
    return metric.timestamp, metric.step, 0.0 if math.isnan(metric.value) else metric.value


def by_step(metrics: list[Metric]) -> list[Metric]:
    """Return the points in order of step, then time and value."""
    return sorted(metrics, key=lambda one: (one.step, *_order(one)))
