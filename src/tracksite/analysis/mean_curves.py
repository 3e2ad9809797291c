"""Curves of repeats: the mean over the runs of a setting at each step, and how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracksite.analysis.intervals import with_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

RANGE = 2  # of so few runs a t-interval says nothing; their range is shown


def mean_curves(points: pl.DataFrame) -> pl.DataFrame:
    """Return the mean curve of each setting and metric, in order of group, key and step.

    Args:
        points: `group` (of the setting), `run_id, key, step, value`; of equal steps of one run and
            metric the last row counts.

    Columns: group, key, step, value (the mean), low, high, count (of runs at that step). `low` and
    `high` are the 95 % t-interval of the mean, of two runs their smallest and largest value, and
    null for one run.

    A step counts if every run that is under way there (it lies between the first and the last step
    of the run) has it, so that the mean never jumps because a run skipped a step; and if two runs
    have it, where two runs have the metric at all. Where a run has a value that is not finite, the
    three values are null: a mean over those that were left would flatter the setting.
    """
    line = ["group", "key"]
    once = points.unique([*line, "run_id", "step"], keep="last", maintain_order=True)
    usable = pl.when(pl.col("value").is_finite()).then("value")
    steps = once.sort(*line, "step", "run_id").group_by(*line, "step", maintain_order=True)
    made = steps.agg(
        count=pl.len().cast(pl.Int64),
        whole=pl.col("value").is_finite().all(),
        mean=usable.mean(),
        sd=usable.std(),
        least=usable.min(),
        most=usable.max(),
    )
    spans = once.group_by(*line, "run_id").agg(
        first=pl.col("step").min(), last=pl.col("step").max()
    )
    covered = spans.partition_by(line, as_dict=True)
    parts = [
        part.filter(_counts(part, covered[key]))
        for key, part in made.partition_by(line, as_dict=True, maintain_order=True).items()
    ]
    kept = with_interval(pl.concat(parts)) if parts else with_interval(made)
    two, whole = pl.col("count") == RANGE, pl.col("whole")
    low = pl.when(two).then("least").otherwise("low")
    high = pl.when(two).then("most").otherwise("high")
    return kept.select(
        *line,
        "step",
        value=pl.when(whole).then("mean"),
        low=pl.when(whole).then(low),
        high=pl.when(whole).then(high),
        count="count",
    )


def _counts(steps: pl.DataFrame, spans: pl.DataFrame) -> pl.Series:
    """Tell of each step of one curve whether all runs under way have it, and enough of them."""
    at = steps["step"].to_numpy()
    begun = np.searchsorted(_sorted(spans["first"]), at, side="right")
    ended = np.searchsorted(_sorted(spans["last"]), at, side="left")
    under_way = pl.Series(begun - ended)
    return (steps["count"] == under_way) & (steps["count"] >= min(2, spans.height))


def _sorted(steps: pl.Series) -> NDArray[np.int64]:
    found: NDArray[np.int64] = steps.sort().to_numpy()
    return found
