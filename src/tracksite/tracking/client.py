"""MlflowClient: runs, experiments and models by their ids, with MLflow's signatures and words."""

from __future__ import annotations

import functools
import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from tracksite.errors import ArgumentError
from tracksite.tracking import (
    check,
    experiments,
    fluent,
    handles,
    mlflow_tags,
    retrieve,
    search,
    target,
)
from tracksite.tracking.client_registry import RegistryClient
from tracksite.tracking.datasets import describe
from tracksite.tracking.entities import Metric, PagedList, Run, RunData
from tracksite.tracking.paging import page
from tracksite.tracking.refusing import understood

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tracksite.tracking.entities import Experiment, FileInfo, Param, RunTag
    from tracksite.tracking.kinds import Dataset, Figure, Image, Table, Value

__all__ = ["MlflowClient"]

C = TypeVar("C", bound=type)
WORDS = {"interrupted": "KILLED"}  # MLflow has none for a run whose process is gone
STATUSES = {1: "running", 3: "finished", 4: "failed", 5: "killed"}  # mlflow.entities.RunStatus


def spoken(run: Run) -> Run:
    """Return a run in MLflow's words: its status, and as tags what is a field here."""
    info = run.info
    named = {
        "name": info.run_name,
        "parent_run_id": info.parent_run_id,
        "description": info.description,
        "user": info.user,
    }
    tags = {**run.data.tags, **mlflow_tags.shown(named)}
    status = WORDS.get(info.status, info.status.upper())
    return replace(run, info=replace(info, status=status), data=replace(run.data, tags=tags))


def _in_its_store(kind: C) -> C:
    """Let every method of a client, inherited ones too, ask and write the client's own store."""
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_"):
            setattr(kind, name, _using(method))
    return kind


def _using(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: MlflowClient, *args: Any, **kwargs: Any) -> object:
        with understood(method.__name__), target.using(self.tracking_uri_given):
            return method(self, *args, **kwargs)

    return call


