"""How the best value of an experiment came down or went up over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracksite.query.goal import MAXIMIZE
from tracksite.query.standing import TOLERANCE, counted

if TYPE_CHECKING:
    from tracksite.query.goal import Goal


def best_so_far(runs: pl.DataFrame, goal: Goal) -> pl.DataFrame:
    """Return `run_id, at, value, best, improved`: one row per run that counts, in order of time.

    `at` is when the run ended (UTC; when it started, if it has not ended), `value` the last
    value of the goal's metric, `best` the best of this and all earlier rows, and `improved` is
    True where the run beat all before it by more than rounding explains. Runs without any time
    come first.
    """
    times = runs.select("run_id", at=pl.coalesce("ended_at", "started_at"))
    ordered = counted(runs, goal.metric).join(times, on="run_id").sort("at", "run_id")
    value = pl.col("value")
    best = value.cum_max() if goal.direction == MAXIMIZE else value.cum_min()
    with_best = ordered.select("run_id", "at", "value", best=best)
    now, before = pl.col("best"), pl.col("best").shift()
    least = TOLERANCE * pl.max_horizontal(now.abs(), before.abs())
    improved = ((now - before).abs() > least).fill_null(value=True)
    return with_best.with_columns(improved=improved)
