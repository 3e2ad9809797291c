"""Everything that MLflow keeps in one place, as entries of a store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tracksite.errors import NotFoundError
from tracksite.importers.mlflow import mapping
from tracksite.mlflow_plugin import fields, lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tracksite.importers.entry import Entry
    from tracksite.importers.known import Present
    from tracksite.importers.mlflow.records import Experiment, LoggedModel, Reader

    Skip = Callable[[str], None]


def open_reader(uri: str, artifacts: Iterable[Path] = ()) -> Reader:
    """Return what reads a tracking URI, or the path of a folder or database.

    Args:
        uri: `mlruns`, `file:///…/mlruns`, `sqlite:///mlflow.db`, `mlflow.db` or `http://…`.
        artifacts: further folders in which artifacts may be.

    Raises:
        NotFoundError: there is nothing of MLflow's.
        TracksiteError: a library that is needed for it is not installed.
    """
    folders = [folder.absolute() for folder in artifacts]
    scheme = urlsplit(uri).scheme if "://" in uri or uri.startswith(("file:", "sqlite:")) else ""
    if scheme not in {"", "file", "sqlite"}:
        from tracksite.importers.mlflow.server import Server

        return Server(uri, folders)
    path = _local(uri, scheme)
    if not path.exists():
        raise NotFoundError(f"there is no file or folder {str(path)!r}: correct the path.")
    if path.is_dir() and scheme != "sqlite":
        from tracksite.importers.mlflow.folder import Folder

        return Folder(path, folders)
    from tracksite.importers.mlflow.database import Database

    return Database(path, folders)


def _local(uri: str, scheme: str) -> Path:
    """Return the path in a URI; of SQLite's `sqlite:///relative` and `sqlite:////absolute`."""
    if scheme == "sqlite":
        return Path(unquote(urlsplit(uri).path)[1:])
    return Path(unquote(urlsplit(uri).path) if scheme else uri).expanduser()


class MLflowSource:
    """What a reader yields, put together: `entry.Source`."""

    def __init__(self, reader: Reader, present: Present) -> None:
        """Take a reader, and what the store has already."""
        self._reader = reader
        self._ids = {
            one.tags[fields.EXPERIMENT_ID]: one.fields.get("name")
            for one in present.of_kind("experiment")
            if fields.EXPERIMENT_ID in one.tags
        }
        self._own: dict[str, set[str]] = {}  # experiment → runs of the store that are not deleted
        for run in lifecycle.all_standing(present, "run"):
            if not run.deleted:
                self._own.setdefault(lifecycle.owner_name(run), set()).add(run.entity_id)

    def count(self) -> int:
        """Return how many runs there are."""
        return self._reader.count()

    def entries(self, skip: Skip) -> Iterator[Entry]:
        """Yield experiments, runs, logged models, registered models and versions."""
        experiments = _Experiments(self._reader.experiments(skip))
        for experiment in experiments.living():
            yield mapping.experiment(experiment, keeps_id=self._is_free(experiment))
        models = list(self._reader.logged_models(skip))
        made: dict[str, list[LoggedModel]] = {}
        for model in models:
            made.setdefault(model.run_id or "", []).append(model)
        seen = set()
        for run in self._reader.runs(skip):
            seen.add(run.run_id)
            name = experiments.name(run.experiment)
            whole = replace(run, deleted=run.deleted or run.experiment in experiments.deleted)
            entry = mapping.run(whole, name, made.get(run.run_id, []))
            self._own.get(name, set()).discard(entry.entity_id)
            yield entry
        for model in models:
            name = experiments.name(model.experiment)
            yield mapping.logged_model(model, name, has_run=model.run_id in seen)
        yield from self._deleted(experiments, skip)
        versions = list(self._reader.versions(skip))
        for registered in self._reader.registered_models(skip):
            yield mapping.registered_model(registered, versions)
        placed = {one.model_id: one for one in models if one.run_id in seen}
        for version in versions:
            yield mapping.version(version, placed)

    def _deleted(self, experiments: _Experiments, skip: Skip) -> Iterator[Entry]:
        """Yield the deleted experiments: after their runs, when it is known whose runs are left."""
        for experiment in experiments.gone():
            others = len(self._own.get(experiment.name, ()))
            if others:
                skip(
                    f"the deletion of experiment {experiment.name!r} was left out: "
                    f"the store has {others} other runs in it"
                )
            told = replace(experiment, deleted=not others)
            yield mapping.experiment(told, keeps_id=self._is_free(experiment))

    def _is_free(self, experiment: Experiment) -> bool:
        taken = self._ids.setdefault(experiment.experiment_id, experiment.name)
        return taken == experiment.name


class _Experiments:
    """The experiments of a source: those of one name are one in a store, a living one first."""

    def __init__(self, found: Iterable[Experiment]) -> None:
        known = sorted(found, key=lambda one: one.deleted)
        self._names = {one.key: one.name for one in known}
        self.deleted = {one.key for one in known if one.deleted}
        self._first: dict[str, Experiment] = {}
        for one in known:
            self._first.setdefault(one.name, one)

    def living(self) -> list[Experiment]:
        """Return those of whose name one is not deleted."""
        return [one for one in self._first.values() if not one.deleted]

    def gone(self) -> list[Experiment]:
        """Return the others; MLflow's folders do not say it of their runs, too."""
        return [one for one in self._first.values() if one.deleted]

    def name(self, key: str) -> str:
        """Return the name of an experiment; one that could not be read goes by its key."""
        return self._names.get(key, f"experiment {key}")
