"""Questions to the store in use: the one place where the write side asks the query half."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from tracksite.errors import ArgumentError, NotFoundError
from tracksite.store.ids import check_run_id, experiment_id
from tracksite.tracking import check, mlflow_tags, target
from tracksite.tracking.entities import Experiment, Run, RunData, RunInfo, RunInputs
from tracksite.tracking.refusing import refusing
from tracksite.tracking.warning import warn

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd
    import polars as pl

    from tracksite.query.registry import Alias
    from tracksite.schema import Snapshot
    from tracksite.store.local import LocalStore

__all__ = [
    "get_experiment",
    "get_experiment_by_name",
    "get_metric_history",
    "get_parent_run",
    "get_run",
    "search_experiments",
    "search_runs",
]

MAX_RESULTS = 100_000
VIEWS = {"active": (False,), "deleted": (True,), "all": (False, True)}
_MLFLOW_VIEWS = {1: "active", 2: "deleted", 3: "all"}  # mlflow.entities.ViewType


def folded(run_ids: Collection[str] | None = None) -> pl.DataFrame:
    """Return the state of every entity of the store in use, or of these; see `query.runs.fold`."""
    from tracksite.query.runs import fold

    return fold(_snapshot(run_ids))


def _snapshot(run_ids: Collection[str] | None = None) -> Snapshot:
    return target.store().snapshot(run_ids)


def _run_row(run_id: str) -> dict[str, Any]:
    """Return one run, deleted or not, with all its fields and lists."""
    import polars as pl

    from tracksite.query import runs

    frame = folded([check_run_id(run_id)])
    for name in frame.filter(pl.col("kind") == "run")["experiment"]:
        home = experiment_id(name or target.DEFAULT_EXPERIMENT)
        if target.has_changed(home):  # it may be deleted, and the run with it
            frame = folded([run_id, home])
    for deleted in VIEWS["all"]:
        row = runs.one(runs.runs(frame, deleted=deleted), run_id)
        if row is not None:
            return row
    raise NotFoundError(
        f"there is no run {run_id} in {target.get_tracking_uri()!r}: "
        "check the id, or set_tracking_uri() to the store that has it."
    )


@refusing
def get_run(run_id: str) -> Run:
    """Return a run as it stands now, deleted ones too.

    Returns:
        Run: `.info` (run_id, run_name, status, …), `.data.params`, `.data.metrics` (last
        values), `.data.tags`, `.inputs.dataset_inputs`.

    Raises:
        ArgumentError: no run id.
        NotFoundError: no such run, or no store.
    """
    return _to_run(_run_row(run_id))


def artifact_rows(run_id: str) -> list[dict[str, Any]]:
    """Return what a run says about its artifacts: path, bytes, sha256, file; sorted by path."""
    return sorted(_run_row(run_id)["artifacts"] or (), key=lambda row: str(row["path"]))


def artifact_row(store: LocalStore, run_id: str, path: str) -> dict[str, Any] | None:
    """Return what a run of a store says about one artifact; None where it has none."""
    from tracksite.query import runs

    row = runs.one(runs.fold(store.snapshot([run_id])), run_id) or {}
    return next((it for it in row.get("artifacts") or () if it["path"] == path), None)


def _to_run(row: dict[str, Any]) -> Run:
    data = RunData(
        params=pairs(row["params"]),
        metrics={item["key"]: item["last"] for item in row["metrics"] or ()},
        tags=pairs(row["tags"]),
    )
    info = RunInfo(
        run_id=row["run_id"],
        run_name=row["name"] or "",
        experiment=row["experiment"],
        status=row["status"] or "interrupted",
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        parent_run_id=row["parent_run_id"],
        user=row["user"],
        artifact_uri=str(target.store().artifact_dir(row["run_id"])),
        lifecycle_stage="deleted" if row["deleted"] else "active",
        description=row["description"],
        error=row["error"] or None,
    )
    return Run(info, data, RunInputs(tuple(row["inputs"] or ())))


def pairs(items: Sequence[dict[str, str]] | None) -> dict[str, str]:
    """Return a folded list of keys and texts as a dict."""
    return {item["key"]: item["text"] for item in items or ()}


@refusing
def get_parent_run(run_id: str) -> Run | None:
    """Return the run that a run is nested in, or None.

    Raises:
        NotFoundError: no such run.
    """
    parent = get_run(run_id).info.parent_run_id
    return None if parent is None else get_run(parent)


@refusing
def get_metric_history(run_id: str, key: str) -> pl.DataFrame:
    """Return every point of one metric.

    Returns:
        Columns step (int64), timestamp (UTC; null where no date can hold it), value (float64, NaN
        and ±inf kept), in order of step, then time, then logging. No rows when the run has no such
        metric.

    Raises:
        NotFoundError: no such run.
    """
    from tracksite.query.curves import history

    get_run(run_id)
    check.is_text("metric key", key)  # one that no verb takes may be there all the same
    return history(_snapshot([run_id]), run_id, key)


@refusing
def search_experiments(
    *,
    view_type: str | int = "active",
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
    max_results: int | None = None,
) -> list[Experiment]:
    """Return the experiments of the store, sorted by name.

    Args:
        view_type: "active", "deleted" or "all", or MLflow's 1, 2, 3.
        filter_string: over name, experiment_id and tags, such as "name LIKE 'digits%'".
        order_by: such as ["name DESC"].
        max_results: at most so many.

    Raises:
        ArgumentError: a filter, order or view that is not understood.
    """
    frame, deleted = folded(), _deleted(view_type)
    found = [one for wanted in deleted for one in _experiments(frame, deleted=wanted)]
    found.sort(key=lambda one: one.name)
    rows = [
        {"name": one.name, "experiment_id": one.experiment_id, **tag_columns(one.tags)}
        for one in found
    ]
    return [found[number] for number in matching(rows, filter_string, order_by)][:max_results]


def _experiments(frame: pl.DataFrame, *, deleted: bool = False) -> list[Experiment]:
    from tracksite.query.runs import experiments

    stage = "deleted" if deleted else "active"
    return [
        Experiment(row["experiment_id"], row["name"], row["description"], pairs(row["tags"]), stage)
        for row in experiments(frame, deleted=deleted).to_dicts()
    ]


def tag_columns(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags as the columns that filters and orders know them by."""
    return {f"tags.{key}": text for key, text in tags.items()}


