"""What several store tests log and look at."""

from __future__ import annotations

import math

import polars as pl

from tracksite.query.runs import fold
from tracksite.schema import Snapshot
from tracksite.store import packing
from tracksite.store.histories import read_points
from tracksite.store.ids import new_run_id
from tracksite.store.local import LocalStore

Seen = tuple[Snapshot, pl.DataFrame, pl.DataFrame]


def log_run(store: LocalStore, points: int = 20, parts_count: int = 1, **fields) -> str:
    """Log one finished run of two metrics, in so many parts."""
    run_id = new_run_id()
    writer = store.open_writer(run_id)
    writer.patch(experiment="e", params={"lr": "0.1"}, tags={"gone": "x", "kept": "y"}, **fields)
    for part in range(parts_count):
        for step in range(points):
            writer.point("loss", part + step / 7, step, step)
            writer.point("acc", math.nan if step % 5 == 0 else step, step * 2, step)
        writer.save()
    writer.patch(status="finished", tags={"gone": None})
    writer.close()
    forget_logs(store, run_id)
    return run_id


def forget_logs(store: LocalStore, run_id: str) -> None:
    """Remove the sealed logs of a run, as upkeep does an hour after its end."""
    for path in (store.root / "live").glob(f"{run_id}.*"):
        path.unlink()


def seen(store: LocalStore) -> Seen:
    """Return what a reader of the whole store sees: snapshot, states and points."""
    snapshot = store.snapshot()
    points = read_points(snapshot, list(snapshot.point_files))
    points = pl.concat([points, snapshot.live_points])
    ordered = points.sort("run_id", "key", "step", "timestamp", "value")
    return snapshot, fold(snapshot), ordered


def assert_same(store: LocalStore, before: Seen) -> None:
    """Assert that a reader sees what it saw before."""
    snapshot, folded, points = seen(store)
    assert not snapshot.problems
    assert snapshot.stamps == before[0].stamps
    assert folded.equals(before[1])
    assert points.equals(before[2])


def pack(store: LocalStore, grace_s: float = packing.GRACE_S) -> packing.Packed:
    """Pack a store."""
    return packing.pack(store.root, grace_s=grace_s)
