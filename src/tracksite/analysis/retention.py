"""Retention: which runs a store can do without, by age, standing and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracksite.analysis.repeats import repeats
from tracksite.config import SEED_PARAMS
from tracksite.query import long
from tracksite.query.goal import primary_metric
from tracksite.query.registry import model_versions
from tracksite.query.runs import runs
from tracksite.query.standing import rank

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from tracksite.query.goal import Goal, HasGoal


BEST, TAGGED, MODEL, PARENT = "best", "tagged", "model", "parent"


def expired(judged: pl.DataFrame) -> pl.DataFrame:
    """Return those of the runs of `judged` that may go: they stay for no reason."""
    return judged.filter(pl.col("stays").is_null()).drop("stays")


def judged(
    folded: pl.DataFrame,
    before: datetime,
    *,
    keep_best: int = 0,
    keep_tagged: Collection[str] = (),
    experiment: str | None = None,
    settings_of: Callable[[str], HasGoal | None] = lambda _: None,
    seed_params: Collection[str] = SEED_PARAMS,
) -> pl.DataFrame:
    """Return `run_id, name, experiment, status, last_at, deleted, stays` of old runs.

    Those are the runs that are not in progress and that nothing was written to since `before`,
    oldest first. `stays` is null where a run may go, and else why it may not:

    - `model`: a version of a registered model came from it, or has its files there;
    - `best`: it is one of the `keep_best` runs that are best by the primary metric of their
      experiment, or of those that are best of its best setting: see `query.standing`;
    - `tagged`: it has one of these tags;
    - `parent`: it is an ancestor of a run that stays, in whatever experiment.

    Deleted runs stay for the first and the last of these reasons alone.

    Args:
        folded: what `query.runs.fold` returned.
        before: in UTC.
        keep_best: per experiment; where fewer runs have a rank, runs that did not finish fill up.
        keep_tagged: "key" or "key=value".
        experiment: look at the runs of this experiment alone.
        settings_of: experiment name → its settings, for the goal.
        seed_params: names of params that only repeat a run.
    """
    active = runs(folded)
    everyone = pl.concat([active, runs(folded, deleted=True)])
    last = pl.max_horizontal("last_at", "ended_at")
    is_old = (last < before) & (pl.col("status") != "running")
    if experiment is not None:
        is_old &= pl.col("experiment") == experiment
    old = everyone.filter(is_old)
    kept = dict.fromkeys(_tagged(active, keep_tagged), TAGGED)
    kept |= dict.fromkeys(_best(active, keep_best, settings_of, seed_params), BEST)
    kept |= dict.fromkeys(_of_models(folded), MODEL)
    staying = kept.keys() | (set(everyone["run_id"]) - set(old["run_id"]))
    kept = dict.fromkeys(_ancestors(everyone, staying), PARENT) | kept
    stays = [kept.get(run_id) for run_id in old["run_id"]]
    return old.select(
        *("run_id", "name", "experiment", "status", last.alias("last_at"), "deleted"),
        pl.Series("stays", stays, pl.String),
    ).sort("last_at", "run_id")


def _of_models(folded: pl.DataFrame) -> set[str]:
    versions = model_versions(folded)
    return {*versions["source_run_id"].drop_nulls(), *versions["owner_id"].drop_nulls()}


def _best(
    active: pl.DataFrame,
    count: int,
    settings_of: Callable[[str], HasGoal | None],
    seed_params: Collection[str],
) -> set[str]:
    found: set[str] = set()
    for (name,), group in active.group_by("experiment") if count else ():
        goal = primary_metric(group, settings_of(str(name)))
        if goal is not None:
            found |= _best_of(group, goal, count, seed_params)
    return found


def _best_of(group: pl.DataFrame, goal: Goal, count: int, seed_params: Collection[str]) -> set[str]:
    """Return the best runs of one experiment, and the best of the setting that its page names."""
    ranked = rank(group, goal.metric, goal.direction)["run_id"]
    settings = repeats(group, goal, seed_params=seed_params)
    leading = settings["run_ids"].to_list()[0] if settings.height else []
    of_leading = ranked.filter(ranked.is_in(leading)).head(count)
    others = long.values(group, goal.metric).filter(~pl.col("run_id").is_in(ranked.implode()))
    unfinished = others.sort(goal.sign * -pl.col("value"), "run_id")["run_id"]
    return {*pl.concat([ranked, unfinished]).head(count), *of_leading}


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
