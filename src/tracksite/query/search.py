"""Runs that pass a filter, in order: what the public `search_runs` returns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tracksite.errors import ArgumentError
from tracksite.query import filters, leaderboard, long
from tracksite.query.runs import fold, runs
from tracksite.store.ids import experiment_id

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tracksite.schema import Snapshot

ARTIFACT_URI = "artifact_uri"  # MLflow's name of where the files of a run are
_FIRST = ("run_id", "experiment_id", "experiment", "status", "name", "started_at", "ended_at")


def search(
    snapshot: Snapshot,
    *,
    experiments: Collection[str] | None = None,
    filter_text: str = "",
    order_by: Sequence[str] = (),
    max_results: int = 100_000,
    deleted: bool = False,
) -> pl.DataFrame:
    """Return one row per run: those that pass the filter, in order, at most `max_results`.

    Args:
        snapshot: where to look.
        experiments: names of experiments; None for all.
        filter_text: for example "metrics.f1 > 0.9 and params.lr = '0.01'": see `syntax`.
        order_by: for example ["metrics.f1 DESC"]; else newest first: see `leaderboard.order`.
        max_results: how many rows at most.
        deleted: the deleted runs instead of the others.

    Columns: run_id, experiment_id, experiment, status, name, started_at, ended_at (UTC), the
    other attributes of `leaderboard.ATTRIBUTES`, then `params.*` (text), `metrics.*` (float64, the
    last value) and `tags.*` (text) of all runs of these experiments, null where a run has none.

    Raises:
        ArgumentError: a filter, an order, `max_results` or `experiments` that cannot be accepted;
            an order by what no run has.
    """
    if isinstance(experiments, str):
        raise ArgumentError(f"experiments is the text {experiments!r}; pass a list of names.")
    if max_results < 1:
        raise ArgumentError(f"max_results is {max_results!r}; pass a whole number of 1 or more.")
    found = runs(fold(snapshot), deleted=deleted)
    if experiments is not None:
        found = found.filter(pl.col("experiment").is_in(list(experiments)))
    board = located(_with_experiment_id(leaderboard.wide(found)), snapshot.root)
    passing = filters.apply(board, filter_text, long.inputs(found))
    ordered = leaderboard.order(passing, order_by).head(max_results)
    for message in filters.unsorted(board, order_by):
        raise ArgumentError(message)
    return ordered.drop(ARTIFACT_URI)


def located(board: pl.DataFrame, root: str | Path) -> pl.DataFrame:
    """Return a board of runs of the store at `root` with the folders of their artifacts."""
    folder = Path(root, "artifacts")
    paths = [str(folder / run_id) for run_id in board["run_id"]]
    return board.with_columns(pl.Series(ARTIFACT_URI, paths, dtype=pl.String))


def _with_experiment_id(board: pl.DataFrame) -> pl.DataFrame:
    names = board["experiment"].unique()
    ids = [experiment_id(name) for name in names]
    identity = pl.col("experiment").replace_strict(names, ids, return_dtype=pl.String)
    return board.with_columns(identity.alias("experiment_id")).select(*_FIRST, pl.exclude(_FIRST))
