"""The first rows of a CSV of anybody's, read from its first bytes alone."""

from __future__ import annotations

import csv
import io
import re
from itertools import islice

from tracksite.budgets import TABLE_HEAD_BYTES, OverBudgetError
from tracksite.schema import EXACT

_CHUNK = 1 << 20
# How programs write numbers. Codes and hashes such as 00501, 12e5 and 1.10 are texts.
_NUMBER = re.compile(
    r"-?(?:(?:0|[1-9][0-9]*)(?:\.(?:0|[0-9]*[1-9]))?|[1-9](?:\.[0-9]*[1-9])?[eE][+-]?[0-9]{1,3})"
)
_LONGEST_NUMBER = 40


def head(content: bytes, separator: str, rows: int) -> tuple[list[list[str]], int | None]:
    """Return the header and the first rows, as texts, and how many rows there are.

    Raises:
        OverBudgetError: they do not fit `TABLE_HEAD_BYTES`.
        csv.Error: it is no CSV.
    """
    start = content[:TABLE_HEAD_BYTES]
    text = io.StringIO(start.decode("utf-8-sig", "replace"), newline="")
    found = list(islice(csv.reader(text, delimiter=separator), rows + 1))
    if len(content) > len(start) and not text.read(1):
        raise OverBudgetError(f"its first rows take more than {TABLE_HEAD_BYTES // 1024} kB")
    return found, _count(content) - 1


def values(cells: list[str]) -> list[str | int | float | None]:
    """Return the cells of one column, as numbers where all are written so and no digit is lost."""
    if not all(len(it) <= _LONGEST_NUMBER and _NUMBER.fullmatch(it) for it in cells if it):
        return list(cells)
    found = [_number(it) if it else None for it in cells]
    if any(it is not None and abs(it) >= EXACT for it in found):
        return list(cells)
    return [*found]


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _count(content: bytes) -> int:
    """Return how many records there are: lines that end outside of quotes and are not empty."""
    lines = quotes = 0
    for start in range(0, len(content), _CHUNK):
        for at, piece in enumerate(content[start : start + _CHUNK].split(b'"')):
            quotes += at > 0
            lines += 0 if quotes % 2 else piece.count(b"\n")
    return lines + (not content.endswith(b"\n"))
