"""Everything that MLflow keeps in one place, as entries of a store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tracksite.errors import NotFoundError
from tracksite.importers.mlflow import mapping
from tracksite.mlflow_plugin import fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tracksite.importers.entry import Entry
    from tracksite.importers.mlflow.records import Experiment, LoggedModel, Reader
    from tracksite.mlflow_plugin.entity import Entity

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

    def __init__(self, reader: Reader, present: Iterable[Entity] = ()) -> None:
        """Take a reader, and the experiments that the store has already."""
        self._reader = reader
        self._ids = {
            one.tags[fields.EXPERIMENT_ID]: one.fields.get("name")
            for one in present
            if fields.EXPERIMENT_ID in one.tags
        }

    def count(self) -> int:
        """Return how many runs there are."""
        return self._reader.count()

    def entries(self, skip: Skip) -> Iterator[Entry]:
        """Yield experiments, runs, logged models, registered models and versions."""
        names: dict[str, str] = {}
        gone = set()
        for experiment in self._reader.experiments(skip):
            names[experiment.experiment_id] = experiment.name
            if experiment.deleted:  # MLflow's folders do not say it of its runs, too
                gone.add(experiment.experiment_id)
            yield mapping.experiment(experiment, keeps_id=self._is_free(experiment))
        models = list(self._reader.logged_models(skip))
        made: dict[str, list[LoggedModel]] = {}
        for model in models:
            made.setdefault(model.run_id or "", []).append(model)
        seen = set()
        for run in self._reader.runs(skip):
            seen.add(run.run_id)
            whole = replace(run, deleted=run.deleted or run.experiment_id in gone)
            yield mapping.run(whole, _name(names, run.experiment_id), made.get(run.run_id, []))
        for model in models:
            name = _name(names, model.experiment_id)
            yield mapping.logged_model(model, name, has_run=model.run_id in seen)
        versions = list(self._reader.versions(skip))
        for registered in self._reader.registered_models(skip):
            yield mapping.registered_model(registered, versions)
        placed = {one.model_id: one for one in models if one.run_id in seen}
        for version in versions:
            yield mapping.version(version, placed)

    def _is_free(self, experiment: Experiment) -> bool:
        taken = self._ids.setdefault(experiment.experiment_id, experiment.name)
        return taken == experiment.name


def _name(names: dict[str, str], experiment_id: str) -> str:
    """Return the name of an experiment; one that could not be read goes by its id."""
    return names.get(experiment_id, f"experiment {experiment_id}")
