"""Registered models and their versions as they stand, and the URIs that lead to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracksite.errors import ArgumentError, NotFoundError
from tracksite.store.ids import check_run_id
from tracksite.store.local import path_of
from tracksite.tracking import check, search, target
from tracksite.tracking.entities import ModelVersion, RegisteredModel
from tracksite.tracking.refusing import refusing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

__all__ = [
    "get_latest_versions",
    "get_model_version",
    "get_model_version_by_alias",
    "get_registered_model",
    "search_model_versions",
    "search_registered_models",
]

STAGES = ("None", "Staging", "Production", "Archived")
_RUNS_URI = re.compile(r"runs:/+(?P<run_id>[^/]+)/(?P<path>.+)")
_MODELS_URI = re.compile(r"models:/+(?P<name>[^/@][^@]*?)(?:/(?P<which>[^/@]+)|@(?P<alias>[^/@]+))")


def resolve(uri: str) -> tuple[str, str]:
    """Return the run id and the path of the model that a `runs:/` or `models:/` URI names.

    `models:/name/3`, `models:/name@alias`, `models:/name/Production` (the newest version in
    that stage) and `models:/name/latest` are understood.

    Raises:
        ArgumentError: another form.
        NotFoundError: no such model, version, alias or stage.
    """
    text = str(uri)
    if found := _RUNS_URI.fullmatch(text):
        return check_run_id(found["run_id"]), check.artifact_path(found["path"].rstrip("/"))
    if found := _MODELS_URI.fullmatch(text):
        version = _version_of(found["name"], found["which"], found["alias"])
        return str(version.run_id), str(version.source)
    raise ArgumentError(
        f"model URI {check.shorten(uri)} is not understood: use runs:/<run_id>/<path>, "
        "models:/<name>/<version>, models:/<name>@<alias>, models:/<name>/<stage> or "
        "models:/<name>/latest."
    )


def uri_of(source: str, run_id: str | None) -> str:
    """Return the URI of a model that is named by a URI, or by a run and a path.

    Args:
        source: a `runs:/` or `models:/` URI; a folder of the run's artifacts, relative to them or
            with their own folder before it.
        run_id: of the run, where `source` is no URI.

    Raises:
        ArgumentError: a path without a run.
    """
    if str(source).startswith(("runs:", "models:")):
        return str(source)
    if run_id is None:
        raise ArgumentError(f"source {source!r} is no runs:/ URI: pass one, or run_id= with it.")
    root = path_of(str(target.store().artifact_dir(run_id)))
    place = path_of(source) if "/" in str(source) else root / str(source)
    path = place.relative_to(root).as_posix() if place.is_relative_to(root) else str(source)
    return f"runs:/{run_id}/{path}"


def _version_of(name: str, which: str | None, alias: str | None) -> ModelVersion:
    if alias is not None or which is None:
        return get_model_version_by_alias(name, str(alias))
    if which.isdecimal():
        return get_model_version(name, int(which))
    stages = None if which.lower() == "latest" else [stage_named(which)]
    newest = versions_of(name)
    found = [one for one in newest if stages is None or one.current_stage in stages]
    if not found:
        raise NotFoundError(
            f"model {name!r} has no version in stage {which!r}: "
            f"its versions are {_overview(newest)}."
        )
    return found[0]


def _overview(versions: list[ModelVersion]) -> str:
    return ", ".join(f"{one.version} ({one.current_stage})" for one in versions)


def stage_named(stage: object) -> str:
    for known in STAGES:
        if str(stage).lower() == known.lower():
            return known
    raise ArgumentError(f"stage {stage!r} is not one of {', '.join(STAGES)}: use one of them.")


def versions_in(
    frame: pl.DataFrame, name: str | None = None, *, deleted: bool = False
) -> list[ModelVersion]:
    """Return versions of one model or all, newest first; on request the deleted ones too."""
    pointing: dict[str | None, list[str]] = {}
    for aliases in search.aliases(frame).values():
        for alias in aliases:
            pointing.setdefault(alias.version_id, []).append(alias.name)
    return [
        ModelVersion(
            name=row["name"],
            version=row["version"],
            current_stage=row["stage"] or "None",
            run_id=row["source_run_id"],
            source=row["source_path"],
            aliases=tuple(pointing.get(row["version_id"], ())),
            tags=search.pairs(row["tags"]),
            description=row["description"],
            created_at=row["first_at"],
            version_id=row["version_id"],
        )
        for row in reversed(search.model_versions(frame, deleted=deleted))
        if name is None or row["name"] == name
    ]


def versions_of(name: str) -> list[ModelVersion]:
    """Return the versions of a model, newest first; NotFoundError when there are none."""
    found = versions_in(search.folded(), name)
    if not found:
        known = sorted({model.name for model in search_registered_models()})
        raise NotFoundError(
            f"there is no version of a model {name!r} in {target.get_tracking_uri()!r}: "
            f"registered are {', '.join(known) or 'no models'}."
        )
    return found


@refusing
def search_model_versions(
    name: str | None = None,
    *,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
    max_results: int | None = None,
) -> list[ModelVersion]:
    """Return the versions of one registered model, or of all, newest first within each name.

    Args:
        name: of the model.
        filter_string: over name, version_number, run_id, source_path, current_stage,
            creation_timestamp and tags, such as "name = 'digits' and run_id = '…'".
        order_by: such as ["version_number"].
        max_results: at most so many.

    Raises:
        ArgumentError: a filter or order that is not understood.
    """
    found = sorted(versions_in(search.folded(), name), key=lambda version: version.name)
    rows = [
        {
            "name": one.name,
            "version_number": one.version,
            "run_id": one.run_id,
            "source_path": one.source,
            "current_stage": one.current_stage,
            "creation_timestamp": one.creation_timestamp,
            **search.tag_columns(one.tags),
        }
        for one in found
    ]
    chosen = search.matching(rows, filter_string, order_by)
    return [found[number] for number in chosen][:max_results]


@refusing
def get_latest_versions(name: str, stages: list[str] | None = None) -> list[ModelVersion]:
    """Return the newest version in each stage that has one, or in each of `stages`.

    Raises:
        NotFoundError: no such model.
    """
    wanted = STAGES if stages is None else [stage_named(stage) for stage in stages]
    newest: dict[str, ModelVersion] = {}
    for version in versions_of(name):
        if version.current_stage in wanted:
            newest.setdefault(version.current_stage, version)
    return list(newest.values())


@refusing
def get_model_version(name: str, version: int | str) -> ModelVersion:
    """Return one version.

    Raises:
        NotFoundError: no such model or version.
    """
    found = versions_of(name)
    for one in found:
        if str(one.version) == str(version):
            return one
    raise NotFoundError(
        f"model {name!r} has no version {version!r}: its versions are {_overview(found)}."
    )


@refusing
def get_model_version_by_alias(name: str, alias: str) -> ModelVersion:
    """Return the version that an alias points at.

    Raises:
        NotFoundError: no such model or alias.
    """
    found = versions_of(name)
    for one in found:
        if alias in one.aliases:
            return one
    known = sorted(alias for one in found for alias in one.aliases)
    raise NotFoundError(
        f"model {name!r} has no alias {alias!r}: its aliases are {', '.join(known) or 'none'}."
    )


@refusing
def search_registered_models(
    *,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
    max_results: int | None = None,
) -> list[RegisteredModel]:
    """Return the registered models, sorted by name.

    Args:
        filter_string: over name and tags, such as "name LIKE 'digits%'".
        order_by: such as ["name DESC"].
        max_results: at most so many.

    Raises:
        ArgumentError: a filter or order that is not understood.
    """
    found = _registered_models()
    rows = [{"name": one.name, **search.tag_columns(one.tags)} for one in found]
    chosen = search.matching(rows, filter_string, order_by)
    return [found[number] for number in chosen][:max_results]


def _registered_models() -> list[RegisteredModel]:
    frame = search.folded()
    versions, aliases = versions_in(frame), search.aliases(frame)
    return [
        RegisteredModel(
            name=row["name"],
            description=row["description"],
            tags=search.pairs(row["tags"]),
            aliases={
                alias.name: alias.version
                for alias in aliases.get(row["name"], ())
                if alias.version is not None
            },
            latest_versions=tuple(one for one in versions if one.name == row["name"]),
        )
        for row in search.registered_models(frame)
    ]


@refusing
def get_registered_model(name: str) -> RegisteredModel:
    """Return one registered model.

    Raises:
        NotFoundError: no such model.
    """
    for model in _registered_models():
        if model.name == name:
            return model
    raise NotFoundError(f"there is no registered model {name!r}: register_model() makes one.")
