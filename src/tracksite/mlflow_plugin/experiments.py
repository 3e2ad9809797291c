"""Experiments as MLflow knows them: ids that stay when a name changes, and "0" for Default."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from mlflow.entities import Experiment, ExperimentTag, LifecycleStage, ViewType
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    INVALID_STATE,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
)
from mlflow.utils.search_utils import SearchExperimentsUtils

from tracksite.mlflow_plugin import fields, lifecycle, runs
from tracksite.mlflow_plugin.entity import Entity, from_millis
from tracksite.mlflow_plugin.searching import compare, ordered
from tracksite.store.ids import experiment_id, new_run_id

if TYPE_CHECKING:
    from tracksite.mlflow_plugin.ledger import Ledger
    from tracksite.mlflow_plugin.searching import Key, Test
    from tracksite.mlflow_plugin.uri import Artifacts

DEFAULT_NAME, DEFAULT_ID = "Default", "0"


def now_ms() -> int:
    """Return milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def id_of(entity: Entity) -> str:
    """Return the id that clients know an experiment by."""
    own = entity.tags.get(fields.EXPERIMENT_ID)
    return own or (DEFAULT_ID if entity.fields.get("name") == DEFAULT_NAME else entity.entity_id)


def known(ledger: Ledger) -> dict[str, Entity]:
    """Return MLflow's id → experiment, those too that only runs name, and Default always."""
    experiments = lifecycle.all_standing(ledger, "experiment")
    entities = {one.entity_id: one for one in experiments if one.fields.get("name")}
    names = {lifecycle.owner_name(one) for one in lifecycle.all_standing(ledger, "run")}
    for name in {*names, DEFAULT_NAME}:
        entities.setdefault(experiment_id(name), _unwritten(ledger, name))
    return {id_of(one): one for one in entities.values() if fields.RENAMED not in one.tags}


def _unwritten(ledger: Ledger, name: str) -> Entity:
    """Return an experiment that nobody declared: it is as old as the store."""
    made_us = (ledger.store.root / "store.json").stat().st_mtime_ns // 1000
    return Entity(experiment_id(name), "experiment", {"name": name}, first_us=made_us)


def find(ledger: Ledger, wanted: str | None, view: int = ViewType.ALL) -> Entity:
    """Return an experiment by its id.

    Raises:
        MlflowException: there is none, or none of that view.
    """
    wanted = str(wanted or DEFAULT_ID)
    found = ledger.get(_place(wanted))
    if found is None or found.kind != "experiment" or not _goes_by(found, wanted):
        found = known(ledger).get(wanted)
    if found is not None:
        found = lifecycle.standing(ledger, found)
    if found is None or not _in_view(found, view):
        raise MlflowException(f"No Experiment with id={wanted} exists", RESOURCE_DOES_NOT_EXIST)
    return found


def deleted(ledger: Ledger, wanted: str) -> Entity:
    """Return an experiment that was deleted, one too of which something is left.

    Raises:
        MlflowException: there is none.
    """
    found = find(ledger, wanted)
    told = ledger.peek(found.entity_id)
    return found if told and told.deleted else find(ledger, wanted, ViewType.DELETED_ONLY)


def last_seen(ledger: Ledger, wanted: str | None) -> Entity:
    """Return an experiment that was active when the files were last looked at, or as `find`."""
    wanted = str(wanted or DEFAULT_ID)
    found = ledger.peek(_place(wanted))
    if found is None or found.kind != "experiment" or found.deleted or not _goes_by(found, wanted):
        return find(ledger, wanted)
    return found


def _place(wanted: str) -> str:
    return experiment_id(DEFAULT_NAME) if wanted == DEFAULT_ID else wanted


def _goes_by(entity: Entity, wanted: str) -> bool:
    return id_of(entity) == wanted and fields.RENAMED not in entity.tags


def of_run(ledger: Ledger, entity: Entity) -> str:
    """Return the id of the experiment that a run or a logged model belongs to."""
    name = lifecycle.owner_name(entity)
    found = ledger.peek(experiment_id(name))
    return id_of(found if found is not None else _unwritten(ledger, name))


