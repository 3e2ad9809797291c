"""MLflow's tags and the store's fields: each thing is kept once, so both sides show the same.

A tag that has a field becomes that field, and is made again from it when a client reads. Tags that
begin with `tracksite.mlflow.` are ours and no client sees them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tracksite.schema import OWNER_TAG, PRIVATE_TAGS, RENAMED_TAG
from tracksite.tracking import mlflow_tags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracksite.mlflow_plugin.entity import Entity

PRIVATE, OWNER, RENAMED = PRIVATE_TAGS, OWNER_TAG, RENAMED_TAG
ARTIFACTS = f"{PRIVATE}artifact_location"  # chosen by hand
EXPERIMENT_ID = f"{PRIVATE}experiment_id"  # of an experiment that was renamed
STATUS = f"{PRIVATE}status"  # RUNNING or SCHEDULED as imported, or the status of a logged model
UNNAMED = f"{PRIVATE}unnamed"  # the tag with the name of a run was removed, the name was not
UPDATED = f"{PRIVATE}updated_at"  # milliseconds since 1970
SOURCE = f"{PRIVATE}source"  # of a model version, where it is no folder of a run
PLACE = f"{PRIVATE}place"  # of a model version: its files, where they are no folder of the store
RUN_LINK = f"{PRIVATE}run_link"
MODEL_TYPE = f"{PRIVATE}model_type"
INPUT = f"{PRIVATE}input."  # + data set: what MLflow knows of it and the store's row does not
MODEL_INPUT = f"{PRIVATE}model_input."  # + model id
GONE = f"{PRIVATE}gone"  # of what an import deleted: the next one brings it back if it is there
FOREIGN_ID = f"{PRIVATE}run_id"  # of an imported run, where it is no id of ours
MODEL_OUTPUT = f"{PRIVATE}model_output."  # + model id: the step

UNKNOWN_USER = "unknown"  # what clients send where nobody is known
RUN_FIELDS = {**mlflow_tags.FIELDS, **mlflow_tags.GIT}
NOTE = {mlflow_tags.NOTE: "description"}  # of experiments
SHOWN_STATUS = {
    "running": "RUNNING",
    "finished": "FINISHED",
    "failed": "FAILED",
    "killed": "KILLED",
    "interrupted": "KILLED",  # MLflow has no word for a run whose process is gone
}
STORED_STATUS = {
    "RUNNING": "running",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
}
_OPEN = {"running", "interrupted"}
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def to_patch(tags: Mapping[str, str | None], mapped: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields and tags that say what these tags say; None removes a tag.

    A field cannot be taken back, so one that is removed becomes empty, and a tag that is set to
    nothing is kept as a tag beside the empty field.
    """
    patch: dict[str, Any] = {}
    kept: dict[str, str | None] = {}
    for key, text in tags.items():
        name = mapped.get(key)
        if name is None or not mlflow_tags.fits(key, text):
            kept[key] = text
        else:
            patch[name] = _without_credentials(text or "") if name == "git_remote" else text or ""
            kept[key] = "" if text == "" else None
    if kept:
        patch["tags"] = kept
    return patch


def to_tags(entity: Entity, mapped: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that a client sees."""
    tags = {key: text for key, text in entity.tags.items() if not key.startswith(PRIVATE)}
    for key, name in mapped.items():
        text = _shown(entity, name)
        if text:
            tags[key] = text
    return tags


def tag_of(entity: Entity, key: str, mapped: Mapping[str, str]) -> str | None:
    """Return one of the tags that a client sees."""
    text = _shown(entity, mapped[key]) if key in mapped else None
    if text:
        return text
    return None if key.startswith(PRIVATE) else entity.tags.get(key)


def status(entity: Entity) -> str:
    """Return MLflow's status of a run."""
    stored = str(entity.fields.get("status", "interrupted"))
    if stored in _OPEN and STATUS in entity.tags:
        return entity.tags[STATUS]
    return SHOWN_STATUS.get(stored, "KILLED")


def _shown(entity: Entity, name: str) -> str | None:
    """Return a field as the text of its tag; None where no client has set one."""
    text: str | None = entity.fields.get(name)
    if name == "name" and UNNAMED in entity.tags:
        return None
    return None if name == "user" and text == UNKNOWN_USER else text


def _without_credentials(url: str) -> str:
    return _CREDENTIALS.sub("", url)
