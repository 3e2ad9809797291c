"""An entity of a store as it stands in memory: what patches say of it, applied one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from tracksite.schema import LIST_KEYS, SCALAR_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAIRS = ("params", "tags", "aliases", "environment")


class Latest(NamedTuple):
    """The latest point of a metric."""

    step: int
    time_us: int
    value: float


@dataclass
class Entity:
    """A run, experiment, model, model version or logged model.

    Attributes:
        entity_id: 32 hex digits.
        kind: one of `schema.KINDS`.
        fields: scalar fields of the schema that are not null.
        params, tags, aliases: key → text.
        metrics: key → its latest point.
        inputs, outputs, artifacts: key → row of the schema's list.
        first_us, last_us: times of the first and the last patch, microseconds since 1970.
        opened_seq, last_seq, deleted_seq: as in a row of `query.runs.fold`; -1 where there is none.
    """

    entity_id: str
    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, Latest] = field(default_factory=dict)
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    artifacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    first_us: int = 0
    last_us: int = 0
    opened_seq: int = -1
    last_seq: int = -1
    deleted_seq: int = -1

    @property
    def deleted(self) -> bool:
        """Whether the last word on it deletes it; see `lifecycle.standing`."""
        return bool(self.fields.get("deleted"))

    @property
    def began_ms(self) -> int:
        """When it began or was made, in milliseconds since 1970; 0 is such a time, too."""
        began = self.millis("started_at")
        return self.first_us // 1000 if began is None else began

    def millis(self, name: str) -> int | None:
        """Return a time field in milliseconds since 1970, as MLflow counts."""
        time = self.fields.get(name)
        return None if time is None else to_us(time) // 1000

    def knows(self, patch: Mapping[str, Any]) -> bool:
        """Return whether something that a patch says was said before, so that order matters."""
        for name, value in patch.items():
            if name in SCALAR_FIELDS and self.fields.get(name) is not None:
                return True
            if name in _PAIRS and name != "environment" and getattr(self, name).keys() & value:
                return True
        return False

    def apply(self, patch: Mapping[str, Any], time_us: int, opened: int, said: int) -> None:
        """Take in a patch in the form that `RunWriter.patch` takes.

        Args:
            patch: what is said.
            time_us: when, in microseconds since 1970.
            opened: the number of the log or part that says it.
            said: the number at which it is said.
        """
        self.first_us = self.first_us or time_us
        self.last_us = max(self.last_us, time_us)
        self.opened_seq = max(self.opened_seq, opened)
        self.last_seq = max(self.last_seq, said)
        if patch.get("deleted") is not None:
            self.deleted_seq = self.last_seq
        for name, value in patch.items():
            if name in {"params", "tags", "aliases"}:
                kept = getattr(self, name)
                for key, text in value.items():
                    if text is None:
                        kept.pop(key, None)
                    else:
                        kept[key] = text
            elif name in {"inputs", "outputs", "artifacts"}:
                getattr(self, name).update({row[LIST_KEYS[name]]: row for row in value})
            elif value is not None and name in SCALAR_FIELDS:
                self.fields[name] = value

    def order(self, key: str, step: int, millis: int, value: float) -> Latest:
        """Return a new point of a metric with the microseconds that put it in MLflow's order.

        The latest point of a metric is the one with the greatest step, time and value. The store
        knows step and time alone, in microseconds where MLflow has milliseconds. So among points
        of one step and millisecond the greater value gets the later microsecond.
        """
        latest = self.metrics.get(key)
        time_us = millis * 1000 + 1
        if latest and (latest.step, latest.time_us // 1000) == (step, millis):
            above = _rank(value) > _rank(latest.value)
            time_us = min(latest.time_us + 1, millis * 1000 + 999) if above else millis * 1000
        point = Latest(step, time_us, value)
        if latest is None or point[:2] > latest[:2]:
            self.metrics[key] = point
        return point


def _rank(value: float) -> float:
    return 0.0 if math.isnan(value) else value  # as a database without NaN has it


def from_row(row: Mapping[str, Any]) -> Entity:
    """Return the entity that a row of `query.runs.fold` describes."""
    made = Entity(
        row["run_id"],
        row["kind"],
        {name: row[name] for name in SCALAR_FIELDS if row[name] is not None},
        first_us=to_us(row["first_at"]),
        last_us=to_us(row["last_at"]),
        opened_seq=row["opened_seq"],
        last_seq=row["last_seq"],
        deleted_seq=-1 if row["deleted_seq"] is None else row["deleted_seq"],
    )
    for name in ("params", "tags", "aliases"):
        setattr(made, name, {item["key"]: item["text"] for item in row[name] or ()})
    for name in ("inputs", "outputs", "artifacts"):
        setattr(made, name, {item[LIST_KEYS[name]]: item for item in row[name] or ()})
    made.metrics = {
        item["key"]: Latest(item["last_step"], to_us(item["last_at"]), item["last"])
        for item in row["metrics"] or ()
    }
    return made


def to_us(time: datetime | None) -> int:
    """Return microseconds since 1970; 0 of a time that is not known."""
    since = (time or EPOCH) - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_millis(millis: int) -> datetime:
    """Return a time from MLflow's milliseconds since 1970."""
    from datetime import timedelta

    return EPOCH + timedelta(milliseconds=millis)
