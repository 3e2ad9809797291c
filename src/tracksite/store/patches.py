"""A patch as a dict of plain values: how two of them merge, and how one becomes an Arrow row."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tracksite import schema
from tracksite.errors import ArgumentError
from tracksite.schema import LIST_KEYS, SCALAR_FIELDS, TIME_FIELDS, runs_schema
from tracksite.store.columns import column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

_PAIRS = ("params", "tags", "aliases", "environment")


def normalise(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a patch in its JSON form: lists keyed by item, times as UTC microseconds.

    Args:
        fields: schema fields; `params`, `tags`, `aliases` and `environment` as {key: text},
            other lists as dicts with the keys of their Arrow struct, times as aware datetimes.

    Raises:
        ArgumentError: a field that the schema does not have.
    """
    patch: dict[str, Any] = {}
    for name, value in fields.items():
        if name in _PAIRS:
            patch[name] = {key: {"key": key, "text": text} for key, text in value.items()}
        elif name in LIST_KEYS:
            patch[name] = {item[LIST_KEYS[name]]: dict(item) for item in value}
        elif name == "purged":
            patch[name] = list(value)
        elif name in SCALAR_FIELDS or name == "kind":
            patch[name] = _microseconds(value) if isinstance(value, datetime) else value
        else:
            message = f"a patch has no field {name!r}: use one of {', '.join(SCALAR_FIELDS)}"
            raise ArgumentError(message)
    return patch


def merge(patches: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one patch that says what all of them say: the later write of a key wins."""
    merged: dict[str, Any] = {}
    for patch in patches:
        for name, value in patch.items():
            if isinstance(value, dict):
                merged.setdefault(name, {}).update(value)
            elif value is not None:
                merged[name] = value
    return merged


def to_table(patch: Mapping[str, Any], **identity: object) -> pa.Table:
    """Return a merged patch as one row of `runs_schema()`.

    Args:
        patch: the JSON form, as `normalise` and `merge` return it.
        identity: run_id, writer, seq and timestamp of the row.
    """
    import pyarrow as pa

    row = {**patch, **identity}
    for name in LIST_KEYS:
        row[name] = [dict(item) for item in row[name].values()] if row.get(name) else None
    for item in row["params"] or ():
        item["number"] = number(item["text"])
    for name in (*TIME_FIELDS, "timestamp"):
        row[name] = row.get(name)
    schema = runs_schema()
    return pa.Table.from_arrays(
        [column([row.get(field.name)], field.type) for field in schema], schema=schema
    )


def number(text: str | None) -> float | None:
    """Return the double nearest to the number that a param's text spells, or None."""
    found = schema.number(text)
    return None if found is None else float(found)


def _microseconds(value: datetime) -> int:
    if value.tzinfo is None:
        message = f"{value!r} has no time zone: pass an aware datetime, for example in UTC"
        raise ArgumentError(message)
    return round(value.timestamp() * 1_000_000)
