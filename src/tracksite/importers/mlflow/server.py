"""Servers, and every other place that MLflow's own client can read: page by page."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from tracksite.errors import NotFoundError, TracksiteError
from tracksite.importers.entry import File, UnreadableError
from tracksite.importers.mlflow import values
from tracksite.importers.mlflow.places import Places, opener, path_parts
from tracksite.importers.mlflow.records import (
    Experiment,
    LoggedModel,
    RegisteredModel,
    Run,
    SeriesKey,
    Version,
    skipping,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Skip = Callable[[str], None]

_PAGE = 1000
_MODEL_PAGE = 100
_ALL = 3  # ViewType.ALL: what is deleted too


class Server:
    """A tracking server, or a database that is not SQLite."""

    def __init__(self, uri: str, artifacts: Iterable[Path] = ()) -> None:
        """Reach a server, and take folders in which artifacts may be.

        Raises:
            TracksiteError: MLflow's client is not installed.
            NotFoundError: nothing answers.
        """
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
        except ImportError:
            raise TracksiteError(
                f"reading {uri!r} needs MLflow's client, which is not installed: "
                "pip install 'tracksite[mlflow]'."
            ) from None
        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self._places = Places(tuple(artifacts))
        self._error: type[Exception] = MlflowException
        try:
            self._experiments = _paged(self._client.search_experiments, _PAGE, view_type=_ALL)
        except MlflowException as error:
            raise NotFoundError(
                f"{uri!r} cannot be read ({_short(error)}): is the server running?"
            ) from error

    def count(self) -> int:
        """Return how many runs there are; what is known when the first page was read."""
        return 0

    def experiments(self, skip: Skip) -> Iterator[Experiment]:
        """Yield the experiments."""
        for one in self._experiments:
            with skipping(skip, f"experiment {one.experiment_id}"):
                yield Experiment(
                    str(one.experiment_id),
                    str(one.experiment_id),
                    values.required(one.name, "name"),
                    deleted=one.lifecycle_stage == "deleted",
                    created=values.millis(one.creation_time),
                    updated=values.millis(one.last_update_time),
                    tags=values.texts(one.tags.items(), "tag"),
                )

    def runs(self, skip: Skip) -> Iterator[Run]:
        """Yield the runs of one experiment after the other."""
        for experiment in self._experiments:
            found = _pages(
                self._client.search_runs,
                _PAGE,
                experiment_ids=[experiment.experiment_id],
                run_view_type=_ALL,
            )
            for one in found:
                with skipping(skip, f"run {one.info.run_id}"), self._translated():
                    yield self._run(one, skip)
        self._places.tell_missing(skip)

    def _run(self, one: Any, skip: Skip) -> Run:  # noqa: ANN401 - an entity of MLflow
        info, read = one.info, one.inputs
        made = getattr(getattr(one, "outputs", None), "model_outputs", ())
        return Run(
            info.run_id,
            str(info.experiment_id),
            name=values.text(info.run_name),
            user=values.text(info.user_id),
            status=info.status,
            started=values.millis(info.start_time),
            ended=values.millis(info.end_time),
            deleted=info.lifecycle_stage == "deleted",
            artifact_uri=info.artifact_uri,
            params=values.texts(one.data.params.items(), "param"),
            tags=values.texts(one.data.tags.items(), "tag"),
            series={
                key: values.series(
                    (point.step, point.timestamp, point.value)
                    for point in self._client.get_metric_history(info.run_id, key)
                )
                for key in one.data.metrics
            },
            datasets=tuple(
                (dict(each.dataset), {tag.key: tag.value for tag in each.tags})
                for each in (read.dataset_inputs if read else ())
            ),
            model_inputs=tuple(each.model_id for each in getattr(read, "model_inputs", None) or ()),
            model_outputs={each.model_id: each.step for each in made or ()},
            files=self._files(
                info.artifact_uri,
                f"run {info.run_id}",
                lambda path: self._client.list_artifacts(info.run_id, path),
                lambda path, to: self._client.download_artifacts(info.run_id, path, to),
                skip,
            ),
        )

    def logged_models(self, skip: Skip) -> Iterator[LoggedModel]:
        """Yield the logged models; a server before MLflow 3 has none."""
        for experiment in self._experiments:
            try:
                found = _paged(
                    self._client.search_logged_models,
                    _MODEL_PAGE,
                    experiment_ids=[experiment.experiment_id],
                )
            except (self._error, AttributeError):
                return
            for one in found:
                with skipping(skip, f"logged model {one.model_id}"), self._translated():
                    yield self._logged_model(one, skip)
        self._places.tell_missing(skip)

    def _logged_model(self, one: Any, skip: Skip) -> LoggedModel:  # noqa: ANN401 - as above
        groups: dict[SeriesKey, list[tuple[int, int, float]]] = {}
        for point in one.metrics or ():
            about = point.run_id or "", point.dataset_name or "", point.dataset_digest or ""
            groups.setdefault(SeriesKey(point.key, *about), []).append(
                (point.step, point.timestamp, point.value)
            )
        return LoggedModel(
            one.model_id,
            str(one.experiment_id),
            one.name,
            run_id=values.text(one.source_run_id),
            status=str(one.status),
            model_type=values.text(one.model_type),
            created=values.millis(one.creation_timestamp),
            updated=values.millis(one.last_updated_timestamp),
            location=one.artifact_location,
            params=values.texts(one.params.items(), "param"),
            tags=values.texts(one.tags.items(), "tag"),
            series={key: values.series(points) for key, points in groups.items()},
            files=self._files(
                one.artifact_location,
                f"logged model {one.model_id}",
                lambda path: self._client.list_logged_model_artifacts(one.model_id, path),
                lambda path, to: _downloaded(f"{one.artifact_location}/{path}", to),
                skip,
            ),
        )

    def registered_models(self, skip: Skip) -> Iterator[RegisteredModel]:
        """Yield the registered models."""
        for one in _paged(self._client.search_registered_models, _MODEL_PAGE):
            with skipping(skip, f"registered model {one.name}"):
                yield RegisteredModel(
                    values.required(one.name, "name"),
                    description=values.text(one.description),
                    created=values.millis(one.creation_timestamp),
                    updated=values.millis(one.last_updated_timestamp),
                    tags=values.texts(one.tags.items(), "tag"),
                    aliases=values.texts(one.aliases.items(), "alias"),
                )

    def versions(self, skip: Skip) -> Iterator[Version]:
        """Yield the versions of registered models."""
        for one in _paged(self._client.search_model_versions, _PAGE):
            with skipping(skip, f"version {one.version} of model {one.name}"):
                yield Version(
                    values.required(one.name, "name"),
                    values.whole(one.version),
                    stage=one.current_stage or "None",
                    description=values.text(one.description),
                    created=values.millis(one.creation_timestamp),
                    updated=values.millis(one.last_updated_timestamp),
                    source=values.text(one.source),
                    run_id=values.text(one.run_id),
                    run_link=values.text(one.run_link),
                    tags=values.texts(one.tags.items(), "tag"),
                )

    def _files(
        self,
        uri: str,
        label: str,
        listing: Callable[[str | None], list[Any]],
        download: Callable[[str, str], str],
        skip: Skip,
    ) -> tuple[File, ...]:
        """Return the artifacts at a URI.

        One that is a path of this machine is read only below the folders that the user named: the
        server could name any.
        """
        try:
            if urlsplit(uri).scheme != "mlflow-artifacts" and path_parts(uri) is not None:
                return self._places.files(uri, label, skip)
            with self._translated():
                return tuple(
                    File(one.path, one.file_size, None, _remote(download, one.path))
                    for one in _walk(listing, None)
                )
        except UnreadableError as error:
            skip(f"the artifacts of {label} were left out: {error}")
            return ()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what the client raises into what is skipped."""
        try:
            yield
        except self._error as error:
            raise UnreadableError(_short(error)) from error


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:200]


