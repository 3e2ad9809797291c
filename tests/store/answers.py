"""What a store holds, as tracksite and the independent reader say, compared as text."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import groupby
from pathlib import Path

import polars as pl

from tests.store.independent_reader import Found, Row, plain, read_store
from tracksite.query.lifecycle import CLOCKS
from tracksite.query.runs import fold
from tracksite.store.histories import read_points
from tracksite.store.local import open_store

ELSEWHERE = {"host": "elsewhere", "pid": 1, "pid_started": "", "pid_space": "another"}


def as_found(root: Path) -> Found:
    """Return what tracksite reads, in the form of the independent reader."""
    snapshot = open_store(root).snapshot()
    states = {row.pop("run_id"): row for row in plain(fold(snapshot).drop(CLOCKS).to_dicts())}
    frame = pl.concat([read_points(snapshot, list(snapshot.point_files)), snapshot.live_points])
    frame = frame.with_columns(pl.col("timestamp").dt.epoch("us"))
    points = defaultdict(list)
    for run_id, *point in frame.sort("key", "step", "timestamp", maintain_order=True).iter_rows():
        points[run_id].append(tuple(point))
    damaged = {problem.path for problem in snapshot.problems if "mended" not in problem.message}
    return Found(states, points, set(snapshot.alive), damaged, set(snapshot.purged))


def text_of(found: Found) -> str:
    """Return everything that is compared as text: NaN equals NaN there, and 0 is not -0.

    Format 1 said of no artifact where it lies; where it lies at its path says as much.
    """
    states = {
        run_id: {
            name: [without_null_file(item) for item in value] if name == "artifacts" else value
            for name, value in state.items()
            if value is not None
        }
        for run_id, state in found.states.items()
    }
    points = {run_id: [tuple(p) for p in points] for run_id, points in found.points.items()}
    told = {"states": states, "points": points, "alive": sorted(found.alive)}
    return json.dumps(told, sort_keys=True, indent=1)


def without_null_file(item: Row) -> Row:
    """Return an artifact's item without a `file` that is null."""
    return {name: value for name, value in item.items() if name != "file" or value is not None}


def without_ties(found: Found) -> Found:
    """Put points of one key, step and time in order of value: files are in no defined order."""
    for run_id, points in found.points.items():
        found.points[run_id] = [
            point
            for _, ties in groupby(points, key=lambda point: point[:3])
            for point in sorted(ties, key=repr)
        ]
    return found


def assert_read_alike(root: Path) -> Found:
    """Assert that both readers read the same, and return it."""
    theirs, ours = as_found(root), read_store(root)
    assert text_of(without_ties(ours)) == text_of(without_ties(theirs))
    assert ours.damaged == theirs.damaged
    assert ours.purged == theirs.purged
    return ours
