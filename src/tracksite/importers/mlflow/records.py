"""What MLflow keeps, as plain values: the same whether from a folder, a database or a server."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tracksite.importers.entry import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tracksite.importers.entry import File, Series


@contextmanager
def skipping(skip: Callable[[str], None], label: str) -> Iterator[None]:
    """Tell what cannot be read, and go on."""
    try:
        yield
    except UnreadableError as error:
        skip(f"{label} was skipped: {error}")
    except (OSError, RecursionError) as error:
        skip(f"{label} was skipped: it cannot be read ({error})")


class SeriesKey(NamedTuple):
    """Which series of a logged model: a metric, by the run and the data set that gave it."""

    metric: str
    run_id: str
    dataset: str
    digest: str


@dataclass(frozen=True)
class Experiment:
    """An experiment; times in milliseconds since 1970, as in all that follow.

    Attributes:
        key: what its runs and models call it: one of its own, also where an id was given twice.
        experiment_id: MLflow's.
    """

    key: str
    experiment_id: str
    name: str
    deleted: bool = False
    created: int | None = None
    updated: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        experiment: the key of its experiment.
        status: RUNNING, SCHEDULED, FINISHED, FAILED or KILLED.
        source, commit: of MLflow before 1.0, which had no tags for them.
        datasets: of each data set that it read the fields and the tags.
        model_inputs, model_outputs: ids of logged models; of outputs the step too.
        artifact_uri: where MLflow says that the artifacts are.
    """

    run_id: str
    experiment: str
    name: str | None = None
    user: str | None = None
    status: str = "RUNNING"
    started: int | None = None
    ended: int | None = None
    deleted: bool = False
    source: str | None = None
    commit: str | None = None
    artifact_uri: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    series: Mapping[str, Series] = field(default_factory=dict)
    datasets: tuple[tuple[Mapping[str, Any], Mapping[str, str]], ...] = ()
    model_inputs: tuple[str, ...] = ()
    model_outputs: Mapping[str, int] = field(default_factory=dict)
    files: tuple[File, ...] = ()


@dataclass(frozen=True)
class LoggedModel:
    """A logged model of MLflow 3.

    Attributes:
        model_id: begins with "m-".
        experiment: the key of its experiment.
        location: of its files.
    """

    model_id: str
    experiment: str
    name: str
    run_id: str | None = None
    status: str = "READY"
    model_type: str | None = None
    created: int | None = None
    updated: int | None = None
    deleted: bool = False
    location: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    series: Mapping[SeriesKey, Series] = field(default_factory=dict)
    files: tuple[File, ...] = ()


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model; `aliases` maps to version numbers as text."""

    name: str
    description: str | None = None
    created: int | None = None
    updated: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    """A version of a registered model; `storage` is where its files are, if not at `source`."""

    name: str
    version: int
    stage: str = "None"
    description: str | None = None
    created: int | None = None
    updated: int | None = None
    source: str | None = None
    storage: str | None = None
    run_id: str | None = None
    run_link: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


class Reader(Protocol):
    """A source of MLflow's: a folder, a database or a server.

    What cannot be read is told to `skip` in one sentence; the rest is yielded.
    """

    def count(self) -> int:
        """Return how many runs there are."""

    def experiments(self, skip: Callable[[str], None]) -> Iterator[Experiment]:
        """Yield the experiments, deleted ones too."""

    def logged_models(self, skip: Callable[[str], None]) -> Iterator[LoggedModel]:
        """Yield the logged models, deleted ones too."""

    def runs(self, skip: Callable[[str], None]) -> Iterator[Run]:
        """Yield the runs, deleted ones too."""

    def registered_models(self, skip: Callable[[str], None]) -> Iterator[RegisteredModel]:
        """Yield the registered models."""

    def versions(self, skip: Callable[[str], None]) -> Iterator[Version]:
        """Yield the versions of registered models."""
