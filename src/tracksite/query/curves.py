"""The points of metrics: whole histories, and curves thinned out to the width of a chart."""

from __future__ import annotations

import warnings
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracksite.errors import ArgumentError
from tracksite.query import branches
from tracksite.query.branches import Branched
from tracksite.store import oddities
from tracksite.store.histories import read_points

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from tracksite.schema import Problem, Snapshot

COLUMNS = ("run_id", "key", "step", "timestamp", "value")
CHUNK_RUNS = 200
CHUNK_BYTES = 32_000_000  # of files: about 4 million points, some hundred megabytes in memory
MIN_WIDTH = 8
GRID = 2.0**32  # finer than any chart, coarse enough for exact sums of floats


def history(snapshot: Snapshot, run_id: str, key: str) -> pl.DataFrame:
    """Return `step, timestamp, value`: every point of one metric.

    In order of step, of equal steps in order of time, then of logging. `step` is int64,
    `timestamp` in UTC, null where no date can hold it, `value` float64 with NaN and infinities.
    """
    return _points(snapshot, [run_id], [key]).select("step", "timestamp", "value")


def curves(
    snapshot: Snapshot,
    run_ids: Sequence[str],
    *,
    keys: Collection[str] | None = None,
    width: int = 600,
) -> pl.DataFrame:
    """Return the points of `drawn` alone."""
    return drawn(snapshot, run_ids, keys=keys, width=width).points


def drawn(
    snapshot: Snapshot,
    run_ids: Sequence[str],
    *,
    keys: Collection[str] | None = None,
    width: int = 600,
    since: pl.DataFrame | None = None,
) -> Branched:
    """Return `run_id, key, step, timestamp, value`: the curves of many runs, fit to be drawn.

    Args:
        snapshot: where to read.
        run_ids: whose curves, in this order; then rows are in order of key and step.
        keys: of which metrics; None for all.
        width: of the chart in pixels: a series of more than `2 * width` points is thinned out to
            at most so many, as `downsample` says.
        since: `branches.resumptions` of the snapshot, where the caller has them.

    Returns:
        The last branch of each curve, and which went on from an earlier step.

    Files are read some hundred runs at a time, so memory holds one such chunk and the result.

    Raises:
        ArgumentError: `width` is below MIN_WIDTH.
    """
    if width < MIN_WIDTH:
        raise ArgumentError(
            f"A curve {width!r} pixels wide shows nothing; give {MIN_WIDTH} or more."
        )
    if since is None:
        since = branches.resumptions(snapshot.patches)
    chunks, resumed = [_empty(snapshot)], dict[tuple[str, str], int]()
    for part in _chunks(snapshot, run_ids):
        last = branches.last_branch(_points(snapshot, part, keys), since)
        chunks.append(_thinned(last.points, 2 * width))
        resumed |= last.resumed
    return Branched(pl.concat(chunks), resumed)


