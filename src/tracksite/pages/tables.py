"""The first rows of a logged table: CSV, TSV, Parquet or JSON."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from tracksite import schema
from tracksite.charts.numbers import number

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = frozenset({"csv", "tsv", "parquet", "json"})
ROWS, COLUMNS = 10, 12
_LONGEST_CELL = 120
# How programs write numbers. Codes and hashes such as 00501, 12e5 and 1.10 are texts.
_WRITTEN = re.compile(
    r"-?(?:(?:0|[1-9][0-9]*)(?:\.(?:0|[0-9]*[1-9]))?|[1-9](?:\.[0-9]*[1-9])?[eE][+-]?[0-9]+)"
)


@dataclass(frozen=True)
class Cell:
    """One cell as text, and whether it is a number."""

    text: str
    is_number: bool


@dataclass(frozen=True)
class Preview:
    """The first rows of a table.

    Attributes:
        columns: the names of the columns that are shown.
        rows: their cells.
        more_columns: how many further columns there are.
        more_rows: how many further rows there are; None where that was not counted.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    more_columns: int
    more_rows: int | None


def preview(content: bytes, suffix: str) -> Preview | None:
    """Return the first rows of a table, or None when the bytes are no table of that kind."""
    try:
        frame, count = _read(content, suffix)
    except (Exception, pl.exceptions.PanicException):  # noqa: BLE001 - any bytes may come
        return None
    if frame is None or not frame.width:
        return None
    shown = frame[:, :COLUMNS].head(ROWS)
    if suffix in ("csv", "tsv"):
        shown = shown.with_columns(map(_as_written, shown))
    return Preview(
        columns=tuple(_short(name) for name in shown.columns),
        rows=tuple(tuple(map(_cell, row)) for row in shown.iter_rows()),
        more_columns=frame.width - shown.width,
        more_rows=None if count is None else count - shown.height,
    )


def _read(content: bytes, suffix: str) -> tuple[pl.DataFrame | None, int | None]:
    """Return the first rows, and how many there are where that is known."""
    if suffix == "parquet":
        frame = pl.read_parquet(io.BytesIO(content))
        return frame, frame.height
    if suffix == "json":
        return _from_json(json.loads(content))
    separator = "\t" if suffix == "tsv" else ","
    frame = pl.read_csv(
        io.BytesIO(content),
        separator=separator,
        truncate_ragged_lines=True,
        infer_schema=False,
    )
    return frame, frame.height


def _as_written(texts: pl.Series) -> pl.Series:
    """Return texts as numbers where all are written as numbers are, and no digit is lost so."""
    values = [None if text is None else schema.number(text) for text in texts]
    for text, value in zip(texts, values, strict=True):
        lost = value is None or abs(value) >= schema.EXACT
        if text is not None and (lost or not _WRITTEN.fullmatch(text)):
            return texts
    return pl.Series(texts.name, values, dtype=pl.Float64)


def _from_json(value: object) -> tuple[pl.DataFrame | None, int | None]:
    """Return rows as {"columns": […], "data": [[…]]} (as logged), or as a list of objects."""
    if isinstance(value, dict) and set(value) >= {"columns", "data"}:
        rows = value["data"]
        return _frame(value["columns"], rows[:ROWS]), len(rows)
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value[:ROWS]):
        names = list(dict.fromkeys(key for row in value[:ROWS] for key in row))
        rows = [[row.get(name) for name in names] for row in value[:ROWS]]
        return _frame(names, rows), len(value)
    return None, None


def _frame(names: Sequence[Any], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    columns = {str(name): [row[at] for row in rows] for at, name in enumerate(names)}
    return pl.DataFrame(
        {name: pl.Series(values, dtype=pl.Object) for name, values in columns.items()}
    )


def _cell(value: object) -> Cell:
    if value is None:
        return Cell("", is_number=False)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(number(value), is_number=True)
    return Cell(_short(str(value)), is_number=False)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"
