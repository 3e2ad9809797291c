"""The beginning of a text that was logged, and of JSON with a line for each item."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tracksite.budgets import TEXT_CHARACTERS

_SHOWN = frozenset(
    "txt log md rst csv tsv yaml yml toml ini cfg conf py r jl sh sql tex diff patch json jsonl"
    " html htm svg xml js css".split()
)
_MARKED = 4096  # first bytes of which a text has none that is zero


@dataclass(frozen=True)
class Excerpt:
    """The beginning of a text, and whether there is more of it."""

    text: str
    is_cut: bool


def excerpt(content: bytes, suffix: str, *, named: bool) -> Excerpt | None:
    """Return the beginning of a text; None for what is none.

    Args:
        content: of the file.
        suffix: of its name, in lower case.
        named: whether the name has a suffix: a file without one may be a text.
    """
    if (suffix not in _SHOWN and named) or b"\x00" in content[:_MARKED] or not content:
        return None
    return _cut(content[: TEXT_CHARACTERS * 4].decode("utf-8", "replace"))


def pretty(value: object) -> Excerpt:
    """Return the beginning of a JSON value, indented; no more of it is written than is shown."""
    encoder = json.JSONEncoder(indent=2, ensure_ascii=False)
    found, length = [], 0
    for piece in encoder.iterencode(value):
        found.append(piece[: TEXT_CHARACTERS + 1])
        length += len(piece)
        if length > TEXT_CHARACTERS:
            break
    return _cut("".join(found))


def _cut(text: str) -> Excerpt:
    return Excerpt(text[:TEXT_CHARACTERS], len(text) > TEXT_CHARACTERS)
