"""Registered models and their versions as entities of a store, and as MLflow's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from mlflow.entities.model_registry import (
    ModelVersion,
    ModelVersionTag,
    RegisteredModel,
    RegisteredModelAlias,
    RegisteredModelTag,
)

from tracksite.mlflow_plugin import fields, lifecycle
from tracksite.mlflow_plugin.entity import Entity, from_millis
from tracksite.mlflow_plugin.experiments import now_ms
from tracksite.query.registry import numbers, target
from tracksite.store.ids import model_id, new_run_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracksite.mlflow_plugin.ledger import Ledger
    from tracksite.mlflow_plugin.lifecycle import Entities
    from tracksite.mlflow_plugin.uri import Artifacts

NO_STAGE = "None"


class Origin(NamedTuple):
    """Where a version comes from.

    Attributes:
        source: URI as the client gave it.
        place: URI of the files.
        run_id: the run that made it.
        run_link: a page about that run elsewhere.
    """

    source: str
    place: str
    run_id: str | None
    run_link: str | None


def models(entities: Entities) -> list[Entity]:
    """Return the registered models; those too that only versions name."""
    known = lifecycle.all_standing(entities, "model")
    found = {one.fields["name"]: one for one in known if _is_there(one)}
    for one in all_versions(entities):
        name = one.fields["name"]
        found.setdefault(name, Entity(model_id(name), "model", {"name": name}))
    return list(found.values())


def all_versions(entities: Entities, name: str | None = None) -> list[Entity]:
    """Return the versions of one model or all, each with the number that it is known by."""
    return [one for one in _numbered(entities, name) if not one.deleted]


def _numbered(entities: Entities, name: str | None = None) -> list[Entity]:
    """Return the versions of one model or all, deleted ones too."""
    found = _registered(entities, name)
    given: dict[str, int] = {}
    for claims in _claims(found).values():
        given |= numbers(claims)
    return [replace(one, fields={**one.fields, "version": given[one.entity_id]}) for one in found]


def _registered(entities: Entities, name: str | None) -> list[Entity]:
    return [
        one
        for one in lifecycle.all_standing(entities, "model_version")
        if one.fields.get("name") and "version" in one.fields and name in {None, one.fields["name"]}
    ]


def _claims(versions: Iterable[Entity]) -> dict[str, dict[str, int]]:
    """Return name of a model → identity of a version → the number that it claims."""
    claims: dict[str, dict[str, int]] = {}
    for one in versions:
        claims.setdefault(one.fields["name"], {})[one.entity_id] = one.fields["version"]
    return claims


def _is_there(entity: Entity) -> bool:
    return not entity.deleted and bool(entity.fields.get("name"))


def find(ledger: Ledger, name: str) -> Entity | None:
    """Return a registered model by its name, or None."""
    found = ledger.get(model_id(name))
    if found is not None and _is_there(found := lifecycle.standing(ledger, found)):
        return found
    return next((one for one in models(ledger) if one.fields["name"] == name), None)


def versions(entities: Entities, name: str) -> list[Entity]:
    """Return the versions of a model, in order of number."""
    return sorted(all_versions(entities, name), key=lambda one: int(one.fields["version"]))


def stage(version: Entity) -> str:
    """Return the stage of a version."""
    return version.fields.get("stage") or NO_STAGE


def latest(ledger: Ledger, model: Entity) -> list[Entity]:
    """Return the newest version in each stage that has one."""
    newest = {stage(one): one for one in versions(ledger, model.fields["name"])}
    return list(newest.values())


def create(ledger: Ledger, name: str, tags: dict[str, str], description: str | None) -> None:
    """Write a registered model; what a deleted one of this name had is taken away."""
    entity = ledger.get(model_id(name)) or Entity(model_id(name), "model")
    now = now_ms()
    before: dict[str, str | None] = dict.fromkeys(entity.tags)
    patch = {
        "name": name,
        "deleted": False,
        "started_at": from_millis(now),
        "description": description or "",
        "aliases": dict.fromkeys(entity.aliases),
        "tags": {**before, **tags, fields.UPDATED: str(now)},
    }
    ledger.patch(entity, patch)


def touch(
    ledger: Ledger, entity: Entity, patch: dict[str, Any], time_ms: int | None = None
) -> None:
    """Write a change of a model or version, and when it was made; None is now."""
    tags = {**patch.get("tags", {}), fields.UPDATED: str(time_ms or now_ms())}
    ledger.patch(entity, {"name": entity.fields["name"], **patch, "tags": tags})


def rename(ledger: Ledger, model: Entity, name: str) -> None:
    """Write a model under another name, and its versions with it."""
    old = model.fields["name"]
    if name == old:
        return touch(ledger, model, {})
    created = from_millis(model.began_ms)
    tags, aliases, text = model.tags, model.aliases, model.fields.get("description")
    create(ledger, name, dict(tags), text)
    moved = ledger.get(model_id(name)) or model
    touch(ledger, moved, {"started_at": created, "aliases": dict(aliases)})
    for one in _registered(ledger, old):
        touch(ledger, one, {"name": name})
    return ledger.patch(model, {"name": old, "deleted": True, "tags": {fields.RENAMED: name}})


def delete(ledger: Ledger, model: Entity) -> None:
    """Delete a model and its versions, whose numbers are free again for a model of this name."""
    name = model.fields["name"]
    gone = _registered(ledger, name)  # before: they are hidden as soon as it is deleted
    ledger.patch(model, {"name": name, "deleted": True})
    for one in gone:
        ledger.patch(one, {"deleted": True, "name": f"{name} (deleted {one.entity_id})"})


def add_version(
    ledger: Ledger,
    model: Entity,
    origin: Origin,
    tags: dict[str, str],
    description: str | None,
) -> Entity:
    """Write the next version of a model; numbers of deleted versions are not given out again."""
    name, now = model.fields["name"], now_ms()
    taken = [int(one.fields["version"]) for one in _numbered(ledger, name)]
    private = {fields.SOURCE: origin.source, fields.UPDATED: str(now)}
    patch: dict[str, Any] = {
        "name": name,
        "version": max(taken, default=0) + 1,
        "started_at": from_millis(now),
        "description": description,
        "source_run_id": origin.run_id,
    }
    folder = _artifacts_of(ledger).relative(origin.place)
    if folder is not None:
        patch |= {"source_run_id": origin.run_id or folder[0], "source_path": folder[1]}
        if folder[0] != patch["source_run_id"]:
            private[fields.OWNER] = folder[0]
        if origin.source == origin.place:
            del private[fields.SOURCE]
    elif origin.source != origin.place:
        private[fields.PLACE] = origin.place
    if origin.run_link:
        private[fields.RUN_LINK] = origin.run_link
    version = Entity(new_run_id(), "model_version")
    ledger.patch(version, {**patch, "tags": {**tags, **private}})
    touch(ledger, model, {})
    return ledger.get(version.entity_id) or version


def _artifacts_of(ledger: Ledger) -> Artifacts:
    from tracksite.mlflow_plugin.uri import Artifacts

    return Artifacts(ledger.store.root / "artifacts")


def place(version: Entity, artifacts: Artifacts) -> str:
    """Return where the files of a version are."""
    owner = version.tags.get(fields.OWNER) or version.fields.get("source_run_id")
    path = version.fields.get("source_path")
    if owner and path:
        return artifacts.uri(owner, path)
    return version.tags.get(fields.PLACE) or source(version, artifacts)


def source(version: Entity, artifacts: Artifacts) -> str:
    """Return the source of a version as the client gave it; a folder of the store as it is now."""
    given = version.tags.get(fields.SOURCE)
    if given is None and version.fields.get("source_path"):
        return place(version, artifacts)
    return given or ""


def updated_ms(entity: Entity) -> int:
    """Return when a model or version was last changed, in MLflow's sense."""
    return int(entity.tags.get(fields.UPDATED) or entity.began_ms)


