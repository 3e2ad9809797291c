"""How runs stand: which of them count, what a setting is, in which order they are, where they tie.

Every place that names a best run, a rank or a lead goes by these rules: home, the pages of
experiments and runs, `ls`, the order of `search_runs`, param impact and `gc --keep-best`.

- What counts is a finished run whose last value of the metric is finite. One that failed, was
  killed or interrupted, or still runs is shown, but has no rank and is no evidence.
- A setting is a run's params without its seeds, and its commit where that is known.
- Of runs with equal values the newest comes first, as `leaderboard.order` has them. Values that
  differ by less than floating point can tell apart share a rank.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import polars as pl

from tracksite.config import SEED_PARAMS
from tracksite.errors import ArgumentError
from tracksite.query import long, numbers
from tracksite.query.goal import MAXIMIZE, MINIMIZE, primary_metric

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from tracksite.query.goal import HasGoal

COUNTED = "finished"
TOLERANCE = 1e-12  # relative: what sums of some thousand rounded values may be off by
NEWEST_FIRST = (("started_at", True), ("run_id", False))  # column, whether it descends
_PART = re.compile(r"[./:]|__")


def is_seed(key: str, seed_params: Collection[str] = SEED_PARAMS) -> bool:
    """Tell whether a param only repeats a run: by its key, or the last part of its key.

    `model/random_state`, `svc__random_state` and `Seed` are seeds where "random_state" and "seed"
    are among `seed_params`.
    """
    wanted = {name.lower() for name in seed_params}
    return key.lower() in wanted or _PART.split(key.lower())[-1] in wanted


def counted(runs: pl.DataFrame, metric: str) -> pl.DataFrame:
    """Return `run_id, value` of the runs that count, in the order of `runs`."""
    return long.values(runs.filter(pl.col("status") == COUNTED), metric)


def varied(runs: pl.DataFrame, seed_params: Collection[str] = SEED_PARAMS) -> pl.DataFrame:
    """Return the params that are no seeds: the columns of `long.params`."""
    params = long.params(runs)
    return params.filter(~pl.col("key").is_in(_seed_keys(params, seed_params)))


def settings(runs: pl.DataFrame, seed_params: Collection[str] = SEED_PARAMS) -> pl.DataFrame:
    """Return `run_id, setting`: runs of one setting have equal texts, others different ones.

    Those are runs with equal params, seeds left out, of one commit, or all of a commit that is
    not known. Numbers are equal by value ("0.1" and "0.10"), whole ones exactly, however large. A
    run that logged no param at all is a setting of its own: nothing says what it shares with
    another.
    """
    text = _texts(runs, varied(runs, seed_params))
    commit = pl.col("git_commit").fill_null("")
    silent = pl.col("params").list.len().fill_null(0) == 0
    setting = pl.when(silent).then("run_id").otherwise(pl.concat_str(commit, text, separator=" "))
    return runs.select("run_id", setting=setting)


def seeds(runs: pl.DataFrame, seed_params: Collection[str] = SEED_PARAMS) -> pl.DataFrame:
    """Return `run_id, seeds`: runs with equal seeds have equal texts; null where there are none."""
    params = long.params(runs)
    text = _texts(runs, params.filter(pl.col("key").is_in(_seed_keys(params, seed_params))))
    return runs.select("run_id", seeds=pl.when(text != "").then(text))


def rank(runs: pl.DataFrame, metric: str, direction: str) -> pl.DataFrame:
    """Return `run_id, value, rank, of` for the runs that count, the best first.

    Values that tie share the smaller rank. Runs are in order of their values, equal ones newest
    first. `of` is how many runs are ranked.

    Raises:
        ArgumentError: direction is neither "maximize" nor "minimize".
    """
    if direction not in (MAXIMIZE, MINIMIZE):
        raise ArgumentError(
            f"The direction {direction!r} is neither {MAXIMIZE!r} nor {MINIMIZE!r}."
        )
    dated = counted(runs, metric).join(runs.select("run_id", "started_at"), on="run_id")
    keys = (("value", direction == MAXIMIZE), *NEWEST_FIRST)
    names, down = [name for name, _ in keys], [down for _, down in keys]
    ordered = dated.sort(names, descending=down, nulls_last=True)
    ranks = pl.Series(places(ordered["value"].to_list()), dtype=pl.Int64)
    return ordered.select("run_id", "value", rank=ranks, of=pl.len().cast(pl.Int64))


def ranks(runs: pl.DataFrame, settings_of: Callable[[str], HasGoal | None]) -> pl.DataFrame:
    """Return `run_id, rank, place` of the runs that count, each in its experiment.

    Args:
        runs: of any experiments.
        settings_of: experiment name → its settings, for the goal.

    `place` is 1, 2, … in the order of `rank`: runs that share a rank have different places.
    """
    found = [pl.DataFrame(schema={"run_id": pl.String, "rank": pl.Int64, "place": pl.Int64})]
    for (name,), group in runs.group_by("experiment", maintain_order=True):
        goal = primary_metric(group, settings_of(str(name)))
        if goal is not None:
            ranked = rank(group, goal.metric, goal.direction)
            place = pl.int_range(1, pl.len() + 1).cast(pl.Int64)
            found.append(ranked.select("run_id", "rank", place=place))
    return pl.concat(found)


def places(values: Sequence[float]) -> list[int]:
    """Return the place of each of these values, which are in order, the best first.

    Those that tie with the first of their place share it.
    """
    found, first = [], 0
    for at, value in enumerate(values):
        if not tied(value, values[first]):
            first = at
        found.append(first + 1)
    return found


def tied(one: float, other: float) -> bool:
    """Tell whether two finite values differ by no more than rounding explains."""
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=0.0)


def _seed_keys(params: pl.DataFrame, seed_params: Collection[str]) -> list[str]:
    return [key for key in params["key"].unique() if is_seed(key, seed_params)]


def _texts(runs: pl.DataFrame, params: pl.DataFrame) -> pl.Series:
    """Return of each run these params as one text, "" where it has none; the fold sorted them."""
    parts = (pl.col("key"), numbers.alike(pl.col("text"), pl.col("number")).fill_null(""))
    measures = (part.str.len_bytes().cast(pl.String) + ":" + part for part in parts)
    items = params.select("run_id", item=pl.concat_str(*measures))
    told = items.group_by("run_id", maintain_order=True).agg(text=pl.col("item").str.join())
    everyone = runs.select("run_id")
    return everyone.join(told, on="run_id", how="left", maintain_order="left")["text"].fill_null("")
