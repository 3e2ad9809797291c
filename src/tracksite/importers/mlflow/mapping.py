"""MLflow's records as entries of a store.

Which tag is which field, and what is kept as a tag of ours, is said by `mlflow_plugin.fields`: so
MLflow clients of the store see again what was imported.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tracksite.importers.entry import Entry
from tracksite.importers.mlflow.places import path_parts
from tracksite.mlflow_plugin import fields, inputs
from tracksite.mlflow_plugin.entity import from_millis
from tracksite.store.ids import RUN_ID, experiment_id, model_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from tracksite.importers.mlflow.records import (
        Experiment,
        LoggedModel,
        RegisteredModel,
        Run,
        Version,
    )

DEFAULT_ID = "0"
_MODEL_ID = "m-"
_SEPARATOR = "\x1f"


def entity_id(foreign: str) -> str:
    """Return the id in the store of a run or logged model: MLflow's own where it has the form."""
    plain = foreign.removeprefix(_MODEL_ID)
    return plain if RUN_ID.fullmatch(plain) else _digest(f"mlflow:{foreign}")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def experiment(record: Experiment, *, keeps_id: bool) -> Entry:
    """Return an experiment.

    Args:
        record: what MLflow has.
        keeps_id: whether its id is free in the store, so that MLflow clients find it by that.
    """
    patch = fields.to_patch(record.tags, fields.NOTE)
    own = {fields.UPDATED: _whole(record.updated), **_gone(deleted=record.deleted)}
    if keeps_id and record.experiment_id != DEFAULT_ID:
        own[fields.EXPERIMENT_ID] = record.experiment_id
    return Entry(
        experiment_id(record.name),
        "experiment",
        f"experiment {record.name}",
        {
            **patch,
            "name": record.name,
            "started_at": _time(record.created),
            "deleted": record.deleted or None,
            "tags": _tags(patch, own),
        },
    )


def run(record: Run, experiment_name: str, models: Iterable[LoggedModel]) -> Entry:
    """Return a run with all that it logged.

    Args:
        record: what MLflow has.
        experiment_name: of its experiment.
        models: the logged models that it made: their files lie among its artifacts.
    """
    patch = fields.to_patch(record.tags, fields.RUN_FIELDS)
    used = inputs.patch(None, record.datasets)
    status = fields.STORED_STATUS.get(record.status, "running")
    own = {
        fields.STATUS: record.status if status == "running" else None,
        **_gone(deleted=record.deleted),
        **used.pop("tags", {}),
        **{fields.MODEL_INPUT + key: "" for key in record.model_inputs},
        **{fields.MODEL_OUTPUT + key: str(step) for key, step in record.model_outputs.items()},
    }
    if entity_id(record.run_id) != record.run_id:
        own[fields.FOREIGN_ID] = record.run_id
    made = list(models)
    moved = [
        replace(file, path=f"{model_path(one)}/{file.path}") for one in made for file in one.files
    ]
    return Entry(
        entity_id(record.run_id),
        "run",
        f"run {record.name or record.run_id}",
        {
            **_old_fields(record),
            **patch,
            **used,
            "experiment": experiment_name,
            "name": record.name or patch.get("name"),
            "status": status,
            "started_at": _time(record.started),
            "ended_at": _time(record.ended),
            "deleted": record.deleted or None,
            "params": record.params,
            "tags": _tags(patch, own),
            "outputs": [
                {"path": model_path(one), "flavor": one.model_type, "digest": None} for one in made
            ],
        },
        record.series,
        (*record.files, *moved),
    )


def _old_fields(record: Run) -> dict[str, str]:
    """Return what MLflow before 1.0 kept beside the tags."""
    old = {"user": record.user, "source": record.source, "git_commit": record.commit}
    return {name: text for name, text in old.items() if text}


