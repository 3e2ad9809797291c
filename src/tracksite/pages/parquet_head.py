"""The first rows of a Parquet file of anybody's, decoded only where that is known to be cheap.

What a column costs stands in the headers of its pages (parquet-format, `PageHeader`): they are read
where they lie, since the footer may say what it likes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracksite.budgets import COLUMN_BYTES, LIST_VALUES, OverBudgetError
from tracksite.errors import DamageError
from tracksite.store.bounds import check_length
from tracksite.store.footer import page_header

if TYPE_CHECKING:
    import polars as pl
    import pyarrow.parquet as pq

_MAGIC = b"PAR1"
_DICTIONARY_PAGE = 2  # PageType


def head(content: bytes, rows: int, columns: int) -> tuple[pl.DataFrame, int, int]:
    """Return the first rows and columns, and how many columns and rows there are.

    Raises:
        OverBudgetError: that would decode too much.
        DamageError, Exception: whatever a decoder raises where the bytes are no Parquet.
    """
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not content.endswith(_MAGIC):
        raise DamageError("it is not Parquet: its last bytes are others.")
    try:
        check_length("it", pa.BufferReader(content))
    except DamageError as error:
        raise OverBudgetError(f"its footer is not decoded: {error}") from error
    file = pq.ParquetFile(pa.BufferReader(content))
    names = file.schema_arrow.names
    if file.metadata.num_row_groups:
        _check_columns(content, file.metadata, set(names[:columns]), rows)
        batch = next(file.iter_batches(rows, row_groups=[0], columns=names[:columns]))
        table = pa.Table.from_batches([batch])
    else:
        table = file.schema_arrow.empty_table().select(names[:columns])
    frame = pl.DataFrame(pl.from_arrow(table))
    return frame, len(names), file.metadata.num_rows


def _check_columns(content: bytes, metadata: pq.FileMetaData, wanted: set[str], rows: int) -> None:
    """Raise OverBudgetError where the first pages of these columns are too large."""
    group = metadata.row_group(0)
    for place in range(group.num_columns):
        chunk, column = group.column(place), metadata.schema.column(place)
        if chunk.path_in_schema.partition(".")[0] in wanted:
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            pages = content[start : start + chunk.total_compressed_size]
            _check_pages(pages, rows, has_lists=column.max_repetition_level > 0)


def _check_pages(pages: bytes, rows: int, *, has_lists: bool) -> None:
    """Raise OverBudgetError where a few rows of a column cost too much.

    They cost the dictionary and as many pages of data as hold them; of lists it may be all pages.
    """
    size = values = at = 0
    while at < len(pages) and (has_lists or values < rows):
        page = page_header(pages, at)
        at = page.end + page.compressed
        size += page.size
        values += page.values if page.kind != _DICTIONARY_PAGE else 0
        if size > COLUMN_BYTES:
            raise OverBudgetError(f"its first rows take {size / 1e6:,.0f} MB and more to decode")
        if has_lists and values > LIST_VALUES:
            raise OverBudgetError(f"its lists have {values:,} values and more")
