"""Tables as files: JSON as MLflow writes it, CSV or Parquet."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from tracksite.errors import ArgumentError
from tracksite.tracking import frames

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import polars as pl

    from tracksite.tracking.kinds import Table


def table_bytes(data: Table, suffix: str, before: Path | None = None) -> bytes:
    """Return a table as the bytes of a file.

    Args:
        data: a Polars or pandas DataFrame, an Arrow table or a dict of columns.
        suffix: "json" ({"columns": […], "data": [[…], …]}, as MLflow), "csv" or "parquet".
        before: a table of the same ending whose rows come first.

    Raises:
        ArgumentError: another ending, no table, or columns that do not fit those before.
    """
    import polars as pl

    if suffix not in _WRITE:
        raise ArgumentError(
            f"a table cannot be written as {suffix!r}: let the name end in "
            f"{', '.join(f'.{known}' for known in _WRITE)}."
        )
    table = frames.polars(data)
    if before is not None:
        try:
            table = pl.concat([_READ[suffix](before), table], how="diagonal_relaxed")
        except (pl.exceptions.PolarsError, ValueError, KeyError) as error:
            raise ArgumentError(
                f"the rows do not fit those that are there, in {str(before)!r} ({error}): "
                "log them under another name."
            ) from None
    return _WRITE[suffix](table)


def _write_json(table: pl.DataFrame) -> bytes:
    content = {"columns": table.columns, "data": [list(row) for row in table.iter_rows()]}
    return json.dumps(content, ensure_ascii=False, default=str).encode()


def _read_json(path: Path) -> pl.DataFrame:
    import polars as pl

    content = json.loads(path.read_bytes())
    schema = list(content["columns"])
    return pl.DataFrame(content["data"], schema=schema, orient="row", infer_schema_length=None)


def _write_csv(table: pl.DataFrame) -> bytes:
    return table.write_csv().encode()


def _read_csv(path: Path) -> pl.DataFrame:
    import polars as pl

    return pl.read_csv(path, infer_schema_length=None)


def _write_parquet(table: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    table.write_parquet(file)
    return file.getvalue()


def _read_parquet(path: Path) -> pl.DataFrame:
    import polars as pl

    return pl.read_parquet(path)


_WRITE: dict[str, Callable[[pl.DataFrame], bytes]] = {
    "json": _write_json,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
_READ: dict[str, Callable[[Path], pl.DataFrame]] = {
    "json": _read_json,
    "csv": _read_csv,
    "parquet": _read_parquet,
}