@_in_its_store
class MlflowClient(RegistryClient):
    """What MLflow's client of this name does, over a store in a folder.

    Runs come in MLflow's words (status `FINISHED`, tags such as `mlflow.runName`). A run that
    `create_run` made goes on until `set_terminated`, or is interrupted when the process ends.
    """

    def __init__(self, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        """Take the store's folder; None: the one that is in use whenever a method is called.

        Raises:
            ArgumentError: a registry that is not in the same store.
        """
        if registry_uri not in {None, tracking_uri}:
            raise ArgumentError(
                f"registry URI {registry_uri!r} differs from the store {tracking_uri!r}: "
                "models are registered in the store of their runs, so leave it out."
            )
        self.tracking_uri_given = tracking_uri

    @property
    def tracking_uri(self) -> str:
        """Return the store in use."""
        return self.tracking_uri_given or target.get_tracking_uri()

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Start a run that is active in no thread; `start_time` in milliseconds since 1970.

        Raises:
            StateError: the experiment is deleted.
            NotFoundError: there is none with this id.
        """
        experiment = experiments.name_of(experiment_id)
        fields = mlflow_tags.fields(check.tags(tags or {}))
        if run_name is not None:
            fields["name"] = check.name("run", run_name)
        if start_time is not None:
            fields["started_at"] = check.time_of(start_time)
        run = handles.keep(handles.begin(experiment, None, fields, on_end=handles.dropped))
        return spoken(Run(run.info, RunData({}, {}, fields["tags"])))

    def get_run(self, run_id: str) -> Run:
        """Return a run as it stands now, deleted ones too."""
        return spoken(search.get_run(run_id))

    def get_parent_run(self, run_id: str) -> Run | None:
        """Return the run that a run is nested in, or None."""
        parent = search.get_parent_run(run_id)
        return None if parent is None else spoken(parent)

    def search_runs(  # noqa: PLR0917 - MLflow's signature
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        run_view_type: int | str = 1,
        max_results: int = 1000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Run]:
        """Return a page of the runs that match; see `tracksite.search_runs`."""
        if not experiment_ids:
            return PagedList()

        def ask(count: int) -> list[Run]:
            return search.search_runs(
                experiment_ids,
                filter_string or "",
                order_by=order_by,
                max_results=count,
                run_view_type=run_view_type,
                output_format="list",
            )

        found = page(ask, max_results, page_token)
        return PagedList(map(spoken, found), found.token)

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """Return every point of one metric, in order of step, then time.

        The timestamp is 0 where no date can hold it.
        """
        return [
            Metric(key, value, 0 if at is None else round(at.timestamp() * 1000), step)
            for step, at, value in search.get_metric_history(run_id, key).iter_rows()
        ]

    def log_metric(  # noqa: PLR0917 - MLflow's signature
        self,
        run_id: str,
        key: str,
        value: float,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool | None = None,  # noqa: ARG002, FBT001 - accepted as MLflow does
    ) -> None:
        """Log one value of a metric."""
        with handles.logging_to(run_id) as run:
            run.log_metric(key, value, step, timestamp)

    def log_param(
        self,
        run_id: str,
        key: str,
        value: Value,
        synchronous: bool | None = None,  # noqa: ARG002, FBT001 - accepted as MLflow does
    ) -> Value:
        """Log one param; return its value."""
        with handles.logging_to(run_id) as run:
            return run.log_param(key, value)

    def log_batch(
        self,
        run_id: str,
        metrics: Iterable[Metric] = (),
        params: Iterable[Param] = (),
        tags: Iterable[RunTag] = (),
        synchronous: bool | None = None,  # noqa: ARG002, FBT001 - accepted as MLflow does
    ) -> None:
        """Log many metrics, params and tags at once; nothing when one of them is refused."""
        texts: dict[str, Any] = {}
        for one in params:
            if texts.setdefault(one.key, one.value) != one.value:
                raise ArgumentError(f"log_batch() got the param {one.key!r} twice: drop one value.")
        labels = check.tags({one.key: one.value for one in tags})
        points = [check.point(one.key, one.value, one.step, one.timestamp) for one in metrics]
        with handles.logging_to(run_id) as run:
            run.log_params(texts)
            run.set_tags(labels)
            for key, value, step, at in points:
                run.log_metric(key, value, step, at)

    def set_tag(
        self,
        run_id: str,
        key: str,
        value: Value,
        synchronous: bool | None = None,  # noqa: ARG002, FBT001 - accepted as MLflow does
    ) -> None:
        """Set one tag."""
        with handles.logging_to(run_id) as run:
            run.set_tag(key, value)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag."""
        with handles.logging_to(run_id) as run:
            run.delete_tag(key)

    def log_inputs(self, run_id: str, datasets: Iterable[Dataset] = ()) -> None:
        """Note the data sets that a run reads, each as `tracksite.log_input` takes it.

        Nothing is noted when one of them is refused.
        """
        rows = [describe(dataset) for dataset in datasets]
        with handles.logging_to(run_id) as run:
            run.add_inputs(rows)

    def log_artifact(
        self, run_id: str, local_path: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Copy a file or folder into a run."""
        with handles.logging_to(run_id) as run:
            run.log_artifact(local_path, artifact_path)

    def log_artifacts(
        self, run_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Copy all that is in a folder into a run."""
        with handles.logging_to(run_id) as run:
            run.log_artifacts(local_dir, artifact_path)

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Write a text into a run."""
        with handles.logging_to(run_id) as run:
            run.log_text(text, artifact_file)

    def log_dict(self, run_id: str, dictionary: Mapping[str, Any], artifact_file: str) -> None:
        """Write a dict into a run as JSON or YAML."""
        with handles.logging_to(run_id) as run:
            run.log_dict(dictionary, artifact_file)

    def log_figure(
        self,
        run_id: str,
        figure: Figure,
        artifact_file: str,
        *,
        save_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a figure into a run."""
        with handles.logging_to(run_id) as run:
            run.log_figure(figure, artifact_file, save_kwargs=save_kwargs)

    def log_image(
        self,
        run_id: str,
        image: Image,
        artifact_file: str | None = None,
        key: str | None = None,
        step: int | None = None,
    ) -> None:
        """Write an image into a run."""
        with handles.logging_to(run_id) as run:
            run.log_image(image, artifact_file, key=key, step=step)

    def log_table(self, run_id: str, data: Table, artifact_file: str) -> None:
        """Write a table into a run."""
        with handles.logging_to(run_id) as run:
            run.log_table(data, artifact_file)

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """Return the files and folders directly below a folder of a run's artifacts."""
        return retrieve.list_artifacts(run_id, path)

    def download_artifacts(self, run_id: str, path: str, dst_path: str | None = None) -> str:
        """Return the local path of a file or folder of a run; "" is all of it."""
        return retrieve.download_artifacts(
            run_id=run_id, artifact_path=path or None, dst_path=dst_path
        )

    def set_terminated(
        self, run_id: str, status: str | int | None = None, end_time: int | None = None
    ) -> None:
        """End a run: FINISHED, FAILED or KILLED; `end_time` in milliseconds since 1970."""
        run = handles.handle(run_id) or handles.reopen(
            search.get_run(run_id), on_end=handles.dropped
        )
        word = STATUSES.get(status, "") if isinstance(status, int) else status
        run.end(word or "finished", ended_at=end_time)

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Change a run's name, end it, or let it go on with the status RUNNING."""
        if name is not None:
            self.set_tag(run_id, "mlflow.runName", check.name("run", name))
        if status is not None and status.lower() != "running":
            self.set_terminated(run_id, status)
        elif status is not None and handles.handle(run_id) is None:
            handles.keep(handles.resume(search.get_run(run_id), {}, on_end=handles.dropped))

    def delete_run(self, run_id: str) -> None:
        """Hide a run until `restore_run`."""
        fluent.delete_run(run_id)

    def restore_run(self, run_id: str) -> None:
        """Bring a deleted run back."""
        fluent.restore_run(run_id)

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        """Create an experiment and return its id.

        Raises:
            ArgumentError: an artifact location: artifacts are kept in the store.
            StateError: there is one of this name.
        """
        return experiments.create_experiment(name, artifact_location=artifact_location, tags=tags)

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Return the experiment with this id."""
        return search.get_experiment(experiment_id)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Return the experiment of this name, or None."""
        return search.get_experiment_by_name(name)

    def search_experiments(
        self,
        view_type: int | str = 1,
        max_results: int = 1000,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """Return a page of experiments; see `tracksite.search_experiments`."""

        def ask(count: int) -> list[Experiment]:
            return search.search_experiments(
                view_type=view_type,
                filter_string=filter_string,
                order_by=order_by,
                max_results=count,
            )

        return page(ask, max_results, page_token)

    def set_experiment_tag(self, experiment_id: str, key: str, value: Value) -> None:
        """Set one tag of an experiment."""
        experiments.set_experiment_tag(key, value, experiment_id=experiment_id)

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag of an experiment."""
        experiments.delete_experiment_tag(key, experiment_id=experiment_id)

    def delete_experiment(self, experiment_id: str) -> None:
        """Hide an experiment and its runs until `restore_experiment`."""
        experiments.delete_experiment(experiment_id)

    def restore_experiment(self, experiment_id: str) -> None:
        """Bring a deleted experiment and its runs back."""
        experiments.restore_experiment(experiment_id)
