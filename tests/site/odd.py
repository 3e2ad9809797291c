"""Odd runs: what no verb lets through, as an older release or a merged store may have left it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from tracksite.schema import KINDS, LIST_KEYS, SCALAR_FIELDS, STATUSES, points_schema, runs_schema
from tracksite.store import clock, parts
from tracksite.store.columns import column
from tracksite.store.ids import new_run_id, new_writer

TEXTS = (
    *("", " ", "\0", "a\0b", "\n", "\r\n\t", "\x1b[31m", "\u2028", "\u202e", "\ufffe", "\u200b"),
    *(
        "../../etc/passwd",
        "/",
        ".",
        "..",
        "con",
        "a/b",
        "a\\b",
        "a" * 300,
        "é" * 5000,
        "💥",
        "`'\"",
    ),
    *("nan", "inf", "-0", "1e999", "9" * 400, "0x10", "1_000", "٣", "null", "None", "true"),
    *("</script><script>alert(1)</script>", "{{ 7*7 }}", "__proto__", "constructor", "toString"),
    *("params.lr", "metrics.loss", "rank", "run_id", "name", "status", "value", "key", "[]", "{}"),
    *("plain", "loss", "lr", "acc", "val/loss", "train_loss", "seed"),
)
INTS = (0, 1, -1, 7, 255, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), -(2**53))
FLOATS = (0.0, -0.0, 1.0, -1.5, 5e-324, 1e308, -1e308, 1e-300, float("nan"), float("inf"))
TIMES = (
    *(0, 1, -1, 1_700_000_000_000_000, -62_135_596_800_000_000, 253_402_300_799_999_999),
    *(-62_135_596_800_000_001, 253_402_300_800_000_000, 1_700_000_000_000_000_000),
    *(2**63 - 1, -(2**63), -(2**62)),
)
PARTS = ("both", "runs", "points", "twice")


def odd_run(root: Path, seed: int, experiments: tuple[str, ...]) -> str:
    """Write one odd run beneath the verbs; return its id.

    Args:
        root: the store.
        seed: the same one, the same oddities.
        experiments: names of experiments that it may be in, besides odd ones.
    """
    draw = _Draw(random.Random(seed), experiments)
    identity, log = new_run_id(), root / "log"
    for _ in range(draw.random.choice((1, 1, 2, 3))):
        commit = (identity, new_writer(), clock.tick(0))
        points, which = _points(draw, identity), draw.random.choice(PARTS)
        if which != "runs":
            parts.write_part(log, commit, "points", points)
        if which != "points":
            parts.write_part(log, commit, "runs", _patch(draw, commit))
        if which == "twice":
            parts.write_part(log, commit, "runs", _patch(draw, commit))
    return identity


class _Draw:
    """Draws values: half of them plain, the others odd."""

    def __init__(self, source: random.Random, experiments: tuple[str, ...]) -> None:
        self.random, self.experiments = source, experiments

    def text(self) -> str | None:
        return self.random.choice((None, "plain", "loss", *self.random.sample(TEXTS, 4)))

    def of(self, values: tuple[Any, ...]) -> Any:
        return self.random.choice((None, *values))

    def items(self, fields: list[pa.Field]) -> list[dict[str, Any]] | None:
        count = self.random.choice((None, 0, 1, 2, 6, 12))
        if count is None:
            return None
        return [{one.name: self.value(one) for one in fields} for _ in range(count)]

    def value(self, field: pa.Field) -> Any:
        named: dict[str, Callable[[], Any]] = {
            "kind": lambda: self.random.choice(("run",) * 12 + (None, "odd", *KINDS[2:])),
            "status": lambda: self.of((*STATUSES, *self.random.sample(TEXTS, 3))),
            "experiment": lambda: self.random.choice((*self.experiments * 3, self.text())),
            "parent_run_id": lambda: self.random.choice((None, None, self.text())),
            "deleted": lambda: self.random.choice((None, None, None, False, True)),
            "purged": lambda: None,
            "edits": lambda: None,
            "length": lambda: self.of(INTS),
        }
        if field.name in named:
            return named[field.name]()
        kind = field.type
        if pa.types.is_list(kind):
            return self.items(list(kind.value_type))
        if pa.types.is_string(kind):
            return self.text()
        if pa.types.is_boolean(kind):
            return self.of((True, False))
        return self.of(
            TIMES if pa.types.is_timestamp(kind) else INTS if pa.types.is_integer(kind) else FLOATS
        )


def _patch(draw: _Draw, commit: tuple[str, str, int]) -> pa.Table:
    row = {field.name: draw.value(field) for field in runs_schema()}
    row |= dict(zip(("run_id", "writer", "seq"), commit, strict=True))
    assert row.keys() >= {*SCALAR_FIELDS, *LIST_KEYS}
    return _table(runs_schema(), {name: [value] for name, value in row.items()})


def _points(draw: _Draw, run_id: str) -> pa.Table:
    count = draw.random.choice((1, 2, 40, 400))
    columns: dict[str, list[Any]] = {
        "run_id": [run_id] * count,
        "key": [draw.random.choice(("loss", "acc", *TEXTS)) for _ in range(count)],
        "step": [draw.random.choice((*range(9), *INTS)) for _ in range(count)],
        "timestamp": [draw.random.choice(TIMES) for _ in range(count)],
        "value": [draw.random.choice(FLOATS) for _ in range(count)],
    }
    return _table(points_schema(), columns)


def _table(schema: pa.Schema, columns: dict[str, list[Any]]) -> pa.Table:
    """Return a table whatever is in it: times as whole numbers, which Arrow would refuse."""
    arrays = [column(columns[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)
