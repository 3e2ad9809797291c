"""Data sets that a run read: MLflow's description of them, and the store's rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tracksite.mlflow_plugin import fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tracksite.mlflow_plugin.entity import Entity

CONTEXT = "mlflow.data.context"  # the tag that says what a data set was read for


def patch(
    entity: Entity | None, inputs: Iterable[tuple[Mapping[str, Any], Mapping[str, str]]]
) -> dict[str, Any]:
    """Return the patch that adds data sets to a run; those that it has are left as they are.

    The store's row of a data set has its name, context, source, digest and schema; the rest of
    what MLflow knows is a private tag beside it.

    Args:
        entity: the run as it stands; None for one that is new.
        inputs: of each data set the fields of MLflow's `Dataset`, and its tags.
    """
    rows: dict[str, dict[str, Any]] = {}
    tags: dict[str, str] = {}
    for dataset, tagged in inputs:
        key = f"{dataset['name']} {dataset['digest']}"
        if key in rows or (entity and fields.INPUT + key in entity.tags):
            continue
        rows[key] = {
            "name": _free_name(entity, rows, dataset),
            "context": tagged.get(CONTEXT),
            "source": dataset.get("source"),
            "digest": dataset["digest"],
            "schema": _columns(dataset.get("schema")),
            "rows": _row_count(dataset.get("profile")),
        }
        told = {"dataset": dict(dataset), "tags": dict(tagged)}
        tags[fields.INPUT + key] = json.dumps(told, sort_keys=True)
    return {"inputs": list(rows.values()), "tags": tags} if rows else {}


def described(entity: Entity) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """Return the fields and the tags of each data set that a run read; see `patch`.

    Those that were logged without MLflow are among them.
    """
    found: list[tuple[dict[str, Any], dict[str, str]]] = []
    known = set()
    for key, text in entity.tags.items():
        if not key.startswith(fields.INPUT):
            continue
        try:
            content = json.loads(text)
            dataset, tags = dict(content["dataset"]), dict(content["tags"])
            known |= {dataset["name"], f"{dataset['name']} {dataset['digest']}"}
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        found.append((dataset, tags))
    return found + [_own(row) for name, row in entity.inputs.items() if name not in known]


def _own(row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    dataset = {
        "name": row["name"],
        "digest": row["digest"] or "",
        "source_type": "local",
        "source": row["source"] or "",
        "schema": row["schema"],
    }
    return dataset, {CONTEXT: row["context"]} if row["context"] else {}


def _free_name(
    entity: Entity | None, rows: dict[str, dict[str, Any]], dataset: Mapping[str, Any]
) -> str:
    """Return a name that no other data set of the run has: theirs may differ by digest alone."""
    taken = {*(entity.inputs if entity else ()), *(row["name"] for row in rows.values())}
    name = str(dataset["name"])
    return name if name not in taken else f"{name} {dataset['digest']}"


def _columns(schema: str | None) -> str | None:
    """Return {column: type} as JSON from MLflow's schema of columns; None for any other."""
    try:
        columns = json.loads(schema or "")["mlflow_colspec"]
        return json.dumps({str(one["name"]): str(one["type"]) for one in columns})
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _row_count(profile: str | None) -> int | None:
    try:
        count = json.loads(profile or "")["num_rows"]
        return int(count)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
