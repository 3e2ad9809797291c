"""What is noted of a data set: name, context, source, digest, schema and rows."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError
from tracksite.store.artifacts import sha256
from tracksite.tracking import artifacts, check, frames

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from tracksite.tracking.kinds import Dataset

DIGEST = "sha256:"


def describe(
    dataset: Dataset,
    *,
    context: str | None = None,
    name: str | None = None,
    source: str | None = None,
) -> dict[str, Any]:
    """Return the row of a data set, as in `schema.runs_schema`.

    Args:
        dataset: as `ActiveRun.log_input` takes it.
        context: what it is used for.
        name: default: the file's name, else the context, else "dataset".
        source: default: the file's path as given.

    Raises:
        ArgumentError: of no kind that has a digest.
        NotFoundError: the file does not exist.
    """
    if isinstance(dataset, NamedDataset):
        name, source = name or dataset.name, source or dataset.source
        digest, schema, rows = dataset.described()
    elif isinstance(dataset, str | os.PathLike):
        path = artifacts.local_path(dataset)
        digest, schema, rows = _of_path(path)
        name, source = name or artifacts.own_name(path), source or path.as_posix()
    else:
        digest, schema, rows = _of_value(dataset)
    return {
        "name": check.key("data set", name or context or "dataset"),
        "context": None if context is None else check.key("context", context),
        "source": None if source is None else check.text("source", "", source, check.MAX_TAG),
        "digest": digest,
        "schema": None if schema is None else json.dumps(schema, ensure_ascii=False),
        "rows": rows,
    }


@dataclass(frozen=True)
class NamedDataset:
    """A data set with what is known of it, as `mlflow.data` makes them.

    Attributes:
        data: a table or an array.
        name: of the data set.
        source: where it comes from, such as a URL.
        targets: the column that is to be predicted.
        values: what is to be predicted, where it is no column: part of the digest.
    """

    data: Dataset
    name: str | None = None
    source: str | None = None
    targets: str | None = None
    values: Dataset = None

    def __post_init__(self) -> None:
        columns = schema_of(self.data) or {}
        if self.targets is not None and self.targets not in columns:
            raise ArgumentError(
                f"the data set has no column {self.targets!r} for targets=: "
                f"it has {', '.join(columns) or 'none'}."
            )

    @property
    def digest(self) -> str:
        """Return the digest of its content: the same content, the same digest."""
        return self.described()[0]

    def described(self) -> tuple[str, dict[str, Any] | None, int | None]:
        """Return digest, schema and number of rows."""
        digest, schema, rows = _of_value(self.data)
        if self.values is None:
            return digest, schema, rows
        both = f"{digest} {_of_value(self.values)[0]}"
        return DIGEST + hashlib.sha256(both.encode()).hexdigest(), schema, rows


def schema_of(value: Dataset, *, any_length: bool = False) -> dict[str, Any] | None:
    """Return {column: type} of a table, {"shape", "dtype"} of an array, None of anything else.

    Args:
        value: anything.
        any_length: say -1 for the first of an array's dimensions, as a model takes any.
    """
    if frames.is_table(value):
        return _columns(frames.arrow(value).schema)
    if not _is_array(value):
        return None
    import numpy as np

    array = np.asarray(value)
    shape = [-1, *array.shape[1:]] if any_length and array.ndim else list(array.shape)
    return {"shape": shape, "dtype": str(array.dtype)}


def _of_value(value: Dataset) -> tuple[str, dict[str, Any] | None, int | None]:
    if frames.is_table(value):
        table = frames.arrow(value)
        return table_digest(table), _columns(table.schema), table.num_rows
    if _is_array(value):
        import numpy as np

        array = np.asarray(value)
        schema = {"shape": list(array.shape), "dtype": str(array.dtype)}
        return array_digest(array), schema, array.shape[0] if array.ndim else 1
    raise ArgumentError(
        f"a data set of type {type(value).__name__} has no digest: pass a Polars or pandas "
        "DataFrame, an Arrow table, a NumPy array, a dict of columns or the path of a file."
    )


def _is_array(value: object) -> bool:
    return hasattr(value, "__array__") or isinstance(value, list | tuple)


def _columns(schema: pa.Schema) -> dict[str, str]:
    """Return {column: type}, with one name for the ways in which Arrow keeps text."""
    import pyarrow as pa

    def name(kind: pa.DataType) -> str:
        if pa.types.is_dictionary(kind):
            return name(kind.value_type)
        text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
        return "string" if any(is_text(kind) for is_text in text) else str(kind)

    return {field.name: name(field.type) for field in schema}


def table_digest(table: pa.Table) -> str:
    """Return a digest of names, types and values: the same whatever chunks and library they are in.

    It is SHA-256 over, for each column, its name and type and either the nulls and the values
    as little-endian bytes (numbers, bools, times), or else the values as JSON.
    """
    import pyarrow as pa

    total = hashlib.sha256()
    for name, kind in _columns(table.schema).items():
        column = table.column(name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        total.update(json.dumps([name, kind, len(column)]).encode())
        for chunk in column.chunks:
            _feed(total, chunk)
    return DIGEST + total.hexdigest()


def _feed(total: hashlib._Hash, chunk: pa.Array) -> None:
    """Feed one chunk value by value in two passes that do not see where chunks end."""
    import pyarrow as pa

    kind = chunk.type
    plain = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    if plain:
        nulls = chunk.is_null(nan_is_null=False).to_numpy(zero_copy_only=False)
        values = chunk.fill_null(False if pa.types.is_boolean(kind) else 0)
        numbers = values.to_numpy(zero_copy_only=False)
        rows = [nulls.astype("u1"), numbers.astype(numbers.dtype.newbyteorder("<"))]
        total.update(_interleaved(*rows))
    else:
        for value in chunk.to_pylist():
            total.update(json.dumps(value, default=str, sort_keys=True).encode() + b"\n")


def _interleaved(nulls: NDArray[np.uint8], numbers: NDArray[Any]) -> bytes:
    """Return null flag and value of each row one after the other."""
    import numpy as np

    rows = np.empty(len(nulls), dtype=[("null", "u1"), ("value", numbers.dtype)])
    rows["null"], rows["value"] = nulls, numbers
    return rows.tobytes()


def array_digest(array: NDArray[Any]) -> str:
    """Return a digest of shape, type and values in C order, little-endian.

    Raises:
        ArgumentError: an array of objects that JSON has no form for.
    """
    import numpy as np

    total = hashlib.sha256(json.dumps([list(array.shape), array.dtype.str[1:]]).encode())
    if array.dtype.hasobject:
        try:
            total.update(json.dumps(array.tolist(), sort_keys=True, default=str).encode())
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"this array of objects has no digest ({error}).") from None
    else:
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        total.update(little.tobytes())
    return DIGEST + total.hexdigest()


def _of_path(path: Path) -> tuple[str, dict[str, Any] | None, int | None]:
    if path.is_dir():
        return _folder_digest(path), None, None
    schema, rows = _READERS.get(path.suffix.lower(), _unread)(path)
    return DIGEST + sha256(path), schema, rows


def _folder_digest(folder: Path) -> str:
    files, _ = artifacts.files_below(folder, cached=True)
    total = hashlib.sha256()
    for relative, file in files:
        total.update(json.dumps([relative, sha256(file)]).encode())
    return DIGEST + total.hexdigest()


def _unread(_: Path) -> tuple[None, None]:
    return None, None


def _of_parquet(path: Path) -> tuple[dict[str, Any] | None, int | None]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            return _columns(file.schema_arrow), file.metadata.num_rows
    except (OSError, pa.ArrowException):  # the digest says enough of a file that is no Parquet
        return None, None


def _of_csv(path: Path) -> tuple[dict[str, Any] | None, int | None]:
    import polars as pl

    try:
        table = pl.scan_csv(path, separator="\t" if path.suffix.lower() == ".tsv" else ",")
        rows = int(table.select(pl.len()).collect().item())
        return _columns(table.head(1000).collect().to_arrow().schema), rows
    except (OSError, pl.exceptions.PolarsError):
        return None, None


_READERS = {".parquet": _of_parquet, ".csv": _of_csv, ".tsv": _of_csv}
