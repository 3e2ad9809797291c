"""The tags by which MLflow's scripts say what is a field of a run here, both ways."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tracksite.store.ids import RUN_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"
FIELDS = {
    "mlflow.runName": "name",
    "mlflow.user": "user",
    PARENT: "parent_run_id",
    NOTE: "description",
    "mlflow.source.name": "source",
}
GIT = {  # which tracksite finds out by itself; what MLflow's clients say of it is a field too
    "mlflow.source.git.commit": "git_commit",
    "mlflow.source.git.branch": "git_branch",
    "mlflow.source.git.repoURL": "git_remote",
}
_IN_FILTER = re.compile(
    rf"\btags?\.(?P<quote>[`\"]?)(?P<key>{'|'.join(map(re.escape, FIELDS))})(?P=quote)(?![\w.])",
    re.IGNORECASE,
)
_LOWER = {key.lower(): field for key, field in FIELDS.items()}


def fields(tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a patch that these tags say: tags, and what has a field of its own.

    A parent that is no run id stays a tag, and so does what says nothing.
    """
    named = {key: text for key, text in tags.items() if key in FIELDS and text and fits(key, text)}
    kept = {key: text for key, text in tags.items() if key not in named}
    return {"tags": kept, **{FIELDS[key]: text for key, text in named.items()}}


def fits(key: str, text: str | None) -> bool:
    """Return whether what a tag says can be its field: a parent that is no run id cannot."""
    return key != PARENT or not text or RUN_ID.fullmatch(text) is not None


def shown(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that MLflow would show for these fields of a run."""
    return {key: str(values[field]) for key, field in FIELDS.items() if values.get(field)}


def in_filter(text: str) -> str:
    """Return a filter or an order with these tags replaced by the attributes that they are."""
    return _IN_FILTER.sub(lambda found: f"attributes.{_LOWER[found['key'].lower()]}", text)
