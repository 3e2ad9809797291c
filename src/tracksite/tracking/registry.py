"""The model registry: named models, their versions, stages and aliases, kept as patches."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError, NotFoundError
from tracksite.store.ids import model_id, new_run_id
from tracksite.tracking import check, search, target, versions
from tracksite.tracking.entities import ModelVersion, RegisteredModel
from tracksite.tracking.refusing import refusing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracksite.tracking.kinds import Value

__all__ = [
    "create_registered_model",
    "delete_model_version",
    "delete_model_version_tag",
    "delete_registered_model",
    "delete_registered_model_alias",
    "delete_registered_model_tag",
    "register_model",
    "set_model_version_tag",
    "set_registered_model_alias",
    "set_registered_model_tag",
    "transition_model_version_stage",
    "update_model_version",
    "update_registered_model",
]


@refusing
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
    return versions.get_registered_model(name)


def _declare(name: str, fields: Mapping[str, Any]) -> None:
    patch = {"name": model_name(name), "deleted": False, **fields}
    target.store(create=True).write_patch(model_id(name), "model", patch)


def model_name(name: object) -> str:
    """Return the name of a registered model, or raise ArgumentError."""
    checked = check.key("model", name)
    if set(checked) & set("/@:"):
        raise ArgumentError(
            f"model name {checked!r} holds '/', '@' or ':', which separate the parts of a models:/ "
            "URI: use other characters."
        )
    return checked


@refusing
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
    name, texts = model_name(name), check.tags(tags or {})
    if description is not None:
        description = check.text("description", "", description, check.MAX_NOTES)
    run_id, path = versions.resolve(model_uri)
    if not any(row["path"].startswith(f"{path}/") for row in search.artifact_rows(run_id)):
        raise NotFoundError(
            f"run {run_id} has no model {path!r}: log_model(model, {path!r}) in that run first."
        )
    frame = search.folded()
    existing = versions.versions_in(frame, name, deleted=True)
    if not any(model["name"] == name for model in search.registered_models(frame)):
        _declare(name, {})
    made = ModelVersion(
        name=name,
        version=max((version.version for version in existing), default=0) + 1,
        current_stage="None",
        run_id=run_id,
        source=path,
        tags=texts,
        description=description,
        created_at=datetime.now(UTC),
        version_id=new_run_id(),
    )
    fields = {"version": made.version, "tags": texts, "description": description}
    _patch_version(made, {**fields, "source_run_id": run_id, "source_path": path})
    return made


@refusing
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
    wanted, moved = versions.stage_named(stage), versions.get_model_version(name, version)
    others = versions.versions_of(name) if archive_existing_versions else []
    for other in others:
        if other.current_stage == wanted and other.version != moved.version:
            _patch_version(other, {"stage": "Archived"})
    _patch_version(moved, {"stage": wanted})
    return versions.get_model_version(name, version)


def _patch_version(version: ModelVersion, fields: Mapping[str, Any]) -> None:
    """Write a change of a version; its model is named too, so that it is there again with it."""
    patch = {"name": version.name, **fields}
    target.store().write_patch(version.version_id, "model_version", patch)


@refusing
def update_model_version(name: str, version: int | str, description: str) -> ModelVersion:
    """Set the description of a version, in Markdown."""
    text = check.text("description", "", description, check.MAX_NOTES)
    _patch_version(versions.get_model_version(name, version), {"description": text})
    return versions.get_model_version(name, version)


@refusing
def set_model_version_tag(name: str, version: int | str, key: str, value: Value) -> None:
    """Set one tag of a version."""
    _patch_version(versions.get_model_version(name, version), {"tags": check.tags({key: value})})


@refusing
def delete_model_version_tag(name: str, version: int | str, key: str) -> None:
    """Remove a tag of a version; no error when there is none."""
    tags = {check.key("tag", key): None}
    _patch_version(versions.get_model_version(name, version), {"tags": tags})


@refusing
def update_registered_model(name: str, description: str) -> RegisteredModel:
    """Set the description of a registered model, in Markdown."""
    text = check.text("description", "", description, check.MAX_NOTES)
    _declare(versions.get_registered_model(name).name, {"description": text})
    return versions.get_registered_model(name)


@refusing
def set_registered_model_tag(name: str, key: str, value: Value) -> None:
    """Set one tag of a registered model."""
    _declare(versions.get_registered_model(name).name, {"tags": check.tags({key: value})})


@refusing
def delete_registered_model_tag(name: str, key: str) -> None:
    """Remove a tag of a registered model; no error when there is none."""
    tags = {check.key("tag", key): None}
    _declare(versions.get_registered_model(name).name, {"tags": tags})


@refusing
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
    found = versions.get_model_version(name, version)
    _patch_version(found, {})  # it is used: a copy that deleted it meanwhile shows it again
    _declare(name, {"aliases": {checked: found.version_id}})


@refusing
def delete_registered_model_alias(name: str, alias: str) -> None:
    """Remove an alias; no error when there is none.

    Raises:
        NotFoundError: no such model.
    """
    _declare(
        versions.get_registered_model(name).name, {"aliases": {check.key("alias", alias): None}}
    )


@refusing
def delete_model_version(name: str, version: int | str) -> None:
    """Hide a version; its number is not given out again."""
    _patch_version(versions.get_model_version(name, version), {"deleted": True})


@refusing
def delete_registered_model(name: str) -> None:
    """Hide a registered model and its versions."""
    model = versions.get_registered_model(name)
    patch = {"name": name, "deleted": True}
    target.store().write_patch(model_id(name), "model", patch)
    for version in model.latest_versions:
        _patch_version(version, {"deleted": True})
