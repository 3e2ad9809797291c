"""The fold: patches → one row per run, experiment, model and model version; last write wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from tracksite.query.lifecycle import DEFAULT_EXPERIMENT, settled
from tracksite.schema import LIST_KEYS, PRIVATE_TAGS, SCALAR_FIELDS
from tracksite.store import edits
from tracksite.store.ids import experiment_id

if TYPE_CHECKING:
    from collections.abc import Collection

    from tracksite.schema import Snapshot

_ORDER = ["run_id", "seq", "writer"]
_REMOVABLE = ("tags", "aliases")  # a null text removes the key


def fold(snapshot: Snapshot) -> pl.DataFrame:
    """Return the state of every entity: one row each, sorted by run_id.

    Columns: run_id, kind, every scalar field of `runs_schema()`, every list field with one item
    per key (sorted by key; metrics merged over their parts), `first_at` and `last_at` (times of
    the first and last patch), and those of `lifecycle.CLOCKS`: the greatest `seq` at which it was
    opened, the greatest at which anything was said, and that of the last word on `deleted`. A run
    that says it is running without a living writer is interrupted.
    """
    patches = edits.split(snapshot.patches.with_columns(opened="seq")).sort(_ORDER)
    scalars = patches.group_by("run_id", maintain_order=True).agg(
        pl.col("kind").drop_nulls().last(),
        *(pl.col(name).drop_nulls().last() for name in SCALAR_FIELDS),
        pl.col("timestamp").min().alias("first_at"),
        pl.col("timestamp").max().alias("last_at"),
        pl.col("opened").max().alias("opened_seq"),
        pl.max_horizontal("seq", edits.last_of_row()).max().alias("last_seq"),
        pl.col("seq").filter(pl.col("deleted").is_not_null()).last().alias("deleted_seq"),
    )
    for name in LIST_KEYS:
        scalars = scalars.join(
            _folded_list(patches, name), on="run_id", how="left", maintain_order="left"
        )
    return scalars.with_columns(
        _true_status(snapshot.alive), pl.col("deleted").fill_null(value=False)
    )


def _true_status(alive: Collection[str]) -> pl.Expr:
    orphan = (pl.col("status") == "running") & ~pl.col("run_id").is_in(sorted(alive))
    return pl.when(orphan).then(pl.lit("interrupted")).otherwise("status").alias("status")


def _folded_list(patches: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return run_id and the list field with one item per key, sorted by key.

    Most runs say it in one patch, where each key stands once: those are only sorted.
    """
    rows = patches.select("run_id", name).filter(pl.col(name).list.len() > 0)
    by_key = pl.element().sort_by(pl.element().struct.field(LIST_KEYS[name]))
    once = rows.filter(pl.col("run_id").is_unique()).with_columns(pl.col(name).list.eval(by_key))
    if name in _REMOVABLE:
        kept = pl.element().struct.field("text").is_not_null()
        once = once.with_columns(pl.col(name).list.filter(kept)).filter(pl.col(name).list.len() > 0)
    return pl.concat([once, _merged_list(rows.filter(pl.col("run_id").is_duplicated()), name)])


