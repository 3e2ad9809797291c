"""Tables of every kind as Polars or Arrow, told apart without importing their libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracksite.errors import ArgumentError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from tracksite.tracking.kinds import Table


def library(value: object) -> str:
    """Return the top package that the type of a value, or one of its parents, comes from."""
    known = {"polars", "pandas", "pyarrow", "numpy"}
    origins = [parent.__module__.partition(".")[0] for parent in type(value).__mro__]
    return next((origin for origin in origins if origin in known), origins[0])


def is_table(value: object) -> bool:
    """Return whether `arrow` takes a value."""
    return (
        hasattr(value, "items")
        if library(value) == "builtins"
        else type(value).__name__ in {"DataFrame", "LazyFrame", "Series", "Table", "RecordBatch"}
        and library(value) in {"polars", "pandas", "pyarrow"}
    )


def arrow(value: Table) -> pa.Table:
    """Return a Polars or pandas frame or series, an Arrow table or a dict of columns as Arrow.

    Raises:
        ArgumentError: it is none of these, or its columns make no table.
    """
    import pyarrow as pa

    try:
        match library(value):
            case "pyarrow":
                return pa.Table.from_batches([value]) if not hasattr(value, "to_batches") else value
            case "pandas":
                frame = value if hasattr(value, "columns") else value.to_frame()
                return pa.Table.from_pandas(frame.rename(columns=str), preserve_index=None)
            case "polars":
                frame = value.collect() if hasattr(value, "collect") else value
                return (frame if hasattr(frame, "columns") else frame.to_frame()).to_arrow()
            case _:
                columns = {
                    str(name): column
                    if hasattr(column, "__len__") and not _is_text(column)
                    else [column]
                    for name, column in value.items()
                }
                return pa.table(columns)
    except (AttributeError, TypeError, ValueError, pa.ArrowException) as error:
        raise ArgumentError(
            f"a value of type {type(value).__name__} makes no table ({error}): pass a Polars or "
            "pandas DataFrame, an Arrow table or a dict of equally long columns."
        ) from None


def _is_text(value: object) -> bool:
    return isinstance(value, str | bytes)


def polars(value: Table) -> pl.DataFrame:
    """Return the same as a Polars DataFrame; raises as `arrow`."""
    import polars as pl

    table = arrow(value)
    return pl.DataFrame(pl.from_arrow(table))
