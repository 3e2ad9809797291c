"""A store as an `mlruns/` folder, or as an SQLite database, that MLflow reads."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tracksite.errors import (
    ArgumentError,
    DamageError,
    NotFoundError,
    StateError,
    TracksiteError,
)
from tracksite.importers.entry import Summary
from tracksite.importers.known import Present
from tracksite.importers.mlflow import layout
from tracksite.importers.mlflow.meta import write_meta
from tracksite.mlflow_plugin import fields, inputs, lifecycle, registered
from tracksite.store import artifacts
from tracksite.store.ids import experiment_id
from tracksite.tracking import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import polars as pl

    from tracksite.mlflow_plugin.entity import Entity
    from tracksite.store.local import LocalStore

    Moved = Callable[[int, int, str], object]

DEFAULT_NAME = "Default"
_REFUSED = re.compile(r"[^/\w.\- :]")  # what MLflow takes in a key


def export(store: LocalStore, target: str, moved: Moved | None = None) -> Summary:
    """Write everything in a store into a new folder or database.

    Args:
        store: what to export; nothing in it is changed.
        target: a folder, which becomes an `mlruns/` folder, or `sqlite:///FILE`: artifacts are
            in `mlartifacts/` beside it then.
        moved: told how many runs of how many are done, and which one is next.

    Returns:
        What was written, and what MLflow has no place for.

    Raises:
        StateError: there is something at the target already.
        TracksiteError: PyYAML, or MLflow for a database, is not installed.
    """
    if not target.startswith("sqlite:"):
        path = Path(unquote(urlsplit(target).path) if target.startswith("file:") else target)
        return _Folder(store, path, path).write(moved)
    database = Path(unquote(urlsplit(target).path)[1:]).absolute()
    migrate = _migration()
    if database.exists():
        raise StateError(f"there is a file {str(database)!r} already: name a new one.")
    with tempfile.TemporaryDirectory() as folder:
        files = database.parent / "mlartifacts"
        done = _Folder(store, Path(folder, "mlruns"), files).write(moved)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # those of MLflow's libraries are not the user's
            migrate(Path(folder), f"sqlite:///{database}", progress=False)
    return done


def _migration() -> Any:  # noqa: ANN401 - a function of MLflow's
    """Return MLflow's own way from its folders to its databases, which keeps ids."""
    try:
        from mlflow.store.fs2db import migrate
        from sqlalchemy import create_engine as _needed  # noqa: F401 - what skinny MLflow lacks
    except ImportError:
        raise TracksiteError(
            "writing a database needs MLflow 3.11 or newer, which is not installed: pip install "
            "mlflow, or export a folder."
        ) from None
    return migrate


