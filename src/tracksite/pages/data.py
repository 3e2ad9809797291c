"""The machine-readable twins: the site is also a read-only API."""

from __future__ import annotations

import io
import math
from functools import partial
from typing import TYPE_CHECKING, Any

from tracksite import paths
from tracksite.model import Page
from tracksite.pages.context import digest
from tracksite.pages.experiment import Experiment, experiments, inputs
from tracksite.pages.script import data_script, json_text
from tracksite.query import leaderboard, long, standing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl

    from tracksite.pages.context import Context

RUNS = "data/runs.parquet"
MOST_ROWS = 10_000  # of experiment.json; runs.parquet has every run


def pages(context: Context) -> Iterator[Page]:
    """Yield the table of all runs, and for each experiment its standing and its twin."""
    ids = context.runs["run_id"].to_list()
    stamps = digest("runs.parquet", sorted(ids), context.stamps(ids))
    yield Page(RUNS, None, stamps, partial(_runs_parquet, context))
    for experiment in experiments(context):
        place, twin = paths.standing_script(experiment.name), f"{experiment.folder}/experiment.json"
        yield Page(place, None, inputs(experiment, "standing"), partial(_standing, experiment))
        yield Page(twin, None, inputs(experiment, "twin"), partial(_twin, experiment))


def _runs_parquet(context: Context) -> bytes:
    """Return one row per run, newest first, columns as `query.leaderboard.wide`."""
    import pyarrow.parquet as pq

    wide = leaderboard.wide(context.runs)
    table = long.for_arrow(wide).to_arrow()
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", compression_level=9, store_schema=False)
    return buffer.getvalue()


def _standing(experiment: Experiment) -> str:
    """Return how the runs stand, so that one new run does not rewrite the pages of all others.

    {goal: {metric, direction}, best: {run_id, name, value, params}, values: [best first], count},
    or null for an experiment without a ranked run. `values` has for each ranked run the best value
    of those that share its rank.
    """
    goal = experiment.goal
    ranked = standing.rank(experiment.runs, goal.metric, goal.direction) if goal else None
    if goal is None or ranked is None or ranked.is_empty():
        return data_script("standing", None)
    best, values = ranked.row(0, named=True), ranked["value"]
    run = experiment.runs.filter(experiment.runs["run_id"] == best["run_id"])
    value = {
        "goal": {"metric": goal.metric, "direction": goal.direction},
        "best": {
            "run_id": best["run_id"],
            "name": run["name"][0],
            "value": best["value"],
            "params": _params(run),
        },
        "values": values.gather(ranked["rank"] - 1).to_list(),
        "count": experiment.runs.height,
    }
    return data_script("standing", value)


def _params(run: pl.DataFrame) -> dict[str, str]:
    return dict(long.texts(run).select("key", "text").iter_rows())


def _twin(experiment: Experiment) -> str:
    """Return the experiment as JSON: goal, the best MOST_ROWS runs, effects and slices."""
    goal = experiment.goal
    value = {
        "name": experiment.name,
        "goal": {"metric": goal.metric, "direction": goal.direction, "inferred": goal.inferred}
        if goal
        else None,
        "run_count": experiment.board.count,
        "runs": _rows(experiment),
        "effects": _clean(experiment.effects.to_dicts()),
        "slices": _clean(experiment.slices.to_dicts()),
    }
    return json_text(value)


def _rows(experiment: Experiment) -> list[dict[str, Any]]:
    """Return every run, best first: {run_id, name, status, rank, params, metrics}."""
    board = experiment.board
    names = ("run_id", "name", "status", "rank")
    lists = [board.column(name).values.head(MOST_ROWS).to_list() for name in names]
    shown = experiment.runs.filter(experiment.runs["run_id"].is_in(lists[0]))
    summaries = long.metrics(shown)
    odd = set(summaries.filter(~summaries["last"].is_finite())["run_id"])
    params, metrics = _by_run(long.texts(shown), "text"), _by_run(summaries, "last")
    found = []
    for row in zip(*lists, strict=True):
        run_id = row[0]
        values = metrics.get(run_id, {})
        told = dict(zip(names, row, strict=True))
        told["params"] = params.get(run_id, {})
        told["metrics"] = _clean(values) if run_id in odd else values
        found.append(told)
    return found


def _by_run(items: pl.DataFrame, value: str) -> Mapping[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for run_id, key, item in items.select("run_id", "key", value).iter_rows():
        found.setdefault(run_id, {})[key] = item
    return found


def _clean(value: object) -> object:
    """Return plain data with NaN and infinities as the texts "NaN", "Infinity" and "-Infinity"."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value