def named(ledger: Ledger, name: str) -> Entity | None:
    """Return an experiment by its name, deleted or not."""
    found = ledger.get(experiment_id(name))
    if found is not None and found.fields.get("name") == name and fields.RENAMED not in found.tags:
        return lifecycle.standing(ledger, found)
    return next((one for one in known(ledger).values() if one.fields["name"] == name), None)


def entity_of(entity: Entity, artifacts: Artifacts) -> Experiment:
    """Return MLflow's entity of an experiment."""
    created = entity.began_ms
    return Experiment(
        id_of(entity),
        entity.fields["name"],
        entity.tags.get(fields.ARTIFACTS) or artifacts.location,
        runs.lifecycle(entity),
        [ExperimentTag(*item) for item in fields.to_tags(entity, fields.NOTE).items()],
        created,
        int(entity.tags.get(fields.UPDATED, created)),
    )


def create(ledger: Ledger, name: str, tags: dict[str, str], location: str | None) -> str:
    """Write a new experiment; return its id.

    Raises:
        MlflowException: there is one of this name, deleted or not.
    """
    if named(ledger, name) is not None:
        raise MlflowException(f"Experiment(name={name}) already exists.", RESOURCE_ALREADY_EXISTS)
    return id_of(_declare(ledger, name, tags, location, None))


def _declare(
    ledger: Ledger, name: str, tags: dict[str, str], location: str | None, own_id: str | None
) -> Entity:
    """Write the entity of a name, which may have stood for another experiment before."""
    entity = ledger.get(experiment_id(name)) or Entity(experiment_id(name), "experiment")
    patch = fields.to_patch(tags, fields.NOTE)
    before: dict[str, str | None] = dict.fromkeys(entity.tags)
    private = {fields.ARTIFACTS: location or None, fields.EXPERIMENT_ID: own_id}
    if fields.RENAMED in entity.tags:
        private[fields.EXPERIMENT_ID] = own_id or new_run_id()
    ledger.patch(
        entity,
        {
            "name": name,
            "deleted": False,
            "started_at": from_millis(now_ms()),
            "description": patch.get("description", ""),
            "tags": {**before, **private, **patch.get("tags", {})},
        },
    )
    return ledger.get(entity.entity_id) or entity


def check_active(entity: Entity) -> None:
    """Raise unless an experiment is active."""
    if entity.deleted:
        raise MlflowException(
            f"The experiment {id_of(entity)} must be in the 'active' state. "
            f"Current state is {LifecycleStage.DELETED}.",
            INVALID_PARAMETER_VALUE,
        )


def update(ledger: Ledger, entity: Entity, patch: dict[str, Any], *, touch: bool = False) -> None:
    """Write a change of an experiment; `touch` says when."""
    tags = dict(patch.get("tags", {}))
    if touch:
        tags[fields.UPDATED] = str(now_ms())
    ledger.patch(entity, {"name": entity.fields["name"], **patch, "tags": tags})


def mark(ledger: Ledger, entity: Entity, *, deleted: bool) -> None:
    """Delete or restore an experiment with all of its runs."""
    runs = members(ledger, entity, "run")  # before: they are hidden as soon as it is deleted
    if ledger.peek(entity.entity_id) is None:  # that it has changed is seen by its second part
        update(ledger, entity, {})
    update(ledger, entity, {"deleted": deleted}, touch=True)
    for run in runs:
        if run.deleted != deleted:
            ledger.patch(run, {"deleted": deleted})


def members(ledger: Ledger, entity: Entity, kind: str) -> list[Entity]:
    """Return the entities of a kind that belong to an experiment."""
    name = entity.fields["name"]
    found = lifecycle.all_standing(ledger, kind)
    return [one for one in found if lifecycle.owner_name(one) == name]