class _Folder:
    """The folder that is being written."""

    def __init__(self, store: LocalStore, root: Path, files: Path) -> None:
        """Take where MLflow's files go, and where artifacts go: often the same place."""
        for place in (root, files):
            if place.exists() and (not place.is_dir() or any(place.iterdir())):
                raise StateError(f"there is something at {str(place)!r} already: name a new place.")
        self._store, self._root, self._files = store, root.absolute(), files.absolute()
        self._present = Present(store)
        self._done = Summary()
        self._killed = 0  # runs that are interrupted here
        self._ids: dict[str, str] = {}  # name of an experiment → MLflow's id
        self._places: dict[tuple[str, str], Path] = {}  # run, path of a logged model in it → files

    def write(self, moved: Moved | None) -> Summary:
        """Write everything."""
        self._root.mkdir(parents=True, exist_ok=True)
        runs = lifecycle.all_standing(self._present, "run")
        self._experiments(runs)
        for model in lifecycle.all_standing(self._present, "logged_model"):
            self._logged_model(model)
        for number, run in enumerate(runs):
            if moved:
                moved(number, len(runs), str(run.fields.get("name")))
            self._run(run)
        self._registry()
        if self._killed:
            self._done.skipped.append(
                f"{self._killed} runs whose process ended without a word are KILLED: "
                "MLflow has no word for interrupted"
            )
        return self._done

    def _experiments(self, runs: Iterable[Entity]) -> None:
        experiments = lifecycle.all_standing(self._present, "experiment")
        known = {one.fields["name"]: one for one in experiments if one.fields.get("name")}
        names = {lifecycle.owner_name(one) for one in runs}
        for name in sorted({DEFAULT_NAME, *names, *known}):
            entity = known.get(name)
            own = entity.tags.get(fields.EXPERIMENT_ID, "") if entity else ""
            if entity and fields.RENAMED in entity.tags:
                continue
            self._ids[name] = _free_id(name, own, set(self._ids.values()))
            folder = self._experiment_folder(name, deleted=bool(entity and entity.deleted))
            location = self._files / self._ids[name]
            write_meta(folder, layout.experiment(self._ids[name], name, location, entity))
            tags = fields.to_tags(entity, fields.NOTE) if entity else {}
            self._texts(folder / "tags", tags, f"experiment {name}")
            self._done.others += 1

    def _experiment_folder(self, name: str, *, deleted: bool | None = None) -> Path:
        parent = self._root / ".trash"
        if deleted or (deleted is None and (parent / self._ids[name]).is_dir()):
            return parent / self._ids[name]
        return self._root / self._ids[name]

    def _now(self, name: str, place: Path) -> Path:
        """Return where files of an experiment are: with a deleted one in the trash.

        MLflow moves them there, notes the place that they are at once it is restored, and moves
        them back then. In a database nothing is moved.
        """
        folder = self._experiment_folder(name)
        if self._files != self._root or folder.parent == self._root:
            return place
        return folder / place.relative_to(self._root / folder.name)

    def _run(self, entity: Entity) -> None:
        run_id, name = entity.entity_id, lifecycle.owner_name(entity)
        label = f"run {entity.fields.get('name') or run_id}"
        folder = self._experiment_folder(name) / run_id
        place = self._files / self._ids[name] / run_id / "artifacts"
        write_meta(folder, layout.run(entity, self._ids[name], place))
        self._killed += (
            fields.status(entity) == "KILLED" and entity.fields.get("status") != "killed"
        )
        for kind in ("params", "metrics", "artifacts"):
            (folder / kind).mkdir(exist_ok=True)
        self._texts(folder / "params", entity.params, label)
        self._texts(folder / "tags", fields.to_tags(entity, fields.RUN_FIELDS), label)
        self._texts(folder / "metrics", _lines(self._points(entity), ""), label)
        for dataset, tags in inputs.described(entity):
            key = layout.dataset_key(dataset)
            write_meta(folder.parent / "datasets" / key, dict(dataset))
            used = layout.link("DATASET", key, "RUN", key, tags)
            write_meta(folder / "inputs" / _md5(key + run_id), used)
        for model, _ in _after(entity, fields.MODEL_INPUT):
            used = layout.link("MODEL", model, "RUN", model, {})
            write_meta(folder / "inputs" / _md5(model + run_id), used)
        for model, step in _after(entity, fields.MODEL_OUTPUT):
            made = layout.link("RUN_OUTPUT", model, "MODEL_OUTPUT", model, {})
            write_meta(folder / "outputs" / Path(model).name, {**made, "step": int(step)})
        elsewhere = [f"{path}/" for owner, path in self._places if owner == run_id]
        own = [
            row for path, row in entity.artifacts.items() if not path.startswith(tuple(elsewhere))
        ]
        self._copy(run_id, own, "", self._now(name, place), label)
        self._done.added += 1

    def _points(self, entity: Entity) -> pl.DataFrame:
        points = self._present.points(entity.entity_id, list(entity.metrics))
        self._done.points += len(points)
        return points

    def _logged_model(self, entity: Entity) -> None:
        name, model_id = lifecycle.owner_name(entity), f"m-{entity.entity_id}"
        folder = self._experiment_folder(name) / "models" / model_id
        place = self._files / self._ids[name] / "models" / model_id / "artifacts"
        label = f"logged model {entity.fields.get('name')}"
        write_meta(folder, layout.logged_model(entity, self._ids[name], place))
        self._texts(folder / "params", entity.params, label)
        self._texts(folder / "tags", fields.to_tags(entity, {}), label)
        self._texts(folder / "metrics", _model_lines(self._points(entity)), label)
        owner, path = entity.fields.get("source_run_id"), entity.fields.get("source_path")
        maker = self._present.get(owner) if owner else None
        if maker and owner and path:
            self._places[owner, path] = place
            below = [
                row for one, row in maker.entity.artifacts.items() if one.startswith(f"{path}/")
            ]
            self._copy(owner, below, f"{path}/", self._now(name, place), label)
        else:
            rows = entity.artifacts.values()
            self._copy(entity.entity_id, rows, "", self._now(name, place), label)
        self._done.others += 1

    def _registry(self) -> None:
        for entity in registered.models(self._present):
            name = entity.fields["name"]
            folder = self._model_folder(name)
            if folder is None:
                continue
            write_meta(folder, layout.registered_model(entity))
            self._texts(folder / "tags", fields.to_tags(entity, {}), f"model {name}")
            pointed = registered.aliases(self._present, entity).items()
            aliases = {alias: str(one.fields["version"]) for alias, one in pointed}
            self._texts(folder / "aliases", aliases, f"model {name}")
            self._done.others += 1
        for entity in registered.all_versions(self._present):
            folder = self._model_folder(entity.fields["name"])
            if folder is None or not (folder / "meta.yaml").is_file():
                continue
            place = folder / f"version-{int(entity.fields['version'])}"
            write_meta(place, layout.version(entity, self._source(entity)))
            tags = fields.to_tags(entity, {})
            self._texts(place / "tags", tags, f"model {entity.fields['name']}")
            self._done.others += 1

    def _model_folder(self, name: str) -> Path | None:
        if not name or set(name) & set("/\\:%") or name in {".", ".."}:
            self._done.skipped.append(
                f"model {check.shorten(name)} was left out: MLflow's folders take no such name"
            )
            return None
        return self._root / "models" / name

    def _source(self, version: Entity) -> str:
        """Return where the files of a version are now."""
        path = version.fields.get("source_path")
        owner = version.tags.get(fields.OWNER) or version.fields.get("source_run_id")
        run = self._present.get(owner) if owner else None
        if not (path and owner and run):
            return str(version.tags.get(fields.SOURCE, ""))
        for (maker, folder), place in self._places.items():
            if owner == maker and f"{path}/".startswith(f"{folder}/"):
                return f"{place}{path.removeprefix(folder)}"
        experiment = lifecycle.owner_name(lifecycle.standing(self._present, run.entity))
        return str(self._files / self._ids[experiment] / owner / "artifacts" / path)

    def _texts(self, folder: Path, texts: Mapping[str, str], label: str) -> None:
        """Write a file for each key, under a name that MLflow takes."""
        for key, text in texts.items():
            name = _REFUSED.sub("_", key)
            try:
                check.artifact_path(name)
                file = folder / name
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("x", encoding="utf-8", newline="") as content:
                    content.write(text)
            except (ArgumentError, OSError) as error:
                self._done.skipped.append(
                    f"{folder.name} {check.shorten(key)} of {label} was left out: {error}"
                )
                continue
            if name != key:
                self._done.skipped.append(
                    f"{folder.name} {check.shorten(key)} of {label} is called {name!r}: MLflow "
                    "takes letters, digits and / . - _ : and spaces"
                )

    def _copy(
        self,
        owner: str,
        rows: Iterable[Mapping[str, Any]],
        prefix: str,
        place: Path,
        label: str,
    ) -> None:
        """Copy artifacts of a run or model, under the names that they were logged under."""
        for row in rows:
            try:
                source = artifacts.locate(self._store.artifact_dir(owner), row)
                below = check.artifact_path(row["path"].removeprefix(prefix))
                size = artifacts.copy_out(source, place / below)
            except (ArgumentError, DamageError, NotFoundError) as error:
                self._done.skipped.append(f"an artifact of {label} was left out: {error}")
                continue
            self._done.artifacts += 1
            self._done.artifact_bytes += size


