"""Small files that every run depends on: two equal lines of JSON, so that one bad byte costs none.

Each line has a `digest` (BLAKE2b, 128 bits) of the JSON of its other fields. A file of one line
without a digest, as somebody may write by hand, is taken at its word.
"""

from __future__ import annotations

import json
from typing import Any

from tracksite.errors import DamageError
from tracksite.store.blocks import block_digest


def encode(fields: dict[str, Any]) -> bytes:
    """Return the two lines."""
    line = json.dumps({**fields, "digest": _digest(fields)}) + "\n"
    return line.encode() * 2


def decode(name: str, content: bytes) -> tuple[dict[str, Any], bool]:
    """Return the fields, and whether one of the two lines is damaged.

    Raises:
        DamageError: both are.
    """
    middle = len(content) // 2
    halves = content[:middle], content[middle:]
    for half in (content, *halves):
        fields = _fields(half)
        digest = fields.pop("digest", None)
        if fields and digest == (None if half is content else _digest(fields)):
            return fields, half is not content and halves[0] != halves[1]
    raise DamageError(f"{name} is damaged: restore it from a copy.")


def _fields(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _digest(fields: dict[str, Any]) -> str:
    return block_digest(json.dumps(fields).encode()).hex()
