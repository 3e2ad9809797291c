"""What an experiment came to: its best setting, its best run and the lead, for all pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from tracksite.analysis.repeats import lead_of
from tracksite.query import numbers, standing

if TYPE_CHECKING:
    from collections.abc import Collection

    from tracksite.analysis.repeats import Lead
    from tracksite.query.goal import Goal

MOST_NAMED = 4  # params in a label


@dataclass(frozen=True)
class Leading:
    """The setting with the best mean.

    Attributes:
        label: the params in which the measured settings differ, as this one has them: "lr 0.1".
        count: of its runs.
        mean: of the goal's metric over them.
        low: lower end of the 95 % interval of the mean; null, as `high`, for one run.
        high: upper end.
        has_best_run: whether the best run is one of them.
    """

    label: str
    count: int
    mean: float
    low: float | None
    high: float | None
    has_best_run: bool


@dataclass(frozen=True)
class Hero:
    """What an experiment came to, by `query.standing`.

    Attributes:
        run_id: of the best run.
        run_name: its name.
        run_value: its value of the goal's metric.
        others: how many further runs share the first rank with it.
        setting: the best setting; None where none was repeated, and the best run says it all.
        lead: how sure the first place among the settings is.
    """

    run_id: str
    run_name: str | None
    run_value: float
    others: int
    setting: Leading | None
    lead: Lead

    @property
    def value(self) -> float:
        """What was reached: the mean of the best setting, or the value of the best run."""
        return self.setting.mean if self.setting else self.run_value


def hero(
    runs: pl.DataFrame, goal: Goal, groups: pl.DataFrame, seed_params: Collection[str]
) -> Hero | None:
    """Return what the runs of one experiment came to; None where none of them counts.

    `groups` is what `repeats` returned for them.
    """
    ranked = standing.rank(runs, goal.metric, goal.direction)
    lead = lead_of(groups, runs, seed_params=seed_params)
    if lead is None:
        return None
    run_id, value = ranked.select("run_id", "value").row(0)
    repeated = groups["count"].max() != 1
    return Hero(
        run_id=run_id,
        run_name=runs.filter(pl.col("run_id") == run_id)["name"][0],
        run_value=value,
        others=ranked.filter(pl.col("rank") == 1).height - 1,
        setting=_leading(runs, groups, run_id, seed_params) if repeated else None,
        lead=lead,
    )


def _leading(
    runs: pl.DataFrame, groups: pl.DataFrame, best_run: str, seed_params: Collection[str]
) -> Leading:
    first = groups.row(0, named=True)
    measured = runs.filter(pl.col("run_id").is_in(groups["run_ids"].explode().implode()))
    return Leading(
        label=_label(measured, first["group"], seed_params),
        count=first["count"],
        mean=first["mean"],
        low=first["low"],
        high=first["high"],
        has_best_run=best_run in first["run_ids"],
    )


def _label(measured: pl.DataFrame, run_id: str, seed_params: Collection[str]) -> str:
    """Return what tells the setting of this run from those of the others, "" where nothing does."""
    params = standing.varied(measured, seed_params)
    kinds = params.group_by("key").agg(
        differ=(numbers.alike(pl.col("text"), pl.col("number")).n_unique() > 1)
        | (pl.len() < measured.height)
    )
    keys = kinds.filter("differ")["key"].sort().to_list()
    own = dict(params.filter(pl.col("run_id") == run_id).select("key", "text").iter_rows())
    parts = [f"{key} {own.get(key) or '–'}" for key in keys]
    if measured["git_commit"].n_unique() > 1:
        commit = measured.filter(pl.col("run_id") == run_id)["git_commit"][0]
        parts.insert(0, f"commit {(commit or 'unknown')[:8]}")
    return ", ".join(parts[:MOST_NAMED]) + (", …" if len(parts) > MOST_NAMED else "")
