"""Learning curves of the best runs and settings, as columns for curves.js."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tracksite.analysis.mean_curves import mean_curves
from tracksite.query import curves, long

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracksite.query.goal import Goal
    from tracksite.schema import Snapshot

MOST_RUNS = 12  # whose curves are always shipped
MORE_RUNS = 60  # at most so many, while they fit in MOST_POINTS
MOST_POINTS = 60_000  # about 1 MB of JavaScript
MOST_SETTINGS = 12
MOST_KEYS = 12
WIDTH = 300  # pixels that a series is thinned to: at most twice as many points
READ_POINTS = 2_000_000  # whole series in memory at once, for means
_DIGITS = 7  # of a value, and more where the values of a curve differ only in later ones
_MOST_DIGITS = 17


@dataclass(frozen=True)
class Setting:
    """Runs with the same params but for the seed.

    Attributes:
        group: its number on the leaderboard.
        label: the params in which the shown settings differ: "lr 0.1, optimizer adam".
        run_ids: of all its runs that have curves, best first.
    """

    group: int
    label: str
    run_ids: tuple[str, ...]


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


def having(runs: pl.DataFrame, shown: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Return the runs of `shown` (run ids, best first) that have a curve of `wanted`."""
    found = set(_measured(runs, wanted).filter(pl.col("count") > 1)["run_id"])
    return [run_id for run_id in shown if run_id in found]