def _pages(search: Callable[..., Any], size: int, **arguments: Any) -> Iterator[Any]:
    """Yield what a search finds, asking for one page after the other."""
    token = None
    while True:
        page = search(max_results=size, page_token=token, **arguments)
        yield from page
        token = page.token
        if not token:
            return


def _paged(search: Callable[..., Any], size: int, **arguments: Any) -> list[Any]:
    return list(_pages(search, size, **arguments))


def _walk(listing: Callable[[str | None], list[Any]], path: str | None) -> Iterator[Any]:
    for one in listing(path):
        if one.is_dir:
            if path is None or one.path.startswith(f"{path}/"):  # else it would go in circles
                yield from _walk(listing, one.path)
        else:
            yield one


def _remote(download: Callable[[str, str], str], path: str) -> Callable[[], Any]:
    """Return what downloads a file and opens it, until it has been read."""

    @contextmanager
    def open_file() -> Iterator[BinaryIO]:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            try:
                content = stack.enter_context(opener(Path(download(path, folder)))())
            except Exception as error:
                raise UnreadableError(f"{path!r} cannot be downloaded ({_short(error)})") from error
            yield content

    return open_file


def _downloaded(uri: str, folder: str) -> str:
    from mlflow.artifacts import download_artifacts

    return str(download_artifacts(artifact_uri=uri, dst_path=folder))
