"""What MLflow's `meta.yaml` files say, made from entities of a store."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tracksite.mlflow_plugin import fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tracksite.mlflow_plugin.entity import Entity

_STATUS = {"RUNNING": 1, "SCHEDULED": 2, "FINISHED": 3, "FAILED": 4, "KILLED": 5}
_MODEL_STATUS = {"UNSPECIFIED": 0, "PENDING": 1, "READY": 2, "FAILED": 3}
_LOCAL = 4  # of MLflow's kinds of sources


def experiment(own_id: str, name: str, location: Path, entity: Entity | None) -> dict[str, Any]:
    """Return the meta file of an experiment."""
    created = entity.began_ms if entity else 0
    return {
        "experiment_id": own_id,
        "name": name,
        "artifact_location": location.as_uri(),
        "creation_time": created,
        "last_update_time": _updated(entity, created) if entity else created,
        "lifecycle_stage": _stage(entity),
    }


def run(entity: Entity, own_id: str, place: Path) -> dict[str, Any]:
    """Return the meta file of a run whose artifacts are at a place."""
    return {
        "run_id": entity.entity_id,
        "run_uuid": entity.entity_id,
        "experiment_id": own_id,
        "run_name": entity.fields.get("name") or "",
        "user_id": entity.fields.get("user") or fields.UNKNOWN_USER,
        "status": _STATUS.get(fields.status(entity), _STATUS["KILLED"]),
        "start_time": entity.began_ms,
        "end_time": entity.millis("ended_at"),
        "lifecycle_stage": _stage(entity),
        "artifact_uri": place.as_uri(),
        "entry_point_name": "",
        "source_name": "",
        "source_type": _LOCAL,
        "source_version": "",
        "tags": [],
    }


def logged_model(entity: Entity, own_id: str, place: Path) -> dict[str, Any]:
    """Return the meta file of a logged model whose files are at a place."""
    created = entity.began_ms
    return {
        "model_id": f"m-{entity.entity_id}",
        "experiment_id": own_id,
        "name": entity.fields.get("name") or "",
        "artifact_location": place.as_uri(),
        "creation_timestamp": created,
        "last_updated_timestamp": _updated(entity, created),
        "model_type": entity.tags.get(fields.MODEL_TYPE),
        "source_run_id": entity.fields.get("source_run_id"),
        "status": _MODEL_STATUS.get(entity.tags.get(fields.STATUS, "READY"), 0),
        "status_message": None,
        "lifecycle_stage": _stage(entity),
    }


def registered_model(entity: Entity) -> dict[str, Any]:
    """Return the meta file of a registered model."""
    created = entity.began_ms
    return {
        "name": entity.fields["name"],
        "description": entity.fields.get("description"),
        "creation_timestamp": created,
        "last_updated_timestamp": _updated(entity, created),
    }


def version(entity: Entity, source: str) -> dict[str, Any]:
    """Return the meta file of a version whose files are at `source`."""
    created = entity.began_ms
    return {
        "name": entity.fields["name"],
        "version": int(entity.fields["version"]),
        "creation_timestamp": created,
        "last_updated_timestamp": _updated(entity, created),
        "description": entity.fields.get("description"),
        "current_stage": entity.fields.get("stage") or "None",
        "source": source,
        "storage_location": source,
        "run_id": entity.fields.get("source_run_id"),
        "run_link": entity.tags.get(fields.RUN_LINK),
        "status": "READY",
        "status_message": None,
        "user_id": None,
    }


def link(
    source_type: str, source: str, target_type: str, target: str, tags: Mapping[str, str]
) -> dict[str, Any]:
    """Return the meta file of an input or an output."""
    return {
        "source_type": source_type,
        "source_id": source,
        "destination_type": target_type,
        "destination_id": target,
        "tags": dict(tags),
    }


def dataset_key(dataset: Mapping[str, Any]) -> str:
    """Return the name of a data set's folder."""
    text = f"{dataset['name']}{dataset['digest']}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _updated(entity: Entity, created: int) -> int:
    text = entity.tags.get(fields.UPDATED, "")
    return int(text) if text.isdecimal() else created


def _stage(entity: Entity | None) -> str:
    return "deleted" if entity and entity.deleted else "active"
