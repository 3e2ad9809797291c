"""Bounds: what a file may expand to, judged by its footer before anything of it is decoded.

A Parquet file of a few kilobytes can say that it holds a thousand million values: run-length
encoding makes them of nothing. So a file is decoded only if its footer is small, its columns are
those of the schema and its values fit the bound; else its run is left out, and named.
"""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from tracksite.budgets import (
    EXPANSION,
    FILE_BYTES,
    FOOTER_BYTES,
    MOST_COLUMNS,
    PATCH_BYTES,
    PLAIN_BYTES,
    SHALLOW_BYTES,
    SMALL_COLUMN_BYTES,
    VALUE_BYTES,
)
from tracksite.errors import DamageError
from tracksite.schema import FORMAT, FORMAT_KEY, FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    import pyarrow.parquet as pq

MOST_BYTES = {"runs": PATCH_BYTES, "points": FILE_BYTES}  # of a part, decoded and as it lies
_REPEATED = ("run_id", "key", "part")  # columns of points
_TAIL = 8  # length of the footer, and "PAR1"


class Source(Protocol):
    """A binary file, as far as it is asked for here."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to a position and return it."""

    def read(self, size: int = -1, /) -> bytes:
        """Return bytes from the position on."""


def open_parquet(
    file: str,
    content: bytes | Source,
    schema: Callable[[int], pa.Schema],
    most_bytes: int = FILE_BYTES,
    *,
    plain_bytes: int = PLAIN_BYTES["packs"],
) -> pq.ParquetFile:
    """Return an opened Parquet file that is sound enough to be decoded.

    Args:
        file: its name, for the message.
        content: its bytes, or a binary file of them.
        schema: gives the columns that it has to have in a format.
        most_bytes: how much it may be when it is decoded.
        plain_bytes: how much of that it may be however small it is; what expands further has to
            have a byte for each `EXPANSION` bytes. What is logged has, unless all is the same.

    Raises:
        DamageError: it is no Parquet, of another format, has other columns or expands too far.
    """
    import pyarrow.parquet as pq

    source: Source = io.BytesIO(content) if isinstance(content, bytes) else content
    size = check_length(file, source)
    try:
        opened = pq.ParquetFile(
            _buffer(content),
            page_checksum_verification=True,
            read_dictionary=_texts(schema(FORMAT)),
        )
    except Exception as error:  # a decoder may raise anything on hostile bytes
        raise DamageError(f"{file} is not Parquet ({error}): restore it from a copy.") from error
    number = _format_of(file, opened.metadata)
    _check_columns(file, opened.metadata.schema, _columns(schema, number))
    expanded = max(plain_bytes, EXPANSION * size)
    held = content if isinstance(content, bytes) else b""  # of a pack nothing is read for this
    _check_size(file, held, opened.metadata, min(most_bytes, expanded))
    return opened


def may_be_read(points: pa.Table, size: int) -> bool:
    """Return whether a reader takes a `points` part of so many bytes that holds these points."""
    decoded = points.nbytes + VALUE_BYTES * points.num_columns * points.num_rows
    return bool(decoded <= max(PLAIN_BYTES["points"], EXPANSION * size))


def check_format(file: str, found: str) -> int:
    """Return the number of a format that we can read; else raise DamageError, with the remedy."""
    if found in map(str, FORMATS):
        return int(found)
    if found.isdigit() and int(found[:9]) > FORMAT:
        message = f"{file} has format {found[:9]}, this tracksite reads up to {FORMAT}: upgrade it."
    else:
        message = f"{file} does not say a known format ({found[:9]!r}): tracksite did not write it."
    raise DamageError(message)


def _buffer(content: bytes | Source) -> Any:  # noqa: ANN401 - bytes as Arrow reads them fastest
    import pyarrow as pa

    return pa.BufferReader(content) if isinstance(content, bytes) else content


def _texts(schema: pa.Schema) -> list[str]:
    """Return the columns of points whose texts are kept once, however often they are meant."""
    return [name for name in schema.names if schema.names[1] == "key" and name in _REPEATED]


def check_length(file: str, source: Source) -> int:
    """Return how many bytes a Parquet file has; its footer can be parsed at little cost.

    Raises:
        DamageError: it has no footer, or one that is too long or too deep.
    """
    size = source.seek(0, io.SEEK_END)
    source.seek(max(0, size - _TAIL))
    length = int.from_bytes(source.read(_TAIL)[:4], "little")
    if size < _TAIL or length > size - _TAIL:
        raise DamageError(f"{file} is not Parquet (it has no footer): restore it from a copy.")
    if length > FOOTER_BYTES:
        raise DamageError(
            f"{file} has a footer of {length} bytes, more than any part's: remove it."
        )
    if length > SHALLOW_BYTES:
        from tracksite.store.footer import schema_elements

        source.seek(size - _TAIL - length)
        if schema_elements(file, source.read(length)) > MOST_COLUMNS:
            raise DamageError(f"{file} has more columns than the format has: remove it.")
    source.seek(0)
    return size


def _told_by_pages(file: str, content: bytes, chunk: pq.ColumnChunkMetaData) -> tuple[int, int]:
    """Return the decompressed bytes and the values of a column's pages, as their headers say."""
    size = values = 0
    at = chunk.dictionary_page_offset or chunk.data_page_offset
    end = at + chunk.total_compressed_size
    if end - at > SMALL_COLUMN_BYTES:
        from tracksite.store.footer import page_header

        while at < min(end, len(content)):
            page = page_header(content, at, file)
            at = page.end + page.compressed
            size, values = size + page.size, values + page.values
    return size, values


def _format_of(file: str, metadata: pq.FileMetaData) -> int:
    told = (metadata.metadata or {}).get(FORMAT_KEY, b"")
    return check_format(file, told.decode(errors="replace"))


@cache
def _columns(schema: Callable[[int], pa.Schema], number: int) -> pq.ParquetSchema:
    """Return the columns that Parquet makes of the Arrow schema of a format."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema(number), store_schema=False):
        pass
    return pq.read_metadata(pa.BufferReader(sink.getvalue())).schema


def _check_columns(file: str, found: pq.ParquetSchema, wanted: pq.ParquetSchema) -> None:
    if found.equals(wanted):
        return
    names, known = ([str(one.path) for one in schema] for schema in (found, wanted))
    odd = [name for name in (*names, *known) if (name in names) != (name in known)]
    what = f"the column {odd[0][:60]!r}" if odd else "the type of a column"
    raise DamageError(f"{file} is not as the format says ({what}): tracksite did not write it.")


def _check_size(file: str, content: bytes, metadata: pq.FileMetaData, most_bytes: int) -> None:
    """Refuse what would be too large, by rows and values: the compressed bytes say nothing.

    Nor need the footer be true: of columns that take room their pages are asked too.
    """
    rows = total = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        rows += group.num_rows
        for place in range(group.num_columns):
            chunk = group.column(place)
            size, values = _told_by_pages(file, content, chunk)
            values = max(values, chunk.num_values, group.num_rows)
            total += values * VALUE_BYTES + max(size, chunk.total_uncompressed_size)
    if rows != metadata.num_rows or total > most_bytes:
        raise DamageError(
            f"{file} would be {total / 1e6:,.0f} MB in memory, at most {most_bytes / 1e6:,.0f} MB "
            "are read: remove it."
        )
