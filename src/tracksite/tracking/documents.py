"""Dicts and lists as JSON or YAML."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tracksite.errors import ArgumentError

if TYPE_CHECKING:
    from tracksite.tracking.kinds import Document, Value


def document_bytes(content: Document, suffix: str) -> bytes:
    """Return a dict or list as YAML where `suffix` is "yaml" or "yml", else as JSON.

    Args:
        content: dicts, lists and plain values; values with `.tolist()` or `.isoformat()` (of
            NumPy, pandas, datetime) become lists, numbers and texts; a set becomes a list.
        suffix: ending of the file's name without its dot.

    Raises:
        ArgumentError: a value without such a form, or YAML without PyYAML.
    """
    if not isinstance(content, dict | list | tuple) and not hasattr(content, "items"):
        raise ArgumentError(
            f"log_dict() got a value of type {type(content).__name__}: pass a dict or a list."
        )
    try:
        text = json.dumps(_plain_top(content), indent=2, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(
            f"log_dict() cannot write this as JSON ({error}): pass plain dicts, lists, numbers "
            "and texts."
        ) from None
    if suffix in {"yaml", "yml"}:
        text = _yaml(json.loads(text))
    return f"{text}\n".encode(errors="backslashreplace")


def _plain_top(content: Document) -> Document:
    return dict(content) if hasattr(content, "items") else content


def _plain(value: Value) -> Document:
    """Return what JSON can write of a value that it does not know."""
    for method in ("tolist", "isoformat"):
        if hasattr(value, method):
            return getattr(value, method)()
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if hasattr(value, "items"):
        return dict(value)
    if hasattr(value, "__fspath__"):
        return str(value)
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")


def _yaml(content: Document) -> str:
    try:
        import yaml  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise ArgumentError(
            "writing YAML needs PyYAML, which is not installed: pip install pyyaml, "
            "or let the name end in .json."
        ) from None
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True)).rstrip("\n")
