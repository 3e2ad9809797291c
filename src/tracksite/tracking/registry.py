"""The model registry: named models, their versions, stages and aliases, kept as patches."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError, NotFoundError
from tracksite.store.ids import check_run_id, model_id, new_run_id
from tracksite.tracking import check, search, target
from tracksite.tracking.entities import ModelVersion, RegisteredModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracksite.tracking.kinds import Value

__all__ = [
    "create_registered_model",
    "delete_model_version",
    "delete_registered_model",
    "delete_registered_model_alias",
    "get_latest_versions",
    "get_model_version",
    "get_model_version_by_alias",
    "get_registered_model",
    "register_model",
    "search_model_versions",
    "search_registered_models",
    "set_model_version_tag",
    "set_registered_model_alias",
    "transition_model_version_stage",
    "update_model_version",
]

STAGES = ("None", "Staging", "Production", "Archived")
_RUNS_URI = re.compile(r"runs:/+(?P<run_id>[^/]+)/(?P<path>.+)")
_MODELS_URI = re.compile(r"models:/+(?P<name>[^@]+?)(?:/(?P<which>[^/@]+)|@(?P<alias>[^/@]+))")


def create_registered_model(
    name: str, *, tags: Mapping[str, Any] | None = None, description: str | None = None
) -> RegisteredModel:
    """Create a registered model without versions; what is given replaces what it had.

    Args:
        name: 1 to 250 characters on one line, without "/", "@" and ":".
        tags: {key: text}.
        description: Markdown.
    """
    _declare(name, {"tags": check.tags(tags or {}), "description": description})
    return get_registered_model(name)


def _declare(name: str, fields: Mapping[str, Any]) -> None:
    patch = {"name": _model_name(name), "deleted": False, **fields}
    target.store(create=True).write_patch(model_id(name), "model", patch)


def _model_name(name: object) -> str:
    checked = check.key("model", name)
    if set(checked) & set("/@:"):
        raise ArgumentError(
            f"model name {checked!r} holds '/', '@' or ':', which separate the parts of a models:/ "
            "URI: use other characters."
        )
    return checked


def register_model(
    model_uri: str,
    name: str,
    *,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
) -> ModelVersion:
    """Make a logged model the next version of a registered model, which is created if need be.

    Args:
        model_uri: `runs:/<run_id>/<path>`, or a `models:/` URI of another version.
        name: of the registered model.
        tags: of the version.
        description: of the version, Markdown.

    Returns:
        ModelVersion; `.version` is 1 for the first.

    Raises:
        ArgumentError: no such kind of URI, or a bad name.
        NotFoundError: the run, or the model in it, does not exist.
    """
    run_id, path = resolve(model_uri)
    texts = check.tags(tags or {})
    if not any(row["path"].startswith(f"{path}/") for row in search.artifact_rows(run_id)):
        raise NotFoundError(
            f"run {run_id} has no model {path!r}: log_model(model, {path!r}) in that run first."
        )
    existing = _versions(name, deleted=True)
    number = max((version.version for version in existing), default=0) + 1
    if not any(model.name == name for model in search_registered_models()):
        _declare(name, {})
    identity = new_run_id()
    fields = {
        "name": _model_name(name),
        "version": number,
        "source_run_id": run_id,
        "source_path": path,
        "tags": texts,
        "description": description,
    }
    target.store().write_patch(identity, "model_version", fields)
    return get_model_version(name, number)


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
    stages = None if which.lower() == "latest" else [_stage(which)]
    newest = _some_versions(name)
    found = [one for one in newest if stages is None or one.current_stage in stages]
    if not found:
        raise NotFoundError(
            f"model {name!r} has no version in stage {which!r}: "
            f"its versions are {_overview(newest)}."
        )
    return found[0]


def _overview(versions: list[ModelVersion]) -> str:
    return ", ".join(f"{one.version} ({one.current_stage})" for one in versions)


def _stage(stage: object) -> str:
    for known in STAGES:
        if str(stage).lower() == known.lower():
            return known
    raise ArgumentError(f"stage {stage!r} is not one of {', '.join(STAGES)}: use one of them.")


def _versions(name: str | None = None, *, deleted: bool = False) -> list[ModelVersion]:
    """Return versions of one model or all, newest first; on request the deleted ones too."""
    import polars as pl

    frame = search.folded()
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


def _some_versions(name: str) -> list[ModelVersion]:
    """Return the versions of a model, newest first; NotFoundError when there are none."""
    found = _versions(name)
    if not found:
        known = sorted({model.name for model in search_registered_models()})
        raise NotFoundError(
            f"there is no version of a model {name!r} in {target.get_tracking_uri()!r}: "
            f"registered are {', '.join(known) or 'no models'}."
        )
    return found


def search_model_versions(name: str | None = None) -> list[ModelVersion]:
    """Return the versions of one registered model, or of all, newest first within each name."""
    return sorted(_versions(name), key=lambda version: version.name)


def get_latest_versions(name: str, stages: list[str] | None = None) -> list[ModelVersion]:
    """Return the newest version in each stage that has one, or in each of `stages`.

    Raises:
        NotFoundError: no such model.
    """
    wanted = STAGES if stages is None else [_stage(stage) for stage in stages]
    newest: dict[str, ModelVersion] = {}
    for version in _some_versions(name):
        if version.current_stage in wanted:
            newest.setdefault(version.current_stage, version)
    return list(newest.values())


def get_model_version(name: str, version: int | str) -> ModelVersion:
    """Return one version.

    Raises:
        NotFoundError: no such model or version.
    """
    found = _some_versions(name)
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
    found = _some_versions(name)
    for one in found:
        if alias in one.aliases:
            return one
    known = sorted(alias for one in found for alias in one.aliases)
    raise NotFoundError(
        f"model {name!r} has no alias {alias!r}: its aliases are {', '.join(known) or 'none'}."
    )


def search_registered_models() -> list[RegisteredModel]:
    """Return every registered model, sorted by name."""
    versions = _versions()
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
        for row in search.registered_models(search.folded())
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


def transition_model_version_stage(
    name: str, version: int | str, stage: str, *, archive_existing_versions: bool = False
) -> ModelVersion:
    """Move a version to a stage.

    Args:
        name: of the registered model.
        version: its number.
        stage: None, Staging, Production or Archived, in any case.
        archive_existing_versions: move the others that are in that stage to Archived.

    Raises:
        ArgumentError: another stage.
        NotFoundError: no such model or version.
    """
    wanted, moved = _stage(stage), get_model_version(name, version)
    others = _some_versions(name) if archive_existing_versions else []
    for other in others:
        if other.current_stage == wanted and other.version != moved.version:
            _patch_version(other, {"stage": "Archived"})
    _patch_version(moved, {"stage": wanted})
    return get_model_version(name, version)


def _patch_version(version: ModelVersion, fields: Mapping[str, Any]) -> None:
    target.store().write_patch(version.version_id, "model_version", fields)


def update_model_version(name: str, version: int | str, description: str) -> ModelVersion:
    """Set the description of a version, in Markdown."""
    text = check.text("description", "", description, check.MAX_NOTES)
    _patch_version(get_model_version(name, version), {"description": text})
    return get_model_version(name, version)


def set_model_version_tag(name: str, version: int | str, key: str, value: Value) -> None:
    """Set one tag of a version."""
    _patch_version(get_model_version(name, version), {"tags": check.tags({key: value})})


def set_registered_model_alias(name: str, alias: str, version: int | str) -> None:
    """Point an alias, such as "champion", at a version; it points nowhere else then.

    Raises:
        ArgumentError: an alias that reads like a version, "latest" or a part of a URI.
        NotFoundError: no such model or version.
    """
    checked = check.key("alias", alias)
    if checked.isdecimal() or checked.lower() == "latest" or set(checked) & set("/@:"):
        raise ArgumentError(
            f"alias {alias!r} is a number, 'latest' or holds '/', '@' or ':': use another word."
        )
    number = get_model_version(name, version).version
    _declare(name, {"aliases": {checked: str(number)}})


def delete_registered_model_alias(name: str, alias: str) -> None:
    """Remove an alias; no error when there is none.

    Raises:
        NotFoundError: no such model.
    """
    _declare(get_registered_model(name).name, {"aliases": {check.key("alias", alias): None}})


def delete_model_version(name: str, version: int | str) -> None:
    """Hide a version; its number is not given out again."""
    _patch_version(get_model_version(name, version), {"deleted": True})


def delete_registered_model(name: str) -> None:
    """Hide a registered model and its versions."""
    model = get_registered_model(name)
    for version in model.latest_versions:
        _patch_version(version, {"deleted": True})
    target.store().write_patch(model_id(name), "model", {"deleted": True})