def matching(
    rows: Sequence[Mapping[str, Any]], filter_string: str | None, order_by: Sequence[str] | None
) -> list[int]:
    """Return the numbers of the rows that pass a filter, in the order that is asked for.

    Args:
        rows: {attribute: value, "tags.<key>": text} of each thing.
        filter_string: in the language of `search_runs`.
        order_by: as there; as they are when None.

    Raises:
        ArgumentError: a filter or order that is not understood.
    """
    import polars as pl

    from tracksite.query import filters
    from tracksite.query.syntax import parse_order

    number = "row number"
    if not rows:
        return []
    frame = pl.DataFrame([dict(row) for row in rows], infer_schema_length=None)
    frame = frame.with_row_index(number)
    _warn_unsorted(frame.drop(number), order_by or ())
    if filter_string and filter_string.strip():
        frame = filters.apply(frame, filter_string)
    for text in reversed(order_by or ()):
        wanted = parse_order(text)
        place = filters.column(frame, wanted.name, text, "order")
        if place is not None:
            frame = frame.sort(
                place, descending=wanted.descending, nulls_last=True, maintain_order=True
            )
    return frame[number].to_list()


@refusing
def get_experiment_by_name(name: str) -> Experiment | None:
    """Return the experiment of this name, or None, as MLflow does."""
    check.name("experiment", name)
    try:
        return get_experiment(experiment_id(name))
    except NotFoundError:
        return None


@refusing
def get_experiment(experiment_id: str) -> Experiment:
    """Return the experiment with this id.

    Raises:
        NotFoundError: no such experiment, or no store.
    """
    for wanted in ([experiment_id], None):  # its own entity first: the whole store takes longer
        for experiment in _experiments(folded(wanted)):
            if experiment.experiment_id == experiment_id:
                return experiment
    raise NotFoundError(
        f"there is no experiment with the id {experiment_id!r} in {target.get_tracking_uri()!r}: "
        "search_experiments() lists those that are."
    )


@overload
def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    *,
    experiment_names: Sequence[str] | None = None,
    order_by: Sequence[str] | None = None,
    max_results: int = MAX_RESULTS,
    run_view_type: str | int = "active",
    search_all_experiments: bool = False,
    output_format: Literal["polars"] = "polars",
) -> pl.DataFrame: ...


@overload
def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    *,
    experiment_names: Sequence[str] | None = None,
    order_by: Sequence[str] | None = None,
    max_results: int = MAX_RESULTS,
    run_view_type: str | int = "active",
    search_all_experiments: bool = False,
    output_format: Literal["pandas"],
) -> pd.DataFrame: ...


@overload
def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    *,
    experiment_names: Sequence[str] | None = None,
    order_by: Sequence[str] | None = None,
    max_results: int = MAX_RESULTS,
    run_view_type: str | int = "active",
    search_all_experiments: bool = False,
    output_format: Literal["list"],
) -> list[Run]: ...


