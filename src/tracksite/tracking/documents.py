"""Dicts and lists as JSON or YAML."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tracksite.errors import ArgumentError
from tracksite.tracking.warning import warn

if TYPE_CHECKING:
    from tracksite.tracking.kinds import Document, Value


def document_bytes(content: Document, suffix: str) -> bytes:
    """Return a dict or list as YAML where `suffix` is "yaml" or "yml", else as JSON.

    NaN and infinities are null in JSON, as JavaScript and pandas write them; YAML has them.

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
    text = _yaml(json.loads(text)) if suffix in {"yaml", "yml"} else strict(text, indent=2)
    return f"{text}\n".encode(errors="backslashreplace")


def strict(text: str, *, indent: int | None = None) -> str:
    """Return what `json.dumps` wrote with null for NaN and infinities, which no JSON has.

    An infinity is lost so: a warning says it.
    """
    if "NaN" not in text and "Infinity" not in text:
        return text
    found: list[str] = []
    content = json.loads(text, parse_constant=found.append)  # which returns None
    if set(found) - {"NaN"}:
        warn("JSON has no infinity: null was written for it (log YAML or Parquet to keep it)")
    return json.dumps(content, indent=indent, ensure_ascii=False) if found else text


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
