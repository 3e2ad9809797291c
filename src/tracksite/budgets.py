"""Budgets: what any content from elsewhere may cost before it is decoded, in one place.

A few bytes can stand for many: compression, repetition, nesting and references that lead to
references. So each decoder asks here first, and counts: bytes that go in, cells that come out, how
deep they are nested. What is over budget costs itself alone; it is named, and can be downloaded.
No budget is one of time, so that the same store gives the same site on any machine.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tracksite.errors import TracksiteError

if TYPE_CHECKING:
    from collections.abc import Iterator

# --- files of a store --------------------------------------------------------------------------
PATCH_BYTES = 1 << 28  # a patch, decoded: most are kilobytes
FILE_BYTES = 1 << 33  # points, or a pack, decoded: about 80 million points
VALUE_BYTES = 16  # of one decoded value, besides its text: what Arrow takes for a view of a text
EXPANSION = 400  # decoded bytes for each byte of a file, of what is larger than these
PLAIN_BYTES = {"runs": 1 << 25, "points": 1 << 29, "packs": 1 << 31}
FOOTER_BYTES = 1 << 20
MANIFEST_BYTES = 1 << 26
MOST_COLUMNS = 1 << 10  # far more than any schema of the format
SMALL_COLUMN_BYTES = 256  # of a column that cannot expand far, whatever its pages say
SHALLOW_BYTES = 1 << 14  # of a footer that is too short to be nested dangerously deep

# --- what a run's page shows of its artifacts ---------------------------------------------------
PAGE_BYTES = 64_000_000  # of all files that one page decodes
TEXT_CHARACTERS = 4000
JSON_BYTES = 4_000_000  # in memory it becomes at most some 30 times as much
JSON_DEPTH = 64
TABLE_HEAD_BYTES = 1 << 18  # of a CSV, to look for its first rows
CELL_CHARACTERS = 120
COLUMN_BYTES = 1 << 24  # of the first pages of a Parquet column, decompressed
LIST_VALUES = 1 << 20  # in a column of lists of a Parquet file
IMAGE_PIXELS = 64_000_000  # that a browser has to hold: four bytes each
IMAGE_SEGMENTS = 1000  # that stand before the size in a JPEG
DRAWING_BYTES = 200_000  # of an SVG that stands in the page itself
DRAWING_NODES = 100_000  # that a browser draws of it, each one as often as it is referred to
DRAWING_DEPTH = 100
DIFF_CHARACTERS = 100_000  # of its first lines, one of which may be a whole file
NOTES_CHARACTERS = 100_000  # of Markdown, which takes some 30 µs for each in the worst case

# --- Vega-Lite figures, which a browser computes -------------------------------------------------
SPEC_BYTES = 2_000_000
SPEC_ROWS = 20_000  # of its data; of what a generator makes; of rows for each mark
SPEC_CELLS = 200_000  # rows after they were folded, flattened or drawn in several marks
SPEC_VIEWS = 400  # marks, times the charts of a facet or a repeat


class OverBudgetError(TracksiteError):
    """Decoding a content would cost more than these budgets allow; it can be copied as it is."""


def json_value(
    content: bytes | str, most_bytes: int = JSON_BYTES, deepest: int = JSON_DEPTH
) -> Any:  # noqa: ANN401 - any JSON
    """Return what a JSON document says.

    Args:
        content: the document.
        most_bytes: how long it may be.
        deepest: how many lists and objects may be inside each other.

    Raises:
        OverBudgetError: it is longer, or deeper.
        ValueError: it is no JSON.
    """
    if len(content) > most_bytes:
        raise OverBudgetError(f"JSON of more than {most_bytes / 1e6:g} MB is not decoded")
    too_deep = f"JSON with more than {deepest} levels is not decoded"
    try:
        value = json.loads(content)
    except RecursionError:
        raise OverBudgetError(too_deep) from None
    if any(depth > deepest for _, depth in nested(value)):
        raise OverBudgetError(too_deep)
    return value


def nested(value: object) -> Iterator[tuple[dict[str, Any] | list[Any], int]]:
    """Yield every list and object inside a JSON value, itself too, with its depth from 1 on."""
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, dict | list):
            yield item, depth
            inner = item.values() if isinstance(item, dict) else item
            waiting += [(one, depth + 1) for one in inner if isinstance(one, dict | list)]
