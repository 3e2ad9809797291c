"""`mlruns/` folders of MLflow 1 to 3, read as they are: MLflow need not be installed.

The layout is that of MLflow's file store: `<experiment>/meta.yaml`, `<experiment>/<run>/` with
`params/<key>`, `tags/<key>`, `metrics/<key>`, `inputs/`, `outputs/` and `artifacts/`; deleted
experiments in `.trash/`; logged models in `<experiment>/models/`; the registry in `models/`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracksite.errors import NotFoundError
from tracksite.importers.entry import UnreadableError
from tracksite.importers.mlflow import values
from tracksite.importers.mlflow.meta import read_meta
from tracksite.importers.mlflow.places import Places, files_in
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

    from tracksite.importers.entry import Series

    Skip = Callable[[str], None]

META, TRASH, MODELS = "meta.yaml", ".trash", "models"
_OWN = {MODELS, "datasets", "tags", "traces"}  # folders of an experiment that are no runs
_STATUS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_MODEL_STATUS = {0: "UNSPECIFIED", 1: "PENDING", 2: "READY", 3: "FAILED"}
_LARGEST_TEXT = 1 << 24


class Folder:
    """An `mlruns/` folder."""

    def __init__(self, root: Path, artifacts: Iterable[Path] = ()) -> None:
        """Take the folder, and further folders in which artifacts may be.

        Raises:
            NotFoundError: it is no `mlruns/` folder.
        """
        self.root = root.absolute()
        if not any(self._experiment_folders()) and not (self.root / MODELS).is_dir():
            raise NotFoundError(
                f"{str(root)!r} holds no experiment of MLflow (<experiment>/{META}): "
                "name the folder that MLflow calls mlruns."
            )
        self._places = Places.around(self.root, artifacts, meta=self.root)

    def count(self) -> int:
        """Return how many runs there are."""
        return sum(1 for _ in self._run_folders())

    def experiments(self, skip: Skip) -> Iterator[Experiment]:
        """Yield the experiments, those in `.trash` too."""
        for folder in self._experiment_folders():
            with skipping(skip, f"experiment {folder.name}"):
                meta = read_meta(folder / META)
                yield Experiment(
                    self._key(folder),
                    values.required(meta.get("experiment_id", folder.name), "experiment_id"),
                    values.required(meta.get("name"), "name"),
                    deleted=self._is_trash(folder) or meta.get("lifecycle_stage") == "deleted",
                    created=values.millis(meta.get("creation_time")),
                    updated=values.millis(meta.get("last_update_time")),
                    tags=_texts(folder / "tags", "tag"),
                )

    def runs(self, skip: Skip) -> Iterator[Run]:
        """Yield the runs."""
        for folder in self._run_folders():
            with skipping(skip, f"run {folder.name}"):
                yield self._run(folder, skip)
        self._places.tell_missing(skip)

    def logged_models(self, skip: Skip) -> Iterator[LoggedModel]:
        """Yield the logged models of MLflow 3."""
        for experiment in self._experiment_folders():
            for folder in _folders(experiment / MODELS):
                with skipping(skip, f"logged model {folder.name}"):
                    yield self._logged_model(experiment, folder, skip)
        self._places.tell_missing(skip)

    def registered_models(self, skip: Skip) -> Iterator[RegisteredModel]:
        """Yield the registered models."""
        for folder in _folders(self.root / MODELS):
            with skipping(skip, f"registered model {folder.name}"):
                meta = read_meta(folder / META)
                yield RegisteredModel(
                    values.required(meta.get("name", folder.name), "name"),
                    description=values.text(meta.get("description")),
                    created=values.millis(meta.get("creation_timestamp")),
                    updated=values.millis(meta.get("last_updated_timestamp")),
                    tags=_texts(folder / "tags", "tag"),
                    aliases=_texts(folder / "aliases", "alias"),
                )

    def versions(self, skip: Skip) -> Iterator[Version]:
        """Yield the versions of registered models."""
        for model in _folders(self.root / MODELS):
            for folder in _folders(model):
                if folder.name.startswith("version-"):
                    with skipping(skip, f"{folder.name} of model {model.name}"):
                        yield _version(folder)

    def _experiment_folders(self) -> Iterator[Path]:
        for parent in (self.root, self.root / TRASH):
            for folder in _folders(parent):
                if folder.name not in {TRASH, MODELS} and (folder / META).is_file():
                    yield folder

    def _is_trash(self, experiment: Path) -> bool:
        return experiment.parent == self.root / TRASH

    def _key(self, experiment: Path) -> str:
        """Return the place of an experiment: one in the trash may have the id of a living one."""
        return experiment.relative_to(self.root).as_posix()

    def _run_folders(self) -> Iterator[Path]:
        for experiment in self._experiment_folders():
            for folder in _folders(experiment):
                if folder.name not in _OWN and (
                    (folder / META).is_file() or (folder / "params").is_dir()
                ):
                    yield folder

    def _run(self, folder: Path, skip: Skip) -> Run:
        meta = read_meta(folder / META)
        uri = values.text(meta.get("artifact_uri"))
        return Run(
            folder.name,
            self._key(folder.parent),
            name=values.text(meta.get("run_name", meta.get("name"))),
            user=values.text(meta.get("user_id")),
            status=_status(meta.get("status")),
            started=values.millis(meta.get("start_time")),
            ended=values.millis(meta.get("end_time")),
            deleted=self._is_trash(folder.parent) or meta.get("lifecycle_stage") == "deleted",
            source=values.text(meta.get("source_name")),
            commit=values.text(meta.get("source_version")),
            artifact_uri=uri,
            params=_texts(folder / "params", "param"),
            tags=_texts(folder / "tags", "tag"),
            series=_run_series(folder / "metrics"),
            **_inputs(folder),
            model_outputs=_outputs(folder),
            files=self._places.files(uri, f"run {folder.name}", skip, folder / "artifacts"),
        )

    def _logged_model(self, experiment: Path, folder: Path, skip: Skip) -> LoggedModel:
        meta = read_meta(folder / META)
        location = values.text(meta.get("artifact_location"))
        label = f"logged model {folder.name}"
        return LoggedModel(
            folder.name,
            self._key(experiment),
            values.required(meta.get("name"), "name"),
            run_id=values.text(meta.get("source_run_id")),
            status=_model_status(meta.get("status")),
            model_type=values.text(meta.get("model_type")),
            created=values.millis(meta.get("creation_timestamp")),
            updated=values.millis(meta.get("last_updated_timestamp")),
            deleted=meta.get("lifecycle_stage") == "deleted",
            location=location,
            params=_texts(folder / "params", "param"),
            tags=_texts(folder / "tags", "tag"),
            series=_model_series(folder / "metrics"),
            files=self._places.files(location, label, skip, folder / "artifacts"),
        )


def _folders(parent: Path) -> list[Path]:
    """Return the folders in a folder, sorted; links are left out."""
    if not parent.is_dir() or parent.is_symlink():
        return []
    return sorted(one for one in parent.iterdir() if one.is_dir() and not one.is_symlink())


def _items(folder: Path) -> list[tuple[str, Path]]:
    """Return key and file of each param, tag or metric: `a/b` is a file b in a folder a."""
    if not folder.is_dir() or folder.is_symlink():
        return []  # git keeps no empty folders
    return [(file.path, folder / file.path) for file in files_in(folder)]


def _texts(folder: Path, what: str) -> dict[str, str]:
    return values.texts(((key, _content(file)) for key, file in _items(folder)), what)


def _content(file: Path) -> str:
    if file.stat().st_size > _LARGEST_TEXT:
        raise UnreadableError(f"{file.name} is larger than {_LARGEST_TEXT} bytes")
    return file.read_bytes().decode(errors="replace")


def _status(value: Any) -> str:  # noqa: ANN401 - whatever the file has
    return _STATUS.get(value, "KILLED") if isinstance(value, int) else str(value or "RUNNING")


def _model_status(value: Any) -> str:  # noqa: ANN401 - as above
    return _MODEL_STATUS.get(value, "READY") if isinstance(value, int) else str(value or "READY")


def _rows(file: Path, allowed: frozenset[int]) -> list[list[bytes]]:
    """Return the fields of each line of a metric's file.

    Raises:
        UnreadableError: a line has another number of fields.
    """
    rows = [line.split() for line in file.read_bytes().splitlines() if line.strip()]
    for number in {len(row) for row in rows} - allowed:
        raise UnreadableError(f"a line of metric {file.name!r} has {number} fields")
    return rows


def _numbers(file: Path, rows: list[list[bytes]]) -> Series:
    """Return the points in lines `time value [step …]`; MLflow before 1.0 had no step."""
    try:
        return values.series((int([*row, b"0"][2]), int(row[0]), float(row[1])) for row in rows)
    except ValueError as error:
        raise UnreadableError(f"metric {file.name!r} is damaged ({error})") from error


def _run_series(folder: Path) -> dict[str, Series]:
    """Return the metrics of a run; behind the step of a point there may be its data set."""
    found = {}
    for key, file in _items(folder):
        rows = _rows(file, frozenset({2, 3, 5}))
        if rows:
            found[key] = _numbers(file, rows)
    values.texts(((key, "") for key in found), "metric")
    return found


def _model_series(folder: Path) -> dict[SeriesKey, Series]:
    """Return the metrics of a logged model, apart by run and data set."""
    found: dict[SeriesKey, Series] = {}
    for key, file in _items(folder):
        groups: dict[SeriesKey, list[list[bytes]]] = {}
        for row in _rows(file, frozenset({4, 6})):
            about = [part.decode(errors="replace") for part in row[3:]]
            groups.setdefault(SeriesKey(key, *[*about, "", ""][:3]), []).append(row)
        found |= {about: _numbers(file, rows) for about, rows in groups.items()}
    return found


def _inputs(folder: Path) -> dict[str, Any]:
    """Return the data sets and logged models that a run read."""
    datasets, models = [], []
    for place in _folders(folder / "inputs"):
        meta = read_meta(place / META)
        source = values.required(meta.get("source_id"), "source_id")
        if meta.get("source_type") == "MODEL":
            models.append(source)
            continue
        described = folder.parent / "datasets" / Path(source).name / META
        if described.is_file():  # MLflow, too, leaves out what it finds no description of
            tags = meta.get("tags")
            tagged = values.texts(tags.items() if isinstance(tags, dict) else (), "tag")
            datasets.append((_dataset(read_meta(described)), tagged))
    return {"datasets": tuple(datasets), "model_inputs": tuple(models)}


def _dataset(meta: dict[str, Any]) -> dict[str, str | None]:
    found = {name: values.text(meta.get(name)) for name in values.DATASET_FIELDS}
    values.required(found["name"], "name of a data set")
    return {**found, "digest": found["digest"] or ""}


def _outputs(folder: Path) -> dict[str, int]:
    """Return the logged models that a run made, with their steps."""
    found = {}
    for place in _folders(folder / "outputs"):
        meta = read_meta(place / META)
        if meta.get("destination_type") == "MODEL_OUTPUT":
            found[values.required(meta.get("destination_id"), "destination_id")] = values.whole(
                meta.get("step") or 0
            )
    return found


def _version(folder: Path) -> Version:
    meta = read_meta(folder / META)
    return Version(
        values.required(meta.get("name", folder.parent.name), "name"),
        values.whole(meta.get("version", folder.name.removeprefix("version-"))),
        stage=values.text(meta.get("current_stage")) or "None",
        description=values.text(meta.get("description")),
        created=values.millis(meta.get("creation_timestamp")),
        updated=values.millis(meta.get("last_updated_timestamp")),
        source=values.text(meta.get("source")),
        storage=values.text(meta.get("storage_location")),
        run_id=values.text(meta.get("run_id")),
        run_link=values.text(meta.get("run_link")),
        tags=_texts(folder / "tags", "tag"),
    )
