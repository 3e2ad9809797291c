"""Formats: what a file of an earlier format holds, in the columns of today."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tracksite.schema import FORMAT, FORMAT_KEY, runs_schema

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

_TOLD = FORMAT_KEY + b"\x18\x01"  # as Parquet's footer (Thrift) has it before a number of one digit
_LATER = ("length", "edits", "purged")  # columns that format 1 lacks


def number_of(content: bytes) -> int:
    """Return the format that the bytes of a Parquet file say; today's where they say none.

    It only sorts files by how they are to be decoded: what they may hold, `bounds` has checked.
    """
    at = content.rfind(_TOLD) + len(_TOLD)
    return 1 if at >= len(_TOLD) and content[at : at + 1] == b"1" else FORMAT


def empty(schema: pa.Schema) -> pl.DataFrame:
    """Return no rows, with every column of a schema."""
    import polars as pl
    import pyarrow as pa

    table = pa.Table.from_batches([], schema)  # schema.empty_table() would import pandas
    return pl.DataFrame(pl.from_arrow(table))


@cache
def _types() -> pl.Schema:
    return empty(runs_schema()).schema


def upgraded(rows: pl.DataFrame) -> pl.DataFrame:
    """Return patches of format 1 in the columns of today, which come last where they are new."""
    import polars as pl

    known = _types()
    later = [pl.lit(None, known[name]).alias(name) for name in _LATER if name not in rows.columns]
    if "artifacts" in rows.columns:
        nowhere_else = pl.element().struct.with_fields(pl.lit(None, pl.String).alias("file"))
        later.append(pl.col("artifacts").list.eval(nowhere_else))
    return rows.with_columns(later)
