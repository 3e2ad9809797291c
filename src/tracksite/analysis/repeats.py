"""Runs of one setting that differ only in their seed, and what such repeats say of a lead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from tracksite.analysis.intervals import t_quantile, with_interval
from tracksite.config import SEED_PARAMS
from tracksite.query import long, numbers

if TYPE_CHECKING:
    from collections.abc import Collection

    from tracksite.query.goal import Goal

_PART = re.compile(r"[./:]|__")


@dataclass(frozen=True)
class Lead:
    """How far the best setting is ahead of the second, measured against the noise of the seeds.

    Attributes:
        best: group of `repeats` with the best mean.
        second: the next one; None when there is only one.
        best_mean: mean of the goal's metric over the best group's runs.
        second_mean: the same of the second.
        difference: by how much the best is better: 0 or more, in the goal's direction.
        low: lower end of the 95 % interval of the difference; null as `high` without repeats.
        high: upper end.
        noise_sd: standard deviation between repeats, pooled over all settings that have any.
        groups: number of settings.
        verdict: "clear" (the interval lies above 0), "within noise", "unknown" (nothing was
            repeated) or "alone" (no second).
        why: the verdict as one sentence for the page.
    """

    best: str
    second: str | None
    best_mean: float
    second_mean: float | None
    difference: float | None
    low: float | None
    high: float | None
    noise_sd: float | None
    groups: int
    verdict: str
    why: str


def is_seed(key: str, seed_params: Collection[str] = SEED_PARAMS) -> bool:
    """Tell whether a param only repeats a run: by its key, or the last part of its key.

    `model/random_state`, `svc__random_state` and `Seed` are seeds where "random_state" and "seed"
    are among `seed_params`.
    """
    wanted = {name.lower() for name in seed_params}
    return key.lower() in wanted or _PART.split(key.lower())[-1] in wanted


def measured(runs: pl.DataFrame, goal: Goal) -> pl.DataFrame:
    """Return `run_id, value`: the finished runs whose last value of the goal's metric is finite."""
    return long.values(runs.filter(pl.col("status") == "finished"), goal.metric)


def varied(runs: pl.DataFrame, seed_params: Collection[str] = SEED_PARAMS) -> pl.DataFrame:
    """Return the params that are no seeds: the columns of `long.params`."""
    params = long.params(runs)
    seeds = [key for key in params["key"].unique() if is_seed(key, seed_params)]
    return params.filter(~pl.col("key").is_in(seeds))


def settings(runs: pl.DataFrame, seed_params: Collection[str] = SEED_PARAMS) -> pl.DataFrame:
    """Return `run_id, setting`: runs with equal params, seeds left out, have equal texts.

    Numbers are equal by value ("0.1" and "0.10"), whole ones exactly, however large. A run that
    logged no param at all is a setting of its own: nothing says what it shares with another.
    """
    text = numbers.alike(pl.col("text"), pl.col("number")).fill_null("")
    parts = (pl.col("key"), text)
    measures = (part.str.len_bytes().cast(pl.String) + ":" + part for part in parts)
    items = varied(runs, seed_params).select("run_id", "key", item=pl.concat_str(*measures))
    joined = items.sort("run_id", "key").group_by("run_id").agg(setting=pl.col("item").str.join())
    silent = pl.col("params").list.len().fill_null(0) == 0
    fallback = pl.when(silent).then(pl.col("run_id")).otherwise(pl.lit(""))
    everyone = runs.join(joined, on="run_id", how="left", maintain_order="left")
    return everyone.select("run_id", setting=pl.coalesce("setting", fallback))


def repeats(
    runs: pl.DataFrame, goal: Goal, *, seed_params: Collection[str] = SEED_PARAMS
) -> pl.DataFrame:
    """Return one row per setting that was measured, the best mean first.

    Args:
        runs: of one experiment.
        goal: its primary metric; finished runs with a finite last value count.
        seed_params: names of params that only repeat a run.

    Columns: group (run_id of its oldest run), run_ids (oldest first), count, mean, sd (n - 1 in
    its denominator), low and high (95 % t-interval of the mean). One run: the last three are null.
    """
    values = measured(runs, goal).join(settings(runs, seed_params), on="run_id", how="left")
    grouped = values.sort("run_id").group_by("setting", maintain_order=True)
    groups = grouped.agg(
        group=pl.col("run_id").first(),
        run_ids=pl.col("run_id"),
        count=pl.len().cast(pl.Int64),
        mean=pl.col("value").mean(),
        sd=pl.col("value").std(),
    )
    ordered = groups.sort(goal.sign * -pl.col("mean"), "group").drop("setting")
    return with_interval(ordered)


def lead(
    runs: pl.DataFrame, goal: Goal, *, seed_params: Collection[str] = SEED_PARAMS
) -> Lead | None:
    """Return how sure the first place is; None when no run was measured. Arguments as `repeats`.

    The interval of the difference is Fisher's least significant difference: the variance between
    repeats is taken to be the same in all settings and pooled over them (Fisher, The Design of
    Experiments, 1935, section 24). It is not widened for having picked two of many settings.
    """
    groups = repeats(runs, goal, seed_params=seed_params)
    if groups.is_empty():
        return None
    best = groups.row(0, named=True)
    noise, df = _pooled_noise(groups)
    if groups.height == 1:
        why = "Only one setting was measured, so there is nothing to be ahead of."
        alone = (best["group"], None, best["mean"], None, None, None, None)
        return Lead(*alone, noise_sd=noise, groups=1, verdict="alone", why=why)
    second = groups.row(1, named=True)
    difference = abs(best["mean"] - second["mean"])
    low = high = None
    if noise is not None:
        half = t_quantile(df) * noise * (1 / best["count"] + 1 / second["count"]) ** 0.5
        low, high = difference - half, difference + half
    verdict, why = _verdict(difference, low, high, noise)
    return Lead(
        best["group"],
        second["group"],
        best["mean"],
        second["mean"],
        difference,
        low,
        high,
        noise,
        groups.height,
        verdict,
        why,
    )


def _pooled_noise(groups: pl.DataFrame) -> tuple[float | None, int]:
    """Return the pooled standard deviation and its degrees of freedom."""
    repeated = groups.filter(pl.col("count") > 1)
    weights = repeated["count"] - 1
    df = int(weights.sum())
    return (float((weights * repeated["sd"] ** 2).sum() / df) ** 0.5 if df else None), df


def _verdict(
    difference: float, low: float | None, high: float | None, noise: float | None
) -> tuple[str, str]:
    if low is None or high is None or noise is None:
        why = "No setting was run with a second seed, so chance cannot be told from a real lead."
        return "unknown", f"The lead is {difference:.3g}. {why}"
    facts = f"95 % interval {low:.3g} to {high:.3g}, standard deviation between seeds {noise:.3g}"
    if low > 0:
        return (
            "clear",
            f"The lead of {difference:.3g} is larger than seed noise explains ({facts}).",
        )
    return "within noise", f"The lead of {difference:.3g} is within seed noise ({facts})."
