"""The list columns of a frame of runs as long frames: one row per run and key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracksite.query import numbers
from tracksite.query.syntax import DATASET_KEYS

if TYPE_CHECKING:
    from collections.abc import Sequence

TAG_FIELDS = ("key", "text")
METRIC_FIELDS = (
    "key",
    "count",
    "nan_count",
    "last",
    "last_step",
    "last_at",
    "min",
    "min_step",
    "max",
    "max_step",
)


def texts(runs: pl.DataFrame) -> pl.DataFrame:
    """Return `run_id, key, text`: one row per run and param, in the order of `params`."""
    return _long(runs, "params", ("key", "text"))


def params(runs: pl.DataFrame) -> pl.DataFrame:
    """Return `run_id, key, text, number`: one row per run and param.

    Rows are in the order of `runs`, then of its lists. `number` is the double nearest to the
    number that the text spells, null where it spells none; the parts of older releases went by
    another rule.
    """
    return texts(runs).with_columns(number=numbers.doubles(pl.col("text")))


def metrics(runs: pl.DataFrame) -> pl.DataFrame:
    """Return `run_id` and the summary of each metric (METRIC_FIELDS): one row per run and metric.

    Steps and `count` are int64, `last_at` is in UTC; `last` may be NaN or infinite, and `min` and
    `max` are null where every value is NaN.
    """
    return _long(runs, "metrics", METRIC_FIELDS)


def tags(runs: pl.DataFrame) -> pl.DataFrame:
    """Return `run_id, key, text`: one row per run and tag, without removed ones (null)."""
    return _long(runs, "tags", TAG_FIELDS).filter(pl.col("text").is_not_null())


def inputs(runs: pl.DataFrame) -> pl.DataFrame:
    """Return `run_id, name, digest, context`: one row per run and data set that it read."""
    return _long(runs, "inputs", DATASET_KEYS)


def values(runs: pl.DataFrame, metric: str) -> pl.DataFrame:
    """Return `run_id, value`: the last value of one metric, for the runs where it is finite."""
    chosen = metrics(runs).filter(pl.col("key") == metric, pl.col("last").is_finite())
    return chosen.select("run_id", value="last")


def for_arrow(wide: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose columns Arrow can name: its C interface ends a name at U+0000."""
    names = {name: name.replace("\0", "\u2400") for name in wide.columns}
    taken = set(wide.columns)
    for name in [name for name, shown in names.items() if shown != name]:
        while names[name] in taken:
            names[name] += "\u2400"
        taken.add(names[name])
    return wide.rename(names)


def _long(runs: pl.DataFrame, column: str, fields: Sequence[str]) -> pl.DataFrame:
    items = runs.lazy().select("run_id", column).explode(column, keep_nulls=False)
    chosen = [pl.col(column).struct.field(name) for name in fields]
    return items.select("run_id", *chosen).collect()
