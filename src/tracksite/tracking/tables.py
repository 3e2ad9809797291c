"""Tables as files: JSON as MLflow writes it, CSV or Parquet.

Rows that are added leave those that are there as they are: the bytes of a CSV, the values of JSON,
the types of Parquet.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError
from tracksite.tracking import documents, frames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import polars as pl

    from tracksite.tracking.kinds import Table


def table_bytes(data: Table, suffix: str, before: Path | None = None) -> bytes:
    """Return a table as the bytes of a file.

    Args:
        data: a Polars or pandas DataFrame, an Arrow table or a dict of columns.
        suffix: "json" ({"columns": […], "data": [[…], …]}, as MLflow; NaN and infinities are
            null), "csv" (lists and structs in a cell are JSON) or "parquet".
        before: a table of the same ending whose rows come first.

    Raises:
        ArgumentError: another ending, no table, columns that do not fit those before, or, in
            Parquet, a column of values of several types.
    """
    if suffix not in _WRITE:
        raise ArgumentError(
            f"a table cannot be written as {suffix!r}: let the name end in "
            f"{', '.join(f'.{known}' for known in _WRITE)}."
        )
    return _WRITE[suffix](data, before)


def _misfit(before: Path, why: object) -> ArgumentError:
    return ArgumentError(
        f"the rows do not fit those that are there, in {str(before)!r} ({why}): "
        "log them under another name."
    )


# ---- JSON


def _json(data: Table, before: Path | None) -> bytes:
    columns = frames.columns(data)
    old = {"columns": [], "data": []} if before is None else _read_json(before)
    names = list(dict.fromkeys([*old["columns"], *columns]))
    added = len(names) - len(old["columns"])
    rows = [[*row, *[None] * added] for row in old["data"]]
    height = max(map(len, columns.values()), default=0)
    rows += [list(row) for row in zip(*_aligned(names, columns, height), strict=True)]
    text = json.dumps({"columns": names, "data": rows}, ensure_ascii=False, default=str)
    return documents.strict(text).encode(errors="backslashreplace")


def _aligned(names: Sequence[str], columns: dict[str, list[Any]], height: int) -> list[list[Any]]:
    return [columns.get(name, [None] * height) for name in names]


def _read_json(path: Path) -> dict[str, list[Any]]:
    try:
        content = json.loads(path.read_bytes())
        names, rows = list(content["columns"]), list(content["data"])
        if all(isinstance(row, list) and len(row) == len(names) for row in rows):
            return {"columns": names, "data": rows}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _misfit(path, error) from None
    raise _misfit(path, "it is no table of columns and rows")


# ---- CSV


def _csv(data: Table, before: Path | None) -> bytes:
    import polars as pl

    table = _flat(data)
    content = b"" if before is None else before.read_bytes()
    try:
        return _extended(content, table) if content else table.write_csv().encode()
    except (ValueError, csv.Error, pl.exceptions.PolarsError) as error:
        if before is not None:
            raise _misfit(before, error) from None
        raise ArgumentError(f"this table cannot be written as CSV ({error}).") from None


def _extended(content: bytes, table: pl.DataFrame) -> bytes:
    """Return a CSV with rows added. All that was there stays, unless there are new columns."""
    import polars as pl

    names = next(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    new = [name for name in table.columns if name not in names]
    if new:
        wider = pl.read_csv(content, infer_schema=False)
        wider = wider.with_columns(pl.lit(None, pl.String).alias(name) for name in new)
        content = wider.write_csv().encode()
    line = "\r\n" if content.partition(b"\n")[0].endswith(b"\r") else "\n"
    missing = [pl.lit(None).alias(name) for name in names if name not in table.columns]
    rows = table.with_columns(missing).select([*names, *new])
    end = b"" if content.endswith(b"\n") else line.encode()
    return content + end + rows.write_csv(include_header=False, line_terminator=line).encode()


def _flat(data: Table) -> pl.DataFrame:
    """Return a table whose nested and mixed columns are texts."""
    import polars as pl

    try:
        table = frames.polars(data)
    except ArgumentError:  # values of several types in a column
        columns = frames.columns(data)
        return pl.DataFrame({name: _cells(column) for name, column in columns.items()})
    nested = [column for column in table if column.dtype.is_nested()]
    return table.with_columns(pl.Series(one.name, _cells(one.to_list())) for one in nested)


def _cells(values: list[Any]) -> pl.Series:
    import polars as pl

    return pl.Series([None if value is None else _cell(value) for value in values], dtype=pl.String)


def _cell(value: Any) -> str:  # noqa: ANN401 - of any type
    if not isinstance(value, list | tuple | dict):
        return str(value)
    return documents.strict(json.dumps(value, ensure_ascii=False, default=str))


# ---- Parquet


def _parquet(data: Table, before: Path | None) -> bytes:
    import polars as pl

    table = frames.polars(data)
    if before is not None:
        try:
            table = _joined(pl.read_parquet(before), table)
        except (pl.exceptions.PolarsError, ValueError) as error:
            raise _misfit(before, error) from None
    file = io.BytesIO()
    table.write_parquet(file)
    return file.getvalue()


def _joined(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Return both, in types that hold what was there; raise ValueError where none does."""
    import polars as pl

    table = pl.concat([old, new], how="diagonal_relaxed")
    for column in old:
        now = table[column.name].head(old.height)
        as_text = now.dtype == pl.String and column.dtype not in (pl.String, pl.Null)
        if as_text or not now.cast(column.dtype, strict=False).equals(column):
            raise ValueError(f"{column.name!r} is {column.dtype} there and {now.dtype} with these")
    return table


_WRITE: dict[str, Callable[[Table, Path | None], bytes]] = {
    "json": _json,
    "csv": _csv,
    "parquet": _parquet,
}
