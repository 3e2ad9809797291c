"""Runs made by hand: patches as the store holds them, folded as the site reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from tracksite.query.runs import fold, runs
from tracksite.schema import LIST_KEYS, Snapshot, points_schema, runs_schema
from tracksite.store.patches import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def metric(key: str, value: float) -> dict[str, Any]:
    """Return the summary of a metric that was logged once."""
    extreme = None if value != value else value  # noqa: PLR0124  # NaN has no extremes
    steps = {"last_step": 0, "min_step": 0, "max_step": 0, "last_at": NOON}
    known = {"key": key, "count": 1, "nan_count": int(extreme is None), "last": value}
    return {**known, **steps, "min": extreme, "max": extreme}


def patch(
    run_id: str,
    params: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str | None] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return one patch of a finished run; `fields` are columns of `runs_schema()`."""
    texts = {key: str(value) for key, value in (params or {}).items()}
    row = dict.fromkeys(runs_schema().names) | {name: [] for name in LIST_KEYS}
    return {
        **row,
        "run_id": run_id,
        "kind": "run",
        "writer": "w",
        "seq": 0,
        "timestamp": NOON,
        "experiment": "e",
        "status": "finished",
        "params": [{"key": k, "text": t, "number": number(t)} for k, t in texts.items()],
        "metrics": [metric(key, value) for key, value in (metrics or {}).items()],
        "tags": [{"key": key, "text": text} for key, text in (tags or {}).items()],
        **fields,
    }


def snapshot_of(patches: Sequence[Mapping[str, Any]]) -> Snapshot:
    """Return a Snapshot of these patches, without points; what says that it runs is alive."""
    table = pa.Table.from_pylist(list(patches), schema=runs_schema())
    points = pl.DataFrame(pl.from_arrow(points_schema().empty_table()))
    frame = pl.DataFrame(pl.from_arrow(table))
    alive = frozenset(row["run_id"] for row in patches if row["status"] == "running")
    return Snapshot("/nowhere", frame, {}, points, {}, alive)


def frame_of(*patches: Mapping[str, Any]) -> pl.DataFrame:
    """Return the runs of these patches, folded, in the order of the patches."""
    found = runs(fold(snapshot_of(patches)))
    ids = list(dict.fromkeys(row["run_id"] for row in patches))
    order = pl.DataFrame({"run_id": ids}, schema={"run_id": pl.String})
    return order.join(found, on="run_id", maintain_order="left").select(found.columns)


def later(minutes: float) -> datetime:
    """Return a time some minutes after noon."""
    return NOON + timedelta(minutes=minutes)
