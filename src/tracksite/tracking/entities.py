"""What the logging API hands out: frozen values with the names of MLflow's entities."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from tracksite.store.ids import experiment_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

T = TypeVar("T")


class ViewType:
    """Which runs or experiments a search shows, as MLflow numbers them."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3


class PagedList(list[T]):
    """One page of an answer; `token` asks for the next one, None: there is none."""

    def __init__(self, items: Iterable[T] = (), token: str | None = None) -> None:
        """Take the page's items and the token of the next page."""
        super().__init__(items)
        self.token = token


@dataclass(frozen=True)
class Metric:
    """One point of a metric; the timestamp in milliseconds since 1970, as MLflow has it."""

    key: str
    value: float
    timestamp: int
    step: int = 0


@dataclass(frozen=True)
class Param:
    """One param."""

    key: str
    value: str


@dataclass(frozen=True)
class RunTag:
    """One tag."""

    key: str
    value: str


@dataclass(frozen=True)
class RunInfo:
    """What a run is, apart from what it logged.

    Attributes:
        run_id: 32 hex digits; ids sort by time.
        run_name: as given, or one made up.
        experiment: the experiment's name.
        status: running, finished, failed, killed or interrupted.
        started_at: UTC.
        ended_at: UTC, or None while the run goes on.
        parent_run_id: of a nested run.
        user: who ran it.
        artifact_uri: the folder of its artifacts.
        lifecycle_stage: "active" or "deleted".
        description: Markdown.
        error: the traceback of a failed run.
    """

    run_id: str
    run_name: str
    experiment: str
    status: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    parent_run_id: str | None = None
    user: str | None = None
    artifact_uri: str = ""
    lifecycle_stage: str = "active"
    description: str | None = None
    error: str | None = None

    @property
    def experiment_id(self) -> str:
        """Return the id of its experiment."""
        return experiment_id(self.experiment)

    @property
    def start_time(self) -> int | None:
        """Return the start in milliseconds since 1970, as MLflow gives it."""
        return _milliseconds(self.started_at)

    @property
    def end_time(self) -> int | None:
        """Return the end in milliseconds since 1970, as MLflow gives it."""
        return _milliseconds(self.ended_at)


def _milliseconds(time: datetime | None) -> int | None:
    return None if time is None else round(time.timestamp() * 1000)


@dataclass(frozen=True)
class RunData:
    """What a run logged: params and tags as text, metrics by their last value."""

    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class RunInputs:
    """The data sets that a run read: name, context, source, digest, schema (JSON) and rows."""

    dataset_inputs: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True)
class Run:
    """A run as it stands in the store at one moment."""

    info: RunInfo
    data: RunData
    inputs: RunInputs = field(default_factory=RunInputs)


@dataclass(frozen=True)
class Experiment:
    """A named group of runs."""

    experiment_id: str
    name: str
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    lifecycle_stage: str = "active"


@dataclass(frozen=True)
class FileInfo:
    """One file or folder among a run's artifacts; a folder has no size."""

    path: str
    is_dir: bool
    file_size: int | None


@dataclass(frozen=True)
class ModelVersion:
    """One version of a registered model.

    Attributes:
        name: of the registered model.
        version: 1, 2, 3, …
        current_stage: None, Staging, Production or Archived, as text.
        run_id: the run that made it.
        source: the model's folder among that run's artifacts.
        aliases: the aliases that point at it.
        created_at: UTC.
        version_id: identity of this version in the store.
    """

    name: str
    version: int
    current_stage: str
    run_id: str | None
    source: str | None
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None
    created_at: datetime | None = None
    version_id: str = ""

    @property
    def creation_timestamp(self) -> int | None:
        """Return when it was made in milliseconds since 1970, as MLflow gives it."""
        return _milliseconds(self.created_at)

    @property
    def status(self) -> str:
        """Return READY, as MLflow says it of a version that can be loaded."""
        return "READY"


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model: a name, what its aliases point at, and its versions, newest first."""

    name: str
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    latest_versions: tuple[ModelVersion, ...] = ()


@dataclass(frozen=True)
class ModelInfo:
    """A model that was logged.

    Attributes:
        model_uri: `runs:/<run_id>/<path>`, which `load_model` takes.
        run_id: the run that it belongs to.
        artifact_path: its folder among the run's artifacts.
        flavor: the way it was written, a name in `flavors.FLAVORS`.
        registered_model_version: the version that it became, or None.
    """

    model_uri: str
    run_id: str
    artifact_path: str
    flavor: str
    registered_model_version: int | None = None
