"""Registered models and their versions as they stand, and the URIs that lead to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracksite.errors import ArgumentError, NotFoundError
from tracksite.store.ids import check_run_id
from tracksite.tracking import check, search, target
from tracksite.tracking.entities import ModelVersion, RegisteredModel

if TYPE_CHECKING:
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
_MODELS_URI = re.compile(r"models:/+(?P<name>[^@]+?)(?:/(?P<which>[^/@]+)|@(?P<alias>[^/@]+))")


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
    import polars as pl

    if deleted:
        frame = frame.with_columns(deleted=pl.lit(value=False))
    pointing: dict[tuple[str, str], list[str]] = {}
    for model in search.registered_models(frame):
        for alias, version in search.pairs(model["aliases"]).items():
            pointing.setdefault((model["name"], version), []).append(alias)
    return [
        ModelVersion(
            name=row["name"],
            version=row["version"],
            current_stage=row["stage"] or "None",
            run_id=row["source_run_id"],
            source=row["source_path"],
            aliases=tuple(sorted(pointing.get((row["name"], str(row["version"])), ()))),
            tags=search.pairs(row["tags"]),
            description=row["description"],
            created_at=row["first_at"],
            version_id=row["version_id"],
        )
        for row in reversed(search.model_versions(frame))
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


def search_model_versions(name: str | None = None) -> list[ModelVersion]:
    """Return the versions of one registered model, or of all, newest first within each name."""
    return sorted(versions_in(search.folded(), name), key=lambda version: version.name)


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


def search_registered_models() -> list[RegisteredModel]:
    """Return every registered model, sorted by name."""
    frame = search.folded()
    versions = versions_in(frame)
    return [
        RegisteredModel(
            name=row["name"],
            description=row["description"],
            tags=search.pairs(row["tags"]),
            aliases={
                alias: int(version)
                for alias, version in search.pairs(row["aliases"]).items()
                if version.isdecimal()
            },
            latest_versions=tuple(one for one in versions if one.name == row["name"]),
        )
        for row in search.registered_models(frame)
    ]


def get_registered_model(name: str) -> RegisteredModel:
    """Return one registered model.

    Raises:
        NotFoundError: no such model.
    """
    for model in search_registered_models():
        if model.name == name:
            return model
    raise NotFoundError(f"there is no registered model {name!r}: register_model() makes one.")
