"""The page of an experiment and the data scripts that bring it to life."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import polars as pl

from tracksite import paths
from tracksite.analysis import impact, repeats, reproduce
from tracksite.charts import curves
from tracksite.charts import impact as impact_charts
from tracksite.model import Page
from tracksite.pages import board as boards
from tracksite.pages import notes
from tracksite.pages.context import digest
from tracksite.pages.hero import hero
from tracksite.pages.mean_rows import mean_rows, settings
from tracksite.pages.script import data_script
from tracksite.query import long
from tracksite.query.standing import COUNTED, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tracksite.charts.curves import Setting
    from tracksite.pages.board import Board
    from tracksite.pages.context import Context
    from tracksite.pages.hero import Hero
    from tracksite.query.goal import Goal

FIRST_ROWS = 50
CHARTS = "data/charts.js"


@dataclass(frozen=True)
class Experiment:
    """One experiment as its pages see it; what they share is computed once, and only if asked."""

    context: Context
    name: str
    runs: pl.DataFrame

    @property
    def goal(self) -> Goal | None:
        """The primary metric."""
        return self.context.goals.get(self.name)

    @property
    def folder(self) -> str:
        """The folder of the page, relative to the site."""
        return f"experiments/{paths.experiment_slug(self.name)}"

    @property
    def seed_params(self) -> tuple[str, ...]:
        """Params that only repeat a run."""
        return self.context.settings.seed_params

    @cached_property
    def state(self) -> str:
        """Digest of the experiment and of all its runs."""
        context, ids = self.context, self.runs["run_id"].to_list()
        row = context.experiments.row(by_predicate=_named(self.name), named=True)
        return digest(sorted(ids), context.stamps(ids), row["description"], row["tags"])

    @cached_property
    def board(self) -> Board:
        """All runs as columns, best first."""
        return boards.board(self.runs, self.goal, self.seed_params)

    @cached_property
    def hero(self) -> Hero | None:
        """The best setting and the best run; None where no run counts."""
        return hero(self.runs, self.goal, self.groups, self.seed_params) if self.goal else None

    @cached_property
    def effects(self) -> pl.DataFrame:
        """What is known of `analysis.impact.main_effects`; nothing at all without a goal."""
        if self.goal is None:
            return pl.DataFrame()
        effects = impact.main_effects(self.runs, self.goal, seed_params=self.seed_params)
        return impact.withheld(effects)

    @cached_property
    def slices(self) -> pl.DataFrame:
        """Columns of `analysis.impact.slices`; nothing at all without a goal."""
        if self.goal is None:
            return pl.DataFrame()
        return impact.slices(self.runs, self.goal, seed_params=self.seed_params)

    @cached_property
    def curve_keys(self) -> list[str]:
        """Metrics that have curves."""
        return curves.keys(self.runs, self.goal)

    @cached_property
    def with_curves(self) -> list[str]:
        """Ids of all runs that have curves, best first."""
        shown = self.board.column("run_id").values.to_list()
        return curves.having(self.runs, shown, self.curve_keys)

    @cached_property
    def groups(self) -> pl.DataFrame:
        """Columns of `analysis.repeats.repeats`; nothing at all without a goal."""
        if self.goal is None:
            return pl.DataFrame(schema={"run_ids": pl.List(pl.String)})
        return repeats.repeats(self.runs, self.goal, seed_params=self.seed_params)

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """The best settings whose mean curves are shown; none where nothing has repeats."""
        return settings(self.board, self.groups, self.with_curves)


def experiments(context: Context) -> Sequence[Experiment]:
    """Return every experiment, also those without runs; the same ones to all who ask."""
    return context.once("experiments", lambda: tuple(_experiments(context)))


def _experiments(context: Context) -> Iterator[Experiment]:
    for name in context.experiments["name"]:
        yield Experiment(context, name, context.by_experiment.get(name, context.runs.clear()))


def inputs(experiment: Experiment, what: str) -> str:
    """Return the digest of all that a file of this experiment reads."""
    return digest(what, experiment.state)


def pages(context: Context) -> Iterator[Page]:
    """Yield the page of each experiment, its data scripts, and the specs of all charts."""
    yield Page(CHARTS, None, digest("charts", version("altair")), _charts_script)
    for experiment in experiments(context):
        page = f"{experiment.folder}/index.html"
        variables = partial(_variables, experiment)
        yield Page(page, "experiment.html", inputs(experiment, "experiment"), variables)
        for name, make in SCRIPTS.items():
            path, build = f"{experiment.folder}/{name}.js", partial(_script, experiment, name, make)
            yield Page(path, None, inputs(experiment, name), build)


def _script(
    experiment: Experiment, name: str, make: Callable[[Experiment], Mapping[str, Any]]
) -> str:
    return data_script(name, make(experiment))


def _charts_script() -> str:
    return data_script("charts", impact_charts.specs())


def _leaderboard(experiment: Experiment) -> Mapping[str, Any]:
    return boards.script_value(experiment.board, experiment.goal)


def _impact(experiment: Experiment) -> Mapping[str, Any]:
    goal = experiment.goal
    if goal is None:
        return {"figures": {}}
    values = counted(experiment.runs, goal.metric)["value"]
    return {"figures": impact_charts.figures(experiment.effects, experiment.slices, values, goal)}


def _curves(experiment: Experiment) -> Mapping[str, Any]:
    runs, keys = experiment.runs, experiment.curve_keys
    chosen = curves.chosen(runs, experiment.with_curves, keys)
    value = curves.script_value(
        experiment.context.snapshot, runs, chosen, keys, experiment.settings
    )
    return {**value, "having": len(experiment.with_curves)}


SCRIPTS = {"leaderboard": _leaderboard, "impact": _impact, "curves": _curves}


def _variables(experiment: Experiment) -> Mapping[str, Any]:
    context, goal, board = experiment.context, experiment.goal, experiment.board
    row = context.experiments.row(by_predicate=_named(experiment.name), named=True)
    settings = context.settings_of(experiment.name)
    shown = [board.column(name) for name in board.shown]
    return {
        "nav": "home",
        "name": experiment.name,
        "folder": experiment.folder,
        "goal": goal,
        "goal_text": settings.goal,
        "settings_table": f"[experiments.{json.dumps(experiment.name, ensure_ascii=False)}]",
        "measured": experiment.runs["metrics"].list.len().sum() > 0,
        "target": settings.target,
        "lede": notes.html(settings.description or row["description"]),
        "facts": _facts(experiment),
        "hero": experiment.hero,
        "board": board,
        "columns": shown,
        "rows": board.head(FIRST_ROWS),
        "effects": experiment.effects.to_dicts(),
        "slices": _slices_by_param(experiment),
        "curve_keys": experiment.curve_keys,
        "curve_rows": _curve_rows(experiment),
        "mean_rows": mean_rows(experiment.runs, experiment.settings, experiment.curve_keys),
    }


def _facts(experiment: Experiment) -> Mapping[str, Any]:
    runs = experiment.runs
    status = runs["status"].value_counts()
    counts = dict(status.iter_rows())
    return {
        "count": runs.height,
        "failed": counts.get("failed", 0),
        "broken_off": counts.get("killed", 0) + counts.get("interrupted", 0),
        "running": counts.get("running", 0),
        "unranked": runs.height - counts.get(COUNTED, 0),
        "reproducible": reproduce.share(runs),
    }


def _slices_by_param(experiment: Experiment) -> list[tuple[str, list[dict[str, Any]]]]:
    if experiment.goal is None:
        return []
    slices = experiment.slices
    shown = impact_charts.shown_params(experiment.effects, slices)
    return [(param, slices.filter(slices["param"] == param).to_dicts()) for param in shown]


def _curve_rows(experiment: Experiment) -> list[dict[str, Any]]:
    """Return, for readers without JavaScript, how the metrics of the best runs went."""
    best = experiment.with_curves[: curves.MOST_RUNS]
    if not best:
        return []
    runs = experiment.runs.filter(experiment.runs["run_id"].is_in(best))
    metrics = long.metrics(runs)
    key_place = {key: place for place, key in enumerate(experiment.curve_keys)}
    run_place = {run_id: place for place, run_id in enumerate(best)}
    found = metrics.filter(metrics["key"].is_in(experiment.curve_keys)).to_dicts()
    for row in found:
        row["name"] = _run_name(experiment, row["run_id"])
    return sorted(found, key=lambda row: (key_place[row["key"]], run_place[row["run_id"]]))


def _run_name(experiment: Experiment, run_id: str) -> str | None:
    name: str | None = experiment.runs.filter(experiment.runs["run_id"] == run_id)["name"][0]
    return name


def _named(name: str) -> pl.Expr:
    return pl.col("name") == name