def chosen(runs: pl.DataFrame, candidates: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Return the candidates (run ids, best first) whose curves of `wanted` are shipped.

    The first MOST_RUNS, and more of them while their thinned curves fit in MOST_POINTS.
    """
    thinned = pl.col("count").clip(upper_bound=2 * WIDTH).sum()
    some = runs.filter(pl.col("run_id").is_in(list(candidates[:MORE_RUNS])))
    points = dict(_measured(some, wanted).group_by("run_id").agg(thinned).iter_rows())
    total, kept = 0, []
    for place, run_id in enumerate(candidates[:MORE_RUNS]):
        total += points[run_id]
        if place >= MOST_RUNS and total > MOST_POINTS:
            break
        kept.append(run_id)
    return kept


def script_value(
    snapshot: Snapshot,
    runs: pl.DataFrame,
    run_ids: Sequence[str],
    wanted: Sequence[str],
    settings: Sequence[Setting] = (),
) -> dict[str, Any]:
    """Return the value of the data script `curves`.

    {runs: [run_id], keys: [key], series: [{run, key, steps, values, resumed}], settings: [{group,
    label, count}], means: [{setting, key, steps, values, low, high, counts, resumed}]}: `run`,
    `key` and `setting` are places in their lists; a value is null where it is not finite. Values
    have 7 significant digits, or as many of the range of their curve. `settings` is empty where
    nothing has repeats; `low` and `high` are as `mean_curves` says, null for a curve of one run.
    `resumed` is there where a curve went on from an earlier step, and is that step; of a mean,
    whether one of its curves did.
    """
    points, resumed = curves.drawn(snapshot, run_ids, keys=wanted, width=WIDTH)
    parts = points.partition_by("run_id", "key", as_dict=True, maintain_order=True)
    series = [
        {"run": list(run_ids).index(str(run_id)), "key": list(wanted).index(str(key))}
        | _columns(part, "value")
        | _mark(resumed.get((str(run_id), str(key))))
        for (run_id, key), part in parts.items()
    ]
    return {
        "runs": list(run_ids),
        "keys": list(wanted),
        "series": series,
        "settings": [
            {"group": one.group, "label": one.label, "count": len(one.run_ids)} for one in settings
        ],
        "means": list(_means(snapshot, runs, settings, wanted)),
    }


def _means(
    snapshot: Snapshot, runs: pl.DataFrame, settings: Sequence[Setting], wanted: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Yield the mean curves of the settings, in their order and that of the metrics."""
    places = {one.group: place for place, one in enumerate(settings)}
    groups = {run_id: one.group for one in settings for run_id in one.run_ids}
    for run_ids, keys, most in _batches(runs, settings, wanted):
        width = max(curves.MIN_WIDTH, most)
        whole, resumed = curves.drawn(snapshot, run_ids, keys=keys, width=width)
        marked = {(groups[run_id], key) for run_id, key in resumed}
        whose = pl.col("run_id").replace_strict(groups, return_dtype=pl.Int64)
        found = mean_curves(whole.with_columns(group=whose))
        parts = found.partition_by("group", "key", as_dict=True, maintain_order=True)
        for (group, key), part in sorted(parts.items(), key=lambda item: places[item[0][0]]):
            thin = _thinned(part)
            yield {
                "setting": places[group],
                "key": list(wanted).index(str(key)),
                **_columns(thin, "value"),
                "low": _bound(thin["low"], thin["value"]),
                "high": _bound(thin["high"], thin["value"]),
                "counts": _same(thin["count"]),
                **_mark((group, key) in marked or None),
            }


def _batches(
    runs: pl.DataFrame, settings: Sequence[Setting], wanted: Sequence[str]
) -> Iterator[tuple[list[str], list[str], int]]:
    """Yield (run ids, keys, longest series) to be read at once: READ_POINTS, or one metric.

    Settings are read together where they are small, metric by metric where they are large.
    """
    measured = _measured(runs, wanted)
    together: list[str] = []
    total = longest = 0
    for one in settings:
        mine = measured.filter(pl.col("run_id").is_in(one.run_ids))
        counts = dict(mine.group_by("key").agg(pl.col("count").sum()).iter_rows())
        points = sum(counts.values())
        if together and total + points > READ_POINTS:
            yield together, list(wanted), longest
            together, total, longest = [], 0, 0
        if points > READ_POINTS:
            yield from (([*one.run_ids], [key], counts[key]) for key in wanted if key in counts)
        else:
            together += one.run_ids
            total, longest = total + points, max(longest, *counts.values(), 0)
    if together:
        yield together, list(wanted), longest


def _thinned(part: pl.DataFrame) -> pl.DataFrame:
    values = part["value"].fill_null(math.nan).to_numpy()
    return part[curves.downsample(part["step"].to_numpy(), values, 2 * WIDTH).astype(np.int64)]


def _columns(part: pl.DataFrame, name: str) -> dict[str, Any]:
    return {"steps": part["step"].to_list(), "values": _short(part[name], _digits(part[name]))}


def _mark(resumed: int | None) -> dict[str, int]:
    return {} if resumed is None else {"resumed": resumed}


def _bound(values: pl.Series, centre: pl.Series) -> list[float | None] | None:
    return None if values.null_count() == values.len() else _short(values, _digits(centre))


def _digits(values: pl.Series) -> int:
    """Return how many significant digits show the shape of a curve."""
    finite = values.filter(values.is_finite().fill_null(value=False)).to_numpy()
    half = finite.max() / 2 - finite.min() / 2 if len(finite) else 0.0
    size = np.abs(finite).max() / 2 if len(finite) else 0.0
    lost = math.floor(math.log10(size / half)) if half > 0 and math.isfinite(size / half) else 0
    return min(_MOST_DIGITS, _DIGITS + max(0, lost))


def _same(counts: pl.Series) -> list[int] | int:
    """Return one number where all steps have as many runs."""
    return int(counts[0]) if counts.n_unique() == 1 else counts.to_list()


def _measured(runs: pl.DataFrame, wanted: Sequence[str]) -> pl.DataFrame:
    return long.metrics(runs).filter(pl.col("key").is_in(list(wanted)))


def _short(values: pl.Series, digits: int) -> list[float | None]:
    """Return finite values to so many significant digits, None for the others."""
    return [
        None if value is None or not math.isfinite(value) else float(f"{value:.{digits}g}")
        for value in values
    ]