def logged_model(record: LoggedModel, experiment_name: str, *, has_run: bool) -> Entry:
    """Return a logged model.

    Args:
        record: what MLflow has.
        experiment_name: of its experiment.
        has_run: whether the run that made it is there: that one has the files then.
    """
    own = {
        fields.STATUS: record.status,
        fields.UPDATED: _whole(record.updated),
        fields.MODEL_TYPE: record.model_type,
        **_gone(deleted=record.deleted),
    }
    return Entry(
        entity_id(record.model_id),
        "logged_model",
        f"logged model {record.name}",
        {
            "experiment": experiment_name,
            "name": record.name,
            "source_run_id": entity_id(record.run_id) if record.run_id else None,
            "source_path": model_path(record) if has_run else None,
            "started_at": _time(record.created),
            "deleted": record.deleted or None,
            "params": record.params,
            "tags": _tags({"tags": record.tags}, own),
        },
        {
            _SEPARATOR.join((key.metric, entity_id(key.run_id), key.dataset, key.digest)): one
            for key, one in record.series.items()
        },
        () if has_run else record.files,
    )


def model_path(record: LoggedModel) -> str:
    """Return the folder of a logged model among the artifacts of the run that made it."""
    return f"models/{record.model_id}"


def registered_model(record: RegisteredModel, versions: Iterable[Version]) -> Entry:
    """Return a registered model, its aliases by the identities of these versions.

    An alias of a version that could not be read keeps the number, which may come later.
    """
    known = {str(one.version): version_id(one) for one in versions if one.name == record.name}
    own = {fields.UPDATED: _whole(record.updated)}
    return Entry(
        model_id(record.name),
        "model",
        f"model {record.name}",
        {
            "name": record.name,
            "description": record.description,
            "started_at": _time(record.created),
            "tags": _tags({"tags": record.tags}, own),
            "aliases": {alias: known.get(text, text) for alias, text in record.aliases.items()},
        },
    )


def version(record: Version, models: Mapping[str, LoggedModel]) -> Entry:
    """Return a version of a registered model.

    Args:
        record: what MLflow has.
        models: id → logged model, of those that a run of the store made.
    """
    place = record.storage or record.source or ""
    owner, path = _folder_of(place, record.run_id, models)
    made_by = entity_id(record.run_id) if record.run_id else owner
    own = {
        fields.UPDATED: _whole(record.updated),
        fields.RUN_LINK: record.run_link,
        fields.SOURCE: record.source,
        fields.OWNER: owner if owner != made_by else None,
        fields.PLACE: place if path is None and place != record.source else None,
    }
    return Entry(
        version_id(record),
        "model_version",
        f"model {record.name} version {record.version}",
        {
            "name": record.name,
            "version": record.version,
            "stage": record.stage,
            "description": record.description,
            "started_at": _time(record.created),
            "source_run_id": made_by,
            "source_path": path,
            "tags": _tags({"tags": record.tags}, own),
        },
    )


def version_id(record: Version) -> str:
    """Return the identity that every store gives to a version of MLflow's."""
    return _digest(f"mlflow version:{record.name}:{record.version}:{record.created}")


def _folder_of(
    place: str, run_id: str | None, models: Mapping[str, LoggedModel]
) -> tuple[str | None, str | None]:
    """Return run and folder of a version's files, where its URI says them.

    That is `…/<run>/artifacts/<folder>`, `runs:/<run>/<folder>`, `models:/<model>` or
    `…/models/<model>/artifacts`.
    """
    parts = _parts(place)
    for part in parts:
        if part in models:
            return entity_id(str(models[part].run_id)), model_path(models[part])
    if run_id in parts:
        below = parts[parts.index(run_id) + 1 :]
        if place.startswith("runs:") or below[:1] == ["artifacts"]:
            path = "/".join(below if place.startswith("runs:") else below[1:])
            return (entity_id(run_id), path) if path else (None, None)
    return None, None


def _parts(place: str) -> list[str]:
    if place.startswith(("runs:", "models:")):
        return [part for part in place.partition(":")[2].split("/") if part]
    return path_parts(place) or []


def _tags(patch: Mapping[str, Any], own: Mapping[str, str | None]) -> dict[str, str]:
    """Return tags and those of our own; an import takes none away."""
    both = {**patch.get("tags", {}), **own}
    return {key: text for key, text in both.items() if text is not None}


def _gone(*, deleted: bool) -> dict[str, str]:
    """Return the tag that says that it was deleted where it came from."""
    return {fields.GONE: "true"} if deleted else {}


def _time(millis: int | None) -> datetime | None:
    return None if millis is None else from_millis(millis)


def _whole(number: int | None) -> str | None:
    return None if number is None else str(number)