def downsample(
    steps: NDArray[np.int64], values: NDArray[np.float64], count: int
) -> NDArray[np.int64]:
    """Return the rising indices of at most `count` points that draw the same curve.

    Args:
        steps: ascending.
        values: as long as `steps`; NaN and infinities are allowed.
        count: at least `2 * MIN_WIDTH`.

    All points stay where there are no more than `count`. Else these stay: the first and the last
    point; the smallest and the largest finite value (the first of equal ones); the two ends of
    each stretch of NaN, inf or -inf, so that a gap stays a gap (of very many stretches, evenly
    spread ones: a quarter of `count`); and of the finite points those that MinMaxLTTB picks.

    Source: Van Der Donckt, Van Der Donckt, Rademaker and Van Hoecke, "MinMaxLTTB: Leveraging
    MinMax-Preselection to Scale LTTB", IEEE VIS 2023, arXiv:2305.00332, as in `tsdownsample`.
    """
    if len(values) <= count:
        return np.arange(len(values))
    finite = np.flatnonzero(np.isfinite(values))
    always = np.concatenate([[0, len(values) - 1], _gap_ends(values, count // 4)])
    if len(finite):
        inside = values[finite]
        extremes = finite[[inside.argmin(), inside.argmax()]]
        budget = count - len(always) - len(extremes)
        picked = finite[_largest_triangles(steps[finite], inside, budget)]
        always = np.concatenate([always, extremes, picked])
    return np.unique(always).astype(np.int64)


def _gap_ends(values: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    kind = np.isnan(values) + 2 * np.isposinf(values) + 3 * np.isneginf(values)
    change = np.flatnonzero(np.diff(kind))
    ends = np.unique(np.concatenate([change, change + 1]))
    ends = ends[kind[ends] > 0]
    chosen = np.linspace(0, len(ends) - 1, min(most, len(ends))).astype(np.int64)
    thinned: NDArray[np.int64] = ends[chosen]
    return thinned


def _largest_triangles(
    steps: NDArray[np.int64], values: NDArray[np.float64], count: int
) -> NDArray[np.int64]:
    from tsdownsample import MinMaxLTTBDownsampler

    if len(values) <= count:
        return np.arange(len(values))
    sampler = MinMaxLTTBDownsampler()  # type: ignore[no-untyped-call]  # it ships no types
    return np.asarray(sampler.downsample(*_on_grid(steps), values, n_out=count), dtype=np.int64)


def _on_grid(steps: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
    """Return rising steps as whole numbers from 0 to GRID; nothing where they hardly differ.

    tsdownsample 0.1.5 reads past the end, and panics, where all steps but the first and the last
    are equal, or its bins are narrower than floats lie apart there (steps 0, 2**62, 2**62 + 1024).
    On the grid no bin is so narrow; without steps, points are taken to be evenly spaced.
    """
    from_first = steps.astype(np.float64) - float(steps[0])
    if not from_first[-1]:
        return ()
    grid: NDArray[np.float64] = np.rint(from_first * (GRID / from_first[-1]))
    return () if grid[1] == grid[-2] else (grid,)


def _thinned(points: pl.DataFrame, count: int) -> pl.DataFrame:
    lengths = (
        points.select(pl.struct("run_id", "key").rle())
        .unnest("run_id")["len"]
        .cast(pl.Int64)
        .to_numpy()
    )
    if not (lengths > count).any():
        return points
    steps, values = points["step"].to_numpy(), points["value"].to_numpy()
    stops = lengths.cumsum()
    kept = [
        start + downsample(steps[start:stop], values[start:stop], count)
        for start, stop in zip(stops - lengths, stops, strict=True)
    ]
    return points[np.concatenate(kept)]


def _chunks(snapshot: Snapshot, run_ids: Iterable[str]) -> Iterator[list[str]]:
    ids = list(run_ids)
    shared = Counter(chain.from_iterable(snapshot.point_files.get(run_id, ()) for run_id in ids))
    chunk: list[str] = []
    total = 0.0
    for run_id in ids:
        files = snapshot.point_files.get(run_id, ())
        size = sum(_size(file) / shared[file] for file in files)
        if chunk and (len(chunk) >= CHUNK_RUNS or total + size > CHUNK_BYTES):
            yield chunk
            chunk, total = [], 0.0
        chunk.append(run_id)
        total += size
    if chunk:
        yield chunk


def _size(file: str) -> int:
    try:
        return Path(file).stat().st_size
    except OSError:
        return 0


def _points(
    snapshot: Snapshot, run_ids: Sequence[str], keys: Collection[str] | None
) -> pl.DataFrame:
    """Return all points of some runs, in order of run (as given), key, step and time."""
    wanted = pl.col("run_id").is_in(list(run_ids))
    if keys is not None:
        wanted &= pl.col("key").is_in(list(keys))
    logged = read_points(snapshot, run_ids, keys, on_damage=_warn)
    live = snapshot.live_points.filter(wanted)
    found = oddities.shown_times(pl.concat([logged, live]).select(COLUMNS))
    place = pl.DataFrame({"run_id": run_ids, "place": range(len(run_ids))}).unique(
        "run_id", keep="first"
    )
    found = found.join(place, on="run_id", how="left", maintain_order="left")
    ordered = found.sort("place", "key", "step", "timestamp", maintain_order=True)
    return ordered.select(COLUMNS)


def _warn(problem: Problem) -> None:
    """Name a file that was damaged after the snapshot had found it sound."""
    warnings.warn(f"{problem.path} is left out: {problem.message}", RuntimeWarning, stacklevel=2)


def _empty(snapshot: Snapshot) -> pl.DataFrame:
    return snapshot.live_points.clear().select(COLUMNS)
