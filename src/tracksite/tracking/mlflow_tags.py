"""The tags by which MLflow's scripts say what is a field of a run here, both ways."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tracksite.store.ids import RUN_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

PARENT = "mlflow.parentRunId"
FIELDS = {
    "mlflow.runName": "name",
    PARENT: "parent_run_id",
    "mlflow.note.content": "description",
    "mlflow.user": "user",
    "mlflow.source.name": "source",
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
    named = {
        key: text
        for key, text in tags.items()
        if key in FIELDS and text and (key != PARENT or RUN_ID.fullmatch(text))
    }
    kept = {key: text for key, text in tags.items() if key not in named}
    return {"tags": kept, **{FIELDS[key]: text for key, text in named.items()}}


def shown(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that MLflow would show for these fields of a run."""
    return {key: str(values[field]) for key, field in FIELDS.items() if values.get(field)}


def in_filter(text: str) -> str:
    """Return a filter or an order with these tags replaced by the attributes that they are."""
    return _IN_FILTER.sub(lambda found: f"attributes.{_LOWER[found['key'].lower()]}", text)
