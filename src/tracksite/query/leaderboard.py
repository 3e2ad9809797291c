"""Runs side by side: one row per run and one column per param, metric and tag; order and rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracksite.errors import ArgumentError
from tracksite.query import filters, long, numbers
from tracksite.query.goal import Goal, primary_metric
from tracksite.query.standing import NEWEST_FIRST, rank
from tracksite.query.syntax import parse_order

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ATTRIBUTES", "Goal", "order", "primary_metric", "rank", "wide"]

ATTRIBUTES = (
    "run_id",
    "experiment",
    "name",
    "status",
    "started_at",
    "ended_at",
    "duration_s",
    "parent_run_id",
    "user",
    "source",
    "git_commit",
)
MAX_CELLS = 50_000_000  # of one family: 400 MB of numbers


def wide(runs: pl.DataFrame) -> pl.DataFrame:
    """Return one row per run, in the order of `runs`.

    Columns: ATTRIBUTES (times in UTC, `duration_s` in seconds), then `params.<key>` (text),
    `metrics.<key>` (float64: the last value) and `tags.<key>` (text), each family by key; null
    where a run has no such param, metric or tag.

    A family whose columns would hold more than MAX_CELLS cells keeps the keys that most runs have.
    """
    rows = runs.with_columns(run_id=pl.int_range(pl.len()))  # numbers join faster than ids
    families = [
        _spread(runs.height, long.texts(rows), "text", "params."),
        _spread(runs.height, long.metrics(rows), "last", "metrics."),
        _spread(runs.height, long.tags(rows), "text", "tags."),
    ]
    return pl.concat([runs.select(ATTRIBUTES), *families], how="horizontal")


def order(wide: pl.DataFrame, order_by: Sequence[str] = ()) -> pl.DataFrame:
    """Return a leaderboard's rows in order, as MLflow orders runs.

    Args:
        wide: columns of `wide()`.
        order_by: for example "metrics.f1 DESC", "params.lr", "start_time"; ascending unless it
            says DESC, the first counts most.

    Params and tags that are numbers come first, by number. NaN follows the numbers and null
    follows NaN in either direction. Ties: newest first by `started_at`, then by `run_id`.

    Raises:
        ArgumentError: an order cannot be read or names nothing.
    """
    if isinstance(order_by, str):
        raise ArgumentError(
            f"order_by is the text {order_by!r}; pass a list, as in [{order_by!r}]."
        )
    keys: list[pl.Expr] = []
    descending: list[bool] = []
    for text in order_by:
        wanted = parse_order(text)
        place = filters.column(wide, wanted.name, text, "order")
        if place is not None:
            parts = _sort_keys(place, wide.schema[place])
            keys += parts
            descending += [
                part.meta.output_name() != "class" and wanted.descending for part in parts
            ]
    keys += [pl.col(name) for name, _ in NEWEST_FIRST]
    descending += [down for _, down in NEWEST_FIRST]
    return wide.sort(keys, descending=descending, nulls_last=True)


def _spread(height: int, items: pl.DataFrame, value: str, prefix: str) -> pl.DataFrame:
    """Return one column per key and one row per number of a row in `items.run_id`."""
    counts = items.group_by("key").len().sort(["len", "key"], descending=[True, False])
    kept = counts.head(max(1, MAX_CELLS // max(1, height)))["key"].sort()
    if kept.is_empty():
        return pl.DataFrame()
    cells = items.filter(pl.col("key").is_in(kept.implode()))
    cells = cells.select("run_id", value, column=prefix + pl.col("key"))
    spread = cells.pivot("column", index="run_id", values=value, aggregate_function="last")
    everyone = pl.DataFrame({"run_id": pl.int_range(height, eager=True)})
    joined = everyone.join(spread, on="run_id", how="left", maintain_order="left")
    return joined.select([prefix + key for key in kept])


def _sort_keys(place: str, dtype: pl.DataType) -> list[pl.Expr]:
    values = pl.col(place)
    if dtype.is_float():
        return [values.is_nan().alias("class"), values]
    if dtype == pl.String:
        double, exact = numbers.order(values)
        is_text = values.is_not_null() & double.is_null()
        return [is_text.alias("class"), double, exact, values]
    return [values]