def _free_id(name: str, own: str, taken: set[str]) -> str:
    """Return MLflow's id of an experiment: digits, in a folder and in a database."""
    if name == DEFAULT_NAME:
        return "0"
    if own.isdecimal() and own != "0" and own not in taken and len(own) < len(str(check.INT64)):
        return own
    return str(int(experiment_id(name)[:15], 16))


def _lines(points: pl.DataFrame, suffix: str) -> dict[str, str]:
    """Return the lines of each metric's file: milliseconds, value, step."""
    found: dict[str, str] = {}
    for (key,), part in points.partition_by("key", as_dict=True).items():
        times = part["timestamp"].dt.epoch("ms")
        rows = zip(times, part["value"], part["step"], strict=True)
        found[str(key)] = "".join(f"{at} {value} {step}{suffix}\n" for at, value, step in rows)
    return found


def _model_lines(points: pl.DataFrame) -> dict[str, str]:
    """Return the lines of a logged model's metrics, which name run and data set too."""
    found: dict[str, str] = {}
    for (key,), part in points.partition_by("key", as_dict=True).items():
        name, run_id, dataset, digest = [*str(key).split("\x1f"), "", "", ""][:4]
        named = f" {dataset} {digest}" if dataset and digest else ""
        for text in _lines(part, f" {run_id}{named}").values():
            found[name] = found.get(name, "") + text
    return found


def _after(entity: Entity, prefix: str) -> list[tuple[str, str]]:
    return [(key.removeprefix(prefix), it) for key, it in entity.tags.items() if prefix in key]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
