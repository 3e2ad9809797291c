"""Secrets in artifacts: what a page shows of them is masked, and the file is not published."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tracksite import paths
from tracksite.budgets import OverBudgetError
from tracksite.masking import MASK, find, names
from tracksite.masking.files import holds_secrets
from tracksite.masking.judged import is_secret
from tracksite.masking.spans import cut
from tracksite.pages import tables

if TYPE_CHECKING:
    from collections.abc import Collection

    from tracksite.pages.tables import Preview

IN_FILE = "file "  # how the place of a secret begins that stands in an artifact
LOOKED_AT = 16_000  # bytes at the start of a file
_LAST_WORD = 512  # characters at the end of an excerpt that may be half of a token
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
NAMED = "its name is that of a file with keys or passwords"
NAMED_COLUMN = "the name of a column says so"
FOUND = "it may hold a secret"


def by_name(path: str, allow: Collection[str]) -> bool:
    """Whether an artifact is left out for its name; a path in `allow` never is."""
    return path not in allow and holds_secrets(path)


def by_content(path: str, content: bytes, allow: Collection[str]) -> str:
    """Return why an artifact is taken to hold a secret; "" where it is not.

    Of a text the first `LOOKED_AT` bytes are looked at, of a table the rows that pages show; not at
    other content, nor at a path in `allow`.
    """
    if path in allow:
        return ""
    head = content[:LOOKED_AT]
    if found := find(_text_of(head), allow=allow):
        return found[0].why
    suffix = paths.suffix(path)
    try:
        shown = tables.preview(content, suffix) if suffix in tables.SHOWN else None
    except OverBudgetError:  # no page shows it as a table either
        shown = None
    return NAMED_COLUMN if shown is not None and table(shown, allow) != shown else ""


def _text_of(head: bytes) -> str:
    """Return what the start of a file says in any encoding whose ASCII can be read; "": no text."""
    if head.startswith(_UTF_16):
        return head.decode("utf-16", "replace")
    return "" if b"\x00" in head[:4096] else head.decode(errors="replace")


def excerpt(shown: str, allow: Collection[str]) -> str:
    """Return the beginning of a text with secrets without them, nor half of one at its end."""
    words, blank, _ = shown.rpartition(" ") if " " in shown[-_LAST_WORD:] else ("", "", "")
    lines, end, _ = shown.rpartition("\n") if "\n" in shown[-_LAST_WORD:] else ("", "", "")
    whole = max(words + blank, lines + end, shown[:-_LAST_WORD], key=len)
    return text(whole, allow)


def text(shown: str, allow: Collection[str]) -> str:
    """Return a text of a page without secrets."""
    return cut(shown, find(shown, allow=allow))


def table(shown: Preview, allow: Collection[str]) -> Preview:
    """Return the preview of a table without secrets; a column's name may say that it holds them."""
    sure = [names.kind(column) == names.HARD and column not in allow for column in shown.columns]
    rows = tuple(
        tuple(
            replace(cell, text=_cell(cell.text, allow, sure=is_sure))
            for cell, is_sure in zip(row, sure, strict=True)
        )
        for row in shown.rows
    )
    return replace(shown, rows=rows)


def _cell(shown: str, allow: Collection[str], *, sure: bool) -> str:
    if sure and shown not in allow and is_secret(names.HARD, shown, quoted=True):
        return MASK
    return text(shown, allow)
