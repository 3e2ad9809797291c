"""Retention: which runs a store can do without, by age, standing and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracksite.query import long
from tracksite.query.goal import primary_metric
from tracksite.query.leaderboard import rank
from tracksite.query.registry import model_versions
from tracksite.query.runs import runs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from tracksite.query.goal import HasGoal


def expired(
    folded: pl.DataFrame,
    before: datetime,
    *,
    keep_best: int = 0,
    keep_tagged: Collection[str] = (),
    experiment: str | None = None,
    settings_of: Callable[[str], HasGoal | None] = lambda _: None,
) -> pl.DataFrame:
    """Return `run_id, name, experiment, status, last_at, deleted` of the runs that may go.

    Those are the runs that nothing was written to since `before`, oldest first, but for

    - runs in progress;
    - of each experiment, the `keep_best` runs that are best by its primary metric;
    - runs with one of these tags;
    - runs that a version of a registered model came from;
    - the ancestors of all runs that stay.

    Deleted runs are kept for none of these reasons but the first and the fourth.

    Args:
        folded: what `query.runs.fold` returned.
        before: in UTC.
        keep_best: per experiment.
        keep_tagged: "key" or "key=value".
        experiment: look at the runs of this experiment alone.
        settings_of: experiment name → its settings, for the goal.
    """
    active = runs(folded, experiment=experiment)
    deleted = runs(folded, experiment=experiment, deleted=True)
    everyone = pl.concat([active, deleted])
    last = pl.max_horizontal("last_at", "ended_at")
    old = everyone.filter(last < before, pl.col("status") != "running")
    kept = set(model_versions(folded)["source_run_id"].drop_nulls())
    kept |= _best(active, keep_best, settings_of) | _tagged(active, keep_tagged)
    kept |= set(everyone["run_id"]) - set(old["run_id"])
    kept |= _ancestors(everyone, kept)
    return (
        old.filter(~pl.col("run_id").is_in(sorted(kept)))
        .select("run_id", "name", "experiment", "status", last.alias("last_at"), "deleted")
        .sort("last_at", "run_id")
    )


def _best(
    active: pl.DataFrame, count: int, settings_of: Callable[[str], HasGoal | None]
) -> set[str]:
    found: set[str] = set()
    for (name,), group in active.group_by("experiment") if count else ():
        goal = primary_metric(group, settings_of(str(name)))
        if goal is not None:
            found |= set(rank(group, goal.metric, goal.direction).head(count)["run_id"])
    return found


def _tagged(active: pl.DataFrame, tags: Collection[str]) -> set[str]:
    found = long.tags(active)
    wanted = pl.lit(value=False)
    for tag in tags:
        key, equals, text = tag.partition("=")
        this = pl.col("key") == key
        wanted |= this & (pl.col("text") == text) if equals else this
    return set(found.filter(wanted)["run_id"])


def _ancestors(everyone: pl.DataFrame, kept: Collection[str]) -> set[str]:
    parents = dict(everyone.select("run_id", "parent_run_id").iter_rows())
    found: set[str] = set()
    for run_id in kept:
        parent = parents.get(run_id)
        while parent is not None and parent not in found:
            found.add(parent)
            parent = parents.get(parent)
    return found