@refusing
def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    *,
    experiment_names: Sequence[str] | None = None,
    order_by: Sequence[str] | None = None,
    max_results: int = MAX_RESULTS,
    run_view_type: str | int = "active",
    search_all_experiments: bool = False,
    output_format: str = "polars",
) -> Any:
    """Return the runs that match, one row each.

    Args:
        experiment_ids: of these experiments.
        filter_string: for example "metrics.f1 > 0.9 and params.lr = '0.01'". The status is in
            lower case (`finished`); filters understand MLflow's upper case too.
        experiment_names: of these experiments, beside those of `experiment_ids`; without either,
            of the active experiment.
        order_by: for example ["metrics.f1 DESC", "params.lr"]; newest first when None. As in
            MLflow what no run has orders nothing; a warning says so.
        max_results: at most so many rows.
        run_view_type: "active", "deleted" or "all", or MLflow's 1, 2, 3.
        search_all_experiments: of all experiments when none is named.
        output_format: "polars", "pandas", or "list" of Run.

    Returns:
        A Polars DataFrame with run_id, experiment_id, experiment, name, status, started_at,
        ended_at, duration_s, parent_run_id, user, source, git_commit, artifact_uri, then
        `params.<key>` (text), `metrics.<key>` (last value) and `tags.<key>` (text).

    Raises:
        ArgumentError: a filter, order or option that is not understood.
        NotFoundError: no store yet.
    """
    from tracksite.query import filters, leaderboard, long
    from tracksite.query.search import located

    if output_format not in {"polars", "pandas", "list"}:
        raise ArgumentError(
            f"output_format {output_format!r} is not known: use 'polars', 'pandas' or 'list'."
        )
    if type(max_results) is not int or max_results < 1:
        raise ArgumentError(f"max_results {max_results!r} is not a positive whole number.")
    rows = _of_experiments(
        _view(run_view_type), experiment_ids, experiment_names, everything=search_all_experiments
    )
    wide = board = located(leaderboard.wide(rows), target.store().root)
    if filter_string.strip():
        wanted = mlflow_tags.in_filter(filter_string)
        wide = filters.apply(board, wanted, long.inputs(rows))
    if order_by is not None and not isinstance(order_by, str):
        order_by = [mlflow_tags.in_filter(text) for text in order_by]
        _warn_unsorted(board, order_by)
    wide = leaderboard.order(wide, order_by or ()).head(max_results)
    if output_format == "list":
        by_id = {row["run_id"]: row for row in rows.to_dicts()}
        return [_to_run(by_id[run_id]) for run_id in wide["run_id"]]
    table = _as_told(wide)
    return table if output_format == "polars" else long.for_arrow(table).to_pandas()


def _warn_unsorted(frame: pl.DataFrame, order_by: Sequence[str]) -> None:
    from tracksite.query import filters

    for message in filters.unsorted(frame, order_by):
        warn(message)


def _view(view: str | int) -> pl.DataFrame:
    """Return the runs, newest first, that a view shows."""
    import polars as pl

    from tracksite.query import runs

    deleted = _deleted(view)
    frame = folded()
    parts = [runs.runs(frame, deleted=wanted) for wanted in deleted]
    return pl.concat(parts).sort("run_id", descending=True)


def _deleted(view: str | int) -> tuple[bool, ...]:
    """Return which values of `deleted` a view shows."""
    name = str(_MLFLOW_VIEWS.get(view, "") if isinstance(view, int) else view).lower()
    if name not in VIEWS:
        raise ArgumentError(f"the view {view!r} is not one of {', '.join(VIEWS)}: use one.")
    return VIEWS[name]


def _of_experiments(
    rows: pl.DataFrame,
    ids: Sequence[str] | None,
    names: Sequence[str] | None,
    *,
    everything: bool,
) -> pl.DataFrame:
    import polars as pl

    for what, given in (("experiment_ids", ids), ("experiment_names", names)):
        if isinstance(given, str):
            raise ArgumentError(f"{what} is the text {given!r}: pass a list, as in [{given!r}].")
    wanted = {*(ids or ()), *map(experiment_id, names or ())}
    if not wanted:
        if everything:
            return rows
        wanted = {experiment_id(target.active_experiment())}
    known = {name: experiment_id(name) for name in rows["experiment"].unique()}
    chosen = [name for name, identity in known.items() if identity in wanted]
    return rows.filter(pl.col("experiment").is_in(chosen))


def _as_told(wide: pl.DataFrame) -> pl.DataFrame:
    """Return the columns in their order, with the ids of experiments."""
    import polars as pl

    from tracksite.query import leaderboard

    known = {name: experiment_id(name) for name in wide["experiment"].unique()}
    identity = pl.Series("experiment_id", [known[name] for name in wide["experiment"]], pl.String)
    uri = wide.drop_in_place("artifact_uri")
    wide.insert_column(len(leaderboard.ATTRIBUTES), uri)
    return wide.insert_column(1, identity)


def was_deleted(identity: str) -> bool:
    """Return whether the last word on an experiment deleted it, whatever is left of it."""
    return any(folded([identity])["deleted"])


def registered_models(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the registered models of what `folded` returned; see `query.registry.models`."""
    from tracksite.query.registry import models

    return models(frame).to_dicts()


def model_versions(frame: pl.DataFrame, *, deleted: bool = False) -> list[dict[str, Any]]:
    """Return the versions of all models, by name and number; see `query.registry`."""
    from tracksite.query.registry import model_versions as versions

    return versions(frame, deleted=deleted).to_dicts()


def aliases(frame: pl.DataFrame) -> dict[str, list[Alias]]:
    """Return name of a model → its aliases; see `query.registry.aliases`."""
    from tracksite.query import registry

    return registry.aliases(frame)
