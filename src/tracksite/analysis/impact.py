"""Which params matter: the metric per value of a param, and the share that each param explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracksite.analysis.intervals import f_tail, with_interval
from tracksite.config import SEED_PARAMS
from tracksite.query import numbers
from tracksite.query.standing import counted, settings, varied

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from tracksite.query.goal import Goal

MAX_LEVELS = 8  # of a numeric param; more are binned
RUNS_PER_BIN = 5
MAX_TEXT_LEVELS = 12  # shown; the rest are one slice
MIN_RUNS = 3
MIN_UNITS, UNITS_PER_PARAM = 20, 3  # from fewer, shares are mostly luck
_ROUNDING = 1e-28  # square of what is left of equal values by rounding, relative to them
_LONG = 1e6  # from here on a whole number is written with an exponent

_SLICE_SCHEMA = {
    "param": pl.String,
    "level": pl.String,
    "position": pl.Int64,
    "numeric": pl.Boolean,
    "number_low": pl.Float64,
    "number_high": pl.Float64,
    "count": pl.Int64,
    "settings": pl.Int64,
    "mean": pl.Float64,
    "sd": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
_EFFECT_SCHEMA = {
    "param": pl.String,
    "share": pl.Float64,
    "levels": pl.Int64,
    "p": pl.Float64,
    "count": pl.Int64,
    "units": pl.Int64,
    "note": pl.String,
}


def slices(
    runs: pl.DataFrame, goal: Goal, *, seed_params: Collection[str] = SEED_PARAMS
) -> pl.DataFrame:
    """Return the metric's mean and its 95 % t-interval for each value of each param.

    Args:
        runs: of one experiment.
        goal: its primary metric; the runs that count by `query.standing` are measured.
        seed_params: names of params that only repeat a run; they are left out.

    Columns: param, level (text for display), position (0, 1, … along the axis), numeric,
    number_low and number_high (smallest and largest number in the slice, null for text), count
    (runs), settings (distinct ones), mean, sd, low, high (null where fewer than two are averaged).

    A numeric param with more than MAX_LEVELS values is cut into bins of equal counts (equal
    values stay together); of a text param the MAX_TEXT_LEVELS commonest values are shown, the
    others as one slice. A param with a single value, or that only some runs have, is sliced over
    the runs that have it. Repeats are averaged first and each setting counts once, since repeats
    of one setting are no independent evidence; only a param whose every value has but one setting
    is averaged over the runs themselves. Empty when fewer than MIN_RUNS runs were measured.
    """
    cells = _cells(runs, goal, seed_params)
    if cells.is_empty():
        return pl.DataFrame(schema=_SLICE_SCHEMA)
    shown = _with_others(cells)
    slices_ = shown.group_by("param", "level").agg(
        pl.col("numeric", "others").first(),
        number_low=pl.col("number").min(),
        number_high=pl.col("number").max(),
        text=pl.col("text").min(),
        count=pl.len().cast(pl.Int64),
        settings=pl.col("setting").n_unique().cast(pl.Int64),
    )
    means = (
        _units(shown)
        .group_by("param", "level", maintain_order=True)
        .agg(units=pl.len(), mean=pl.col("value").mean(), sd=pl.col("value").std())
    )
    joined = with_interval(slices_.join(means, on=["param", "level"]), "units")
    ordered = joined.sort("param", "others", "number_low", "text", nulls_last=True)
    return ordered.with_columns(
        pl.when("numeric").then(pl.col("number_low", "number_high")),
        position=pl.int_range(pl.len()).over("param").cast(pl.Int64),
        level=pl.Series(map(_label, ordered.iter_rows(named=True)), dtype=pl.String),
    ).select(*_SLICE_SCHEMA)


def main_effects(
    runs: pl.DataFrame, goal: Goal, *, seed_params: Collection[str] = SEED_PARAMS
) -> pl.DataFrame:
    """Return the share of the metric's variance that each param explains by itself.

    Arguments and levels as in `slices`. Columns: param, share (0 to 1), levels, p, count (runs
    that have the param), units (pieces of independent evidence: settings, or runs where each value
    has but one setting), note. Largest share first; where it cannot be known, share and p are null
    and `note` says why (else it is empty). Empty when fewer than MIN_RUNS runs were measured.

    `share` is epsilon squared of a one-way analysis of variance over the param's levels: eta
    squared with its bias towards many levels taken off (Kelley, PNAS 21, 1935, pages 554-559;
    recommended over omega squared for its small bias by Okada, Behaviormetrika 40, 2013, pages
    129-147), and 0 where that is negative. `p` is the probability of an F as large if the param
    did nothing. In a full grid the shares of all params add up to at most 1; in a random search
    params that went together by chance share their credit, and interactions are in no share.
    """
    cells = _cells(runs, goal, seed_params)
    if cells.is_empty():
        return pl.DataFrame(schema=_EFFECT_SCHEMA)
    value = pl.col("value")
    largest = value.abs().max()  # scaled by it, since squares of very large numbers overflow
    scaled = cells.with_columns(value=pl.when(largest > 0).then(value / largest).otherwise(0.0))
    levels = (
        _units(scaled)
        .group_by("param", "level", maintain_order=True)
        .agg(
            n=pl.len().cast(pl.Int64), mean=value.mean(), within=(value - value.mean()).pow(2).sum()
        )
    )
    grand = (pl.col("mean") * pl.col("n")).sum() / pl.col("n").sum()
    sums = levels.group_by("param", maintain_order=True).agg(
        pl.col("n", "within").sum(),
        levels=pl.len().cast(pl.Int64),
        between=(pl.col("n") * (pl.col("mean") - grand).pow(2)).sum(),
    )
    counts = cells.group_by("param").agg(count=pl.len().cast(pl.Int64))
    rows = sums.join(counts, on="param").iter_rows(named=True)
    effects = pl.DataFrame(list(map(_effect, rows)), schema=_EFFECT_SCHEMA)
    return effects.sort("share", "param", descending=[True, False], nulls_last=True)


def withheld(effects: pl.DataFrame) -> pl.DataFrame:
    """Return the effects without the shares and p of which too little is known.

    Those are of params with fewer than MIN_UNITS units, or fewer than UNITS_PER_PARAM for each
    param that varies: there the best of several shares is large by chance alone. `note` says so.
    """
    varying = effects.filter(pl.col("levels") > 1).height
    least = max(MIN_UNITS, UNITS_PER_PARAM * varying)
    few = (pl.col("units") < least) & pl.col("share").is_not_null()
    note = pl.when(few).then(pl.lit(f"too few: it takes {least}")).otherwise("note")
    kept = effects.with_columns(pl.when(~few).then(pl.col("share", "p")), note=note)
    return kept.sort("share", "param", descending=[True, False], nulls_last=True)


def _effect(row: dict[str, Any]) -> dict[str, Any]:
    """Return one row of `main_effects` from the sums of squares between and within levels."""
    between, within, levels, n = row["between"], row["within"], row["levels"], row["n"]
    total, df_between, df_within = between + within, levels - 1, n - levels
    effect = {key: row[key] for key in ("param", "levels", "count")}
    effect |= {"units": n, "share": None, "p": None}
    if levels == 1:
        return effect | {"note": "one value only"}
    if df_within == 0:
        return effect | {"note": "a different value in every run"}
    if total <= n * _ROUNDING:
        return effect | {"note": "the metric never varies"}
    error = within / df_within
    share = max(0.0, (between - df_between * error) / total)
    f = between / df_between / error if error else float("inf")
    return effect | {"share": share, "p": f_tail(f, df_between, df_within), "note": ""}


def _cells(runs: pl.DataFrame, goal: Goal, seed_params: Collection[str]) -> pl.DataFrame:
    """Return one row per measured run and param, no row if there are too few runs.

    Columns: run_id, setting, value, param, text, number, numeric (all of the param's are),
    alike (one text for equal numbers), level.
    """
    values = counted(runs, goal.metric)
    if values.height < MIN_RUNS:
        values = values.clear()
    described = values.join(settings(runs, seed_params), on="run_id", how="left")
    items = varied(runs, seed_params).rename({"key": "param"}).join(described, on="run_id")
    texts = items.with_columns(
        pl.col("text").fill_null(""), numeric=pl.col("number").is_not_null().all().over("param")
    )
    alike = numbers.alike(pl.col("text"), pl.col("number"))
    return texts.with_columns(alike=alike).with_columns(level=_level())


def _level() -> pl.Expr:
    number, count = pl.col("number"), pl.len().over("param")
    bins = (count // RUNS_PER_BIN).clip(2, MAX_LEVELS)
    rank = number.rank("min").over("param").cast(pl.Int64) - 1
    crowded = pl.col("numeric") & (number.n_unique().over("param") > MAX_LEVELS)
    return (
        pl.when(crowded)
        .then((rank * bins // count).cast(pl.String))
        .when("numeric")
        .then("alike")
        .otherwise("=" + pl.col("text"))  # so that no value is the "" of the others
    )


def _units(cells: pl.DataFrame) -> pl.DataFrame:
    """Return `param, level, value`, a row for each piece of independent evidence.

    That is a setting, by the mean of its repeats; or a run, of a param whose every level has but
    one setting. Order is kept here and in what sums this up: the last digit of a sum hangs on it.
    """
    by_level = cells.group_by("param", "level", "setting", maintain_order=True)
    means = by_level.agg(pl.col("value").mean())
    alone = means.group_by("param").agg(alone=pl.col("level").n_unique() == pl.len())
    lonely = alone.filter("alone")["param"].implode()
    columns = ("param", "level", "value")
    by_setting = means.filter(~pl.col("param").is_in(lonely)).select(columns)
    return pl.concat([by_setting, cells.filter(pl.col("param").is_in(lonely)).select(columns)])


def _with_others(cells: pl.DataFrame) -> pl.DataFrame:
    """Return the cells with `others`: 0, or how many rare text levels its level was merged from."""
    levels = cells.group_by("param", "level", "numeric").len()
    ordered = levels.sort("param", "len", "level", descending=[False, True, False])
    place = pl.int_range(pl.len()).over("param")
    rare = ~pl.col("numeric") & (place >= MAX_TEXT_LEVELS)
    others = pl.when(rare).then(pl.len().over("param") - MAX_TEXT_LEVELS).otherwise(0)
    marked = ordered.select("param", "level", others=others.cast(pl.Int64))
    joined = cells.join(marked, on=["param", "level"], how="left", maintain_order="left")
    merged = pl.when(pl.col("others") > 0).then(pl.lit("")).otherwise("level")
    return joined.with_columns(level=merged)


def _label(level: dict[str, Any]) -> str:
    if level["others"]:
        return f"{level['others']} others"
    if not level["numeric"] or level["number_low"] == level["number_high"]:
        return str(level["text"])
    return f"{_short(level['number_low'])} – {_short(level['number_high'])}"


def _short(number: float) -> str:
    return f"{number:.0f}" if number.is_integer() and abs(number) < _LONG else f"{number:.3g}"