def rename(ledger: Ledger, entity: Entity, name: str) -> None:
    """Give an experiment another name: its runs follow, its id stays.

    Raises:
        MlflowException: the experiment is deleted, or the name is taken.
    """
    if entity.deleted:
        raise MlflowException("Cannot rename a non-active experiment.", INVALID_STATE)
    if name == entity.fields["name"]:
        return update(ledger, entity, {}, touch=True)
    if named(ledger, name) is not None:
        raise MlflowException(f"Experiment(name={name}) already exists.", RESOURCE_ALREADY_EXISTS)
    tags = fields.to_tags(entity, fields.NOTE)
    created = from_millis(entity.began_ms)
    location = entity.tags.get(fields.ARTIFACTS)
    moved = _declare(ledger, name, tags, location, id_of(entity))
    update(ledger, moved, {"started_at": created}, touch=True)
    for kind in ("run", "logged_model"):
        for one in members(ledger, entity, kind):
            ledger.patch(one, {"experiment": name})
    return update(ledger, entity, {"deleted": True, "tags": {fields.RENAMED: name}})


def _in_view(entity: Entity, view: int) -> bool:
    return runs.lifecycle(entity) in LifecycleStage.view_type_to_stages(view)


def search(
    ledger: Ledger, view: int, filter_string: str | None, order_by: list[str] | None
) -> list[Entity]:
    """Return the experiments that match, in order: newest first by default.

    Raises:
        MlflowException: a filter or an order that MLflow does not understand.
    """
    tests = [_test(clause) for clause in SearchExperimentsUtils.parse_search_filter(filter_string)]
    keys = []
    for kind, key, ascending in map(
        SearchExperimentsUtils.parse_order_by_for_search_experiments,
        order_by or ["creation_time DESC", "experiment_id ASC"],
    ):
        if kind != "attribute":
            raise MlflowException.invalid_parameter_value(f"Invalid order_by entity: {kind}")
        keys.append((_attribute(key), ascending))
    keys.append((_attribute("experiment_id"), False))
    found = [one for one in known(ledger).values() if _in_view(one, view)]
    return ordered([one for one in found if all(test(one) for test in tests)], keys)


def _test(clause: dict[str, Any]) -> Test:
    kind, key, sign, value = (clause[it] for it in ("type", "key", "comparator", "value"))
    if kind == "attribute":
        look = _attribute(key)
        if key == "experiment_id":
            _allow(sign, ("=", "!=", "IN", "NOT IN"), "experiment_id")
        elif SearchExperimentsUtils.is_string_attribute(kind, key, sign):
            _allow(sign, ("=", "!=", "LIKE", "ILIKE"), "string attribute")
        elif SearchExperimentsUtils.is_numeric_attribute(kind, key, sign):
            _allow(sign, ("=", "!=", "<", "<=", ">", ">="), "numeric attribute")
            value = whole(key, value)
    elif kind == "tag":
        _allow(sign, ("=", "!=", "LIKE", "ILIKE", "IS NULL", "IS NOT NULL"), "tag")
        look = _tag(key)
    else:
        raise MlflowException.invalid_parameter_value(f"Invalid token type: {kind}")
    passes = compare(sign, value)
    return lambda entity: passes(look(entity))


def _allow(sign: str, allowed: tuple[str, ...], what: str) -> None:
    if sign not in allowed:
        raise MlflowException.invalid_parameter_value(f"Invalid comparator for {what}: {sign}")


def whole(key: str, value: Any) -> int:  # noqa: ANN401 - a token of a filter
    """Return the whole number that a numeric attribute is compared with."""
    if isinstance(value, int):
        return value
    shown = repr(str(value)) if isinstance(value, float) else repr(value)
    raise MlflowException.invalid_parameter_value(
        f"Invalid value for numeric attribute '{key}': {shown}"
    )


def _attribute(key: str) -> Key:
    looks: dict[str, Key] = {
        "name": lambda entity: entity.fields["name"],
        "experiment_id": id_of,
        "creation_time": lambda one: one.began_ms,
        "last_update_time": lambda one: int(one.tags.get(fields.UPDATED) or one.began_ms),
    }
    return looks[key]


def _tag(key: str) -> Key:
    return lambda entity: fields.tag_of(entity, key, fields.NOTE)