def _merged_list(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    items = rows.explode(name).with_columns(pl.col(name).struct.unnest()).drop(name)
    key, fields = LIST_KEYS[name], [column for column in items.columns if column != "run_id"]
    if name == "metrics":
        items = merge_summaries(items)
    else:
        items = items.unique(["run_id", key], keep="last", maintain_order=True)
        if name in _REMOVABLE:
            items = items.filter(pl.col("text").is_not_null())
    return (
        items.sort("run_id", key)
        .group_by("run_id", maintain_order=True)
        .agg(pl.struct(fields).alias(name))
    )


def merge_summaries(items: pl.DataFrame) -> pl.DataFrame:
    """Merge metric summaries of one run and key; associative, the later part wins a tie.

    Args:
        items: run_id and the fields of a metric summary, in order of writing.
    """
    key = ["run_id", "key"]
    of_series = items.group_by(key, maintain_order=True)
    latest = items.sort("last_step", "last_at", maintain_order=True)
    lowest = items.sort("min", nulls_last=True, maintain_order=True)
    highest = items.sort("max", descending=True, nulls_last=True, maintain_order=True)
    merged = of_series.agg(pl.col("count", "nan_count").sum())
    for part in (
        latest.group_by(key).agg(pl.col("last", "last_step", "last_at").last()),
        lowest.group_by(key).agg(pl.col("min", "min_step").first()),
        highest.group_by(key).agg(pl.col("max", "max_step").first()),
    ):
        merged = merged.join(part, on=key, how="left", maintain_order="left")
    return merged


def public_tags() -> pl.Expr:
    """Return the tags without those that tracksite keeps for itself."""
    private = pl.element().struct.field("key").str.starts_with(PRIVATE_TAGS)
    return pl.col("tags").list.filter(~private)


def runs(
    folded: pl.DataFrame, *, experiment: str | None = None, deleted: bool = False
) -> pl.DataFrame:
    """Return the runs, newest first, with `duration_s`; `experiment` is never null.

    Args:
        folded: what `fold` returned.
        experiment: only runs of the experiment of this name.
        deleted: the deleted runs instead of the others.
    """
    rows = settled(folded)
    found = rows.filter(pl.col("kind") == "run", pl.col("deleted") == deleted).with_columns(
        pl.col("experiment").fill_null(DEFAULT_EXPERIMENT),
        public_tags(),
        _seconds(pl.col("ended_at") - pl.col("started_at")).alias("duration_s"),
    )
    if experiment is not None:
        found = found.filter(pl.col("experiment") == experiment)
    return found.sort("run_id", descending=True)


def _seconds(duration: pl.Expr) -> pl.Expr:
    """Return a duration in seconds, the same for one run as among many.

    By a constant, Polars divides one row, and multiplies many by the reciprocal: another last bit.
    """
    microseconds = duration.dt.total_microseconds()
    return microseconds / (microseconds * 0 + 1_000_000)


def experiments(folded: pl.DataFrame, *, deleted: bool = False) -> pl.DataFrame:
    """Return every experiment that an entity or a run names, sorted by name.

    Columns: experiment_id, name, description, tags, run_count, first_at, last_at (of its runs: when
    one ended, or logged its last point or began, whenever that was written here).
    """
    folded = settled(folded)
    known = folded.filter(pl.col("kind") == "experiment")
    counted = (
        runs(folded)
        .group_by("experiment")
        .agg(
            pl.len().cast(pl.Int64).alias("run_count"),
            pl.col("started_at", "first_at").min().name.prefix("_"),
            _active_at().max().alias("last_at"),
        )
        .select(
            pl.col("experiment").alias("name"),
            "run_count",
            pl.coalesce("_started_at", "_first_at").alias("first_at"),
            "last_at",
        )
    )
    joined = counted.join(
        known.select("name", "description", public_tags(), "deleted"),
        on="name",
        how="full",
        coalesce=True,
    ).with_columns(pl.col("run_count").fill_null(0), pl.col("deleted").fill_null(value=False))
    identity = pl.col("name").map_elements(experiment_id, return_dtype=pl.String)
    return (
        joined.filter(pl.col("name").is_not_null(), pl.col("deleted") == deleted)
        .select(
            identity.alias("experiment_id"),
            *("name", "description", "tags", "run_count", "first_at", "last_at"),
        )
        .sort("name")
    )


def _active_at() -> pl.Expr:
    """Return when a run was last active: an import, or an edit later, is none of its doings."""
    logged = pl.col("metrics").list.eval(pl.element().struct.field("last_at")).list.max()
    return pl.coalesce("ended_at", pl.max_horizontal("started_at", logged), "last_at")


def one(frame: pl.DataFrame, run_id: str) -> dict[str, Any] | None:
    """Return the row of one run as a dict, or None."""
    rows = frame.filter(pl.col("run_id") == run_id).to_dicts()
    return rows[0] if rows else None
