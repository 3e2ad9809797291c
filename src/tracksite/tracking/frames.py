"""Tables of every kind as Polars or Arrow, told apart without importing their libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable

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
                columns = _named(value.items()).items()
                return pa.table({name: _column(it) for name, it in columns})
    except (AttributeError, TypeError, ValueError, OverflowError, pa.ArrowException) as error:
        raise ArgumentError(
            f"a value of type {type(value).__name__} makes no table ({error}): pass a Polars or "
            "pandas DataFrame, an Arrow table or a dict of equally long columns."
        ) from None


def _column(value: Any) -> Any:  # noqa: ANN401 - of any type
    """Return a column; a single value is one of one row."""
    return value if hasattr(value, "__len__") and not isinstance(value, str | bytes) else [value]


def polars(value: Table) -> pl.DataFrame:
    """Return the same as a Polars DataFrame; raises as `arrow`."""
    import polars as pl

    table = arrow(value)
    try:
        return pl.DataFrame(pl.from_arrow(table))
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise ArgumentError(f"this table has a type that Polars does not know ({error}).") from None


def columns(value: Table) -> dict[str, list[Any]]:
    """Return name → plain values of each column, also where they are of several types.

    Raises:
        ArgumentError: no table, or columns that are not equally long.
    """
    try:
        return polars(value).to_dict(as_series=False)
    except ArgumentError:
        found = _mixed(value)
        if found is None or len(set(map(len, found.values()))) > 1:
            raise
        return found


def _mixed(value: Table) -> dict[str, list[Any]] | None:
    if library(value) not in {"builtins", "pandas", "polars"} or not is_table(value):
        return None
    try:
        return {name: list(map(_plain, it)) for name, it in _named(_items(value)).items()}
    except (TypeError, ValueError):
        return None


def _named(columns: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """Return columns by the texts of their names; raise ValueError where one would be lost."""
    found: dict[str, Any] = {}
    for name, column in columns:
        if str(name) in found:
            raise ValueError(f"two columns are named {str(name)!r}")
        found[str(name)] = column
    return found


def _items(value: Table) -> Iterable[tuple[Any, Any]]:
    if hasattr(value, "items"):
        return value.items() if hasattr(value, "columns") or isinstance(value, dict) else ()
    return ((column.name, column) for column in value) if hasattr(value, "columns") else ()


def _plain(value: Any) -> Any:  # noqa: ANN401 - of any type
    """Return a value of NumPy or pandas as Python's; what pandas has for nothing as None."""
    if type(value).__name__ in {"NAType", "NaTType"}:
        return None
    return value.tolist() if hasattr(value, "tolist") else value
