"""Runs of one setting, as `query.standing` has it, and what such repeats say of a lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from tracksite.analysis.intervals import t_quantile, with_interval
from tracksite.config import SEED_PARAMS
from tracksite.query.standing import TOLERANCE, is_seed, places, rank, seeds, settings, tied

if TYPE_CHECKING:
    from collections.abc import Collection

    from tracksite.query.goal import Goal

_SO = "so chance cannot be told from a real lead."
__all__ = ["Lead", "is_seed", "lead", "repeats", "settings"]


@dataclass(frozen=True)
class Lead:
    """How far the best setting is ahead of the second, measured against the noise of repeats.

    Attributes:
        best: group of `repeats` with the best mean.
        second: the next one; None when there is only one.
        best_mean: mean of the goal's metric over the best group's runs.
        second_mean: the same of the second.
        difference: by how much the best is better: 0 or more, in the goal's direction; 0 where
            the means differ by no more than rounding explains.
        low: lower end of the 95 % interval of the difference; null as `high` without repeats.
        high: upper end.
        noise_sd: standard deviation between repeats, pooled over all settings that have any; null
            where none shows what chance does.
        groups: number of settings.
        verdict: "clear" (the interval lies above 0), "within noise", "unknown" (nothing was
            repeated, or nothing with another seed that would show noise) or "alone" (no second).
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


def repeats(
    runs: pl.DataFrame, goal: Goal, *, seed_params: Collection[str] = SEED_PARAMS
) -> pl.DataFrame:
    """Return one row per setting that was measured, the best mean first.

    Args:
        runs: of one experiment.
        goal: its primary metric; the runs that count by `query.standing` are measured.
        seed_params: names of params that only repeat a run.

    Columns: group (run_id of its oldest run), run_ids (oldest first), count, mean, sd (n - 1 in
    its denominator), low and high (95 % t-interval of the mean). One run: the last three are null.
    Settings whose means tie are in the order of their best runs.
    """
    ranked = rank(runs, goal.metric, goal.direction).with_row_index("place")
    values = ranked.join(settings(runs, seed_params), on="run_id", how="left")
    grouped = values.sort("run_id").group_by("setting", maintain_order=True)
    groups = grouped.agg(
        group=pl.col("run_id").first(),
        run_ids=pl.col("run_id"),
        count=pl.len().cast(pl.Int64),
        mean=pl.col("value").mean(),
        sd=pl.col("value").std(),
        best=pl.col("place").min(),
    )
    by_mean = groups.sort(goal.sign * -pl.col("mean"), "best")
    shared = pl.Series("shared", places(by_mean["mean"].to_list()), dtype=pl.Int64)
    ordered = by_mean.with_columns(shared).sort("shared", "best")
    return with_interval(ordered.drop("setting", "best", "shared"))


def lead(
    runs: pl.DataFrame, goal: Goal, *, seed_params: Collection[str] = SEED_PARAMS
) -> Lead | None:
    """Return how sure the first place is; None when no run was measured. Arguments as `repeats`.

    The interval of the difference is Fisher's least significant difference: the variance between
    repeats is taken to be the same in all settings and pooled over them (Fisher, The Design of
    Experiments, 1935, section 24). It is not widened for having picked two of many settings.

    Repeats that agree to the last digit show no noise unless their seeds differ: the same code
    with the same seed gives the same value whatever chance would do.
    """
    return lead_of(repeats(runs, goal, seed_params=seed_params), runs, seed_params=seed_params)


def lead_of(
    groups: pl.DataFrame, runs: pl.DataFrame, *, seed_params: Collection[str] = SEED_PARAMS
) -> Lead | None:
    """Return what `lead` does, from what `repeats` returned for these runs."""
    if groups.is_empty():
        return None
    noise = _noise(groups, runs, seed_params)
    best, means = groups.row(0, named=True), groups["mean"].to_list()
    if groups.height == 1:
        why = "Only one setting was measured, so there is nothing to be ahead of."
        alone = (best["group"], None, best["mean"], None, None, None, None)
        return Lead(*alone, noise.sd, 1, "alone", why)
    second = groups.row(1, named=True)
    difference = 0.0 if tied(means[0], means[1]) else abs(means[0] - means[1])
    low = high = None
    if noise.sd is not None:
        per_run = (1 / best["count"] + 1 / second["count"]) ** 0.5
        half = t_quantile(noise.df) * noise.sd * per_run
        low, high = difference - half, difference + half
    verdict, why = _verdict(difference, low, high, noise)
    if difference == 0.0:
        why = f"The best {places(means).count(1)} settings have the same mean, so none leads."
    return Lead(
        best["group"],
        second["group"],
        best["mean"],
        second["mean"],
        difference,
        low,
        high,
        noise.sd,
        groups.height,
        verdict,
        why,
    )


@dataclass(frozen=True)
class _Noise:
    """What repeats show of chance.

    Attributes:
        sd: standard deviation between them, pooled; None where it is not known.
        df: its degrees of freedom.
        of: what it lies between: "seeds", where each setting that was repeated has several, else
            "repeats".
        why: the reason why it is not known, as a sentence, or "".
    """

    sd: float | None
    df: int
    of: str
    why: str


def _noise(groups: pl.DataFrame, runs: pl.DataFrame, seed_params: Collection[str]) -> _Noise:
    repeated = groups.filter(pl.col("count") > 1)
    if repeated.is_empty():
        return _Noise(None, 0, "repeats", f"No setting was run with a second seed, {_SO}")
    seeded = _seeds_varied(repeated, runs, seed_params)
    rounding = TOLERANCE * pl.col("mean").abs()
    if not seeded and repeated.filter(pl.col("sd") > rounding).is_empty():
        same = "Repeats agree to the last digit, but no setting was run with a second seed"
        return _Noise(None, 0, "repeats", f"{same}, {_SO}")
    weights = repeated["count"] - 1
    df = int(weights.sum())
    sd = float((weights * repeated["sd"] ** 2).sum() / df) ** 0.5
    return _Noise(sd, df, "seeds" if seeded else "repeats", "")


def _seeds_varied(repeated: pl.DataFrame, runs: pl.DataFrame, seed_params: Collection[str]) -> bool:
    """Tell whether each of these settings has runs of different seeds."""
    told = repeated.select("group", run_id="run_ids").explode("run_id")
    counts = (
        told.join(seeds(runs, seed_params), on="run_id")
        .group_by("group")
        .agg(pl.col("seeds").drop_nulls().n_unique())
    )
    return bool((counts["seeds"] > 1).all())


def _verdict(
    difference: float, low: float | None, high: float | None, noise: _Noise
) -> tuple[str, str]:
    if low is None or high is None or noise.sd is None:
        return "unknown", f"The lead is {difference:.3g}. {noise.why}"
    facts = (
        f"95 % interval {low:.3g} to {high:.3g}, standard deviation between {noise.of} "
        f"{noise.sd:.3g}"
    )
    chance = "seed noise" if noise.of == "seeds" else "the noise between repeats"
    if low > 0:
        return "clear", f"The lead of {difference:.3g} is larger than {chance} explains ({facts})."
    return "within noise", f"The lead of {difference:.3g} is within {chance} ({facts})."
