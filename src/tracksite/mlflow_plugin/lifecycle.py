"""Entities as they stand after all copies of a store said their word; see `query.lifecycle`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from tracksite.query.lifecycle import DEFAULT_EXPERIMENT, follow, hides, used_after
from tracksite.schema import RENAMED_TAG
from tracksite.store.ids import experiment_id, model_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tracksite.mlflow_plugin.entity import Entity
    from tracksite.query.lifecycle import Names

_OWNERS = {"run": "experiment", "logged_model": "experiment", "model_version": "model"}
_MEMBERS = {"experiment": "run", "model": "model_version"}
_IDS: dict[str, Callable[[str], str]] = {"experiment": experiment_id, "model": model_id}


class Entities(Protocol):
    """What a store holds: a ledger, or what is known before an import."""

    def all(self, kind: str) -> list[Entity]:
        """Return the entities of a kind, deleted ones too, as their own patches say."""

    def peek(self, entity_id: str) -> Entity | None:
        """Return one of them."""


def standing(entities: Entities, entity: Entity) -> Entity:
    """Return an entity with `deleted`, and the name of its experiment or model, as they stand."""
    kind = entity.kind
    if kind in _MEMBERS:
        return next(iter(_owners(entities, kind, [entity])), entity) if entity.deleted else entity
    gone: dict[str, Entity] = {}
    name = owner_name(entity)
    while (owner := entities.peek(_IDS[_OWNERS[kind]](name))) and owner.deleted:
        gone[name] = owner
        name = owner.tags.get(RENAMED_TAG, name)
        if name in gone:
            break
    return _member(entity, gone, _renamed(gone))


def all_standing(entities: Entities, kind: str) -> list[Entity]:
    """Return the entities of a kind, deleted ones too, as they stand."""
    found = entities.all(kind)
    if kind in _MEMBERS:
        return _owners(entities, kind, found)
    owners = entities.all(_OWNERS[kind])
    gone = {str(one.fields["name"]): one for one in owners if one.deleted and "name" in one.fields}
    names = _renamed(gone)
    return [_member(one, gone, names) if gone or one.deleted else one for one in found]


def still_deleted(
    entities: Entities, entity: Entity, fields: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return a patch that says so where what it changes is deleted: a later word would undo that.

    A patch that speaks of `deleted` itself, or is the first one, is returned as it is.
    """
    if entity.last_seq < 0 or fields.get("deleted") is not None:
        return fields
    return {**fields, "deleted": True} if standing(entities, entity).deleted else fields


def owner_name(entity: Entity) -> str:
    """Return the name of the experiment or model that an entity belongs to."""
    if entity.kind == "model_version":
        return str(entity.fields.get("name", ""))
    return str(entity.fields.get("experiment") or DEFAULT_EXPERIMENT)


def _renamed(gone: Mapping[str, Entity]) -> Names:
    tags = {(one.kind, name): one.tags.get(RENAMED_TAG) for name, one in gone.items()}
    return {key: name for key, name in tags.items() if name is not None}


def _member(entity: Entity, gone: Mapping[str, Entity], names: Names) -> Entity:
    """Return a member, where these experiments or models were deleted or renamed."""
    news: dict[str, Any] = {}
    old = owner_name(entity)
    name = follow(names, _OWNERS[entity.kind], old) if old in gone else old
    if name != old:
        news["name" if entity.kind == "model_version" else "experiment"] = name
    owner = gone.get(name) if entity.kind != "logged_model" else None
    hidden = owner is not None and hides(owner.deleted_seq, entity.last_seq)
    deleted = hidden or (entity.deleted and not used_after(entity.opened_seq, entity.deleted_seq))
    if deleted != entity.deleted:
        news["deleted"] = deleted
    return replace(entity, fields={**entity.fields, **news}) if news else entity


def _owners(entities: Entities, kind: str, found: list[Entity]) -> list[Entity]:
    """Return experiments or models: those of which something is left are there."""
    if not any(one.deleted for one in found):
        return found
    members = all_standing(entities, _MEMBERS[kind])
    left = {owner_name(one) for one in members if not one.deleted}
    return [
        replace(one, fields={**one.fields, "deleted": False})
        if one.deleted
        and (one.fields.get("name") in left or used_after(one.opened_seq, one.deleted_seq))
        else one
        for one in found
    ]
