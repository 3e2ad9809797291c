"""The first rows of a logged table: CSV, TSV, Parquet or JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from tracksite.budgets import CELL_CHARACTERS, OverBudgetError
from tracksite.charts.numbers import number
from tracksite.pages import csv_head, parquet_head

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = frozenset({"csv", "tsv", "parquet"})
ROWS, COLUMNS = 10, 12
_LARGEST = 2**63  # a whole number from there on is shown as its text says


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
    """Return the first rows of a CSV, TSV or Parquet file; None when the bytes are no such table.

    Raises:
        OverBudgetError: they would cost too much to decode.
    """
    try:
        if suffix == "parquet":
            frame, width, count = parquet_head.head(content, ROWS, COLUMNS)
            return _preview(frame.columns, list(frame.iter_rows()), width, count)
        return _from_csv(content, "\t" if suffix == "tsv" else ",")
    except OverBudgetError:
        raise
    except (Exception, pl.exceptions.PanicException):  # noqa: BLE001 - any bytes may come
        return None


def from_json(value: object) -> Preview | None:
    """Return rows as {"columns": […], "data": [[…]]} (as logged), or as a list of objects."""
    if isinstance(value, dict) and set(value) >= {"columns", "data"}:
        names, rows = value["columns"], value["data"]
    elif isinstance(value, list) and value and all(isinstance(row, dict) for row in value[:ROWS]):
        names = list(dict.fromkeys(key for row in value[:ROWS] for key in row))
        rows = value
    else:
        return None
    if not (isinstance(names, list) and isinstance(rows, list)):
        return None
    shown = [_ordered(row, names) for row in rows[:ROWS]]
    if not all(len(row) >= len(names) for row in shown):
        return None
    return _preview(names, [row[: len(names)] for row in shown], len(names), len(rows))


def _ordered(row: object, names: Sequence[Any]) -> Sequence[object]:
    if isinstance(row, dict):
        return [row.get(str(name)) for name in names]
    return row if isinstance(row, list) else []


def _from_csv(content: bytes, separator: str) -> Preview | None:
    records, count = csv_head.head(content, separator, ROWS)
    if not records or not records[0]:
        return None
    names, width = records[0], len(records[0])
    rows = [[*record[:width], *[""] * (width - len(record))] for record in records[1:] if record]
    columns = [csv_head.values([row[at] for row in rows]) for at in range(min(width, COLUMNS))]
    return _preview(names, list(zip(*columns, strict=True)), width, count)


def _preview(
    names: Sequence[object], rows: Sequence[Sequence[object]], width: int, count: int | None
) -> Preview | None:
    """Return what is shown of the first rows of a table of `width` columns and `count` rows."""
    shown = [row[:COLUMNS] for row in rows[:ROWS]]
    if not width:
        return None
    return Preview(
        columns=tuple(_short(name) for name in names[:COLUMNS]),
        rows=tuple(tuple(map(_cell, row)) for row in shown),
        more_columns=max(0, width - COLUMNS),
        more_rows=None if count is None else max(0, count - len(shown)),
    )


def _cell(value: object) -> Cell:
    if value is None:
        return Cell("", is_number=False)
    if isinstance(value, float) or (type(value) is int and abs(value) < _LARGEST):
        return Cell(number(value), is_number=True)
    return Cell(_short(value), is_number=False)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= CELL_CHARACTERS else f"{text[:CELL_CHARACTERS]}…"