def aliases(entities: Entities, model: Entity) -> dict[str, Entity]:
    """Return the aliases of a model, sorted, and the versions that they point at.

    One that points at a version that is deleted or not there is left out.
    """
    if not model.aliases:
        return {}
    name = model.fields["name"]
    claims = _claims(_registered(entities, name)).get(name, {})
    known = {one.entity_id: one for one in all_versions(entities, name)}
    found = {key: known.get(target(text, claims) or "") for key, text in model.aliases.items()}
    return {key: one for key, one in sorted(found.items()) if one is not None}


def aliases_of(entities: Entities, model: Entity, version: Entity) -> list[str]:
    """Return the aliases that point at a version."""
    found = aliases(entities, model)
    return [key for key, one in found.items() if one.entity_id == version.entity_id]


def set_alias(ledger: Ledger, model: Entity, alias: str, version: Entity) -> None:
    """Point an alias at a version, and say so of it: it is used, if a copy deleted it meanwhile."""
    ledger.patch(version, {"name": model.fields["name"]})
    ledger.patch(model, {"aliases": {alias: version.entity_id}})


def version_entity(version: Entity, aliases: list[str], artifacts: Artifacts) -> ModelVersion:
    """Return MLflow's entity of a version."""
    return ModelVersion(
        version.fields["name"],
        version.fields["version"],
        version.began_ms,
        updated_ms(version),
        version.fields.get("description") or None,
        None,
        stage(version),
        source(version, artifacts),
        version.fields.get("source_run_id"),
        tags=[ModelVersionTag(*item) for item in fields.to_tags(version, {}).items()],
        run_link=version.tags.get(fields.RUN_LINK),
        aliases=aliases,
    )


def model_entity(ledger: Ledger, model: Entity, artifacts: Artifacts) -> RegisteredModel:
    """Return MLflow's entity of a registered model, with the newest version of each stage."""
    return RegisteredModel(
        model.fields["name"],
        model.began_ms,
        updated_ms(model),
        model.fields.get("description") or None,
        [version_entity(one, [], artifacts) for one in latest(ledger, model)],
        [RegisteredModelTag(*item) for item in fields.to_tags(model, {}).items()],
        [
            RegisteredModelAlias(key, int(one.fields["version"]))
            for key, one in aliases(ledger, model).items()
        ],
    )
