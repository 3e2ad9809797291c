"""What may be logged: each function returns the accepted value or raises ArgumentError.

Lengths are MLflow's limits, so that every run can also be kept by MLflow.
"""

from __future__ import annotations

import math
import operator
import re
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError
from tracksite.schema import FIRST_TIME, LAST_TIME
from tracksite.tracking.warning import warn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracksite.tracking.kinds import Value

MAX_KEY = 250
MAX_PARAM = 6000
MAX_TAG = 8000
MAX_NAME = 500
MAX_NOTES = 100_000
MAX_PATH = 1000
MAX_PATH_PART_BYTES = 240  # most file systems end at 255, and a temporary name adds a little
INT64 = 2**63
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_DRIVE = re.compile("[A-Za-z]:")
# Control characters, line and paragraph separators: a key is one line.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def shorten(value: object, length: int = 60) -> str:
    """Return the `repr` of a value for a message, cut to about `length` characters."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - whatever the value's own code does, and int for very long ones
        text = f"<{type(value).__name__} that cannot be shown>"
    return text if len(text) <= length else f"{text[:length]}…"


def is_text(what: str, value: object) -> str:
    """Return a str as it is."""
    if not isinstance(value, str):
        raise ArgumentError(f"{what} {shorten(value)} is {_kind(value)}: pass a str.")
    return value


def _one_line(what: str, value: object, limit: int) -> str:
    value = is_text(what, value)
    if not value or value.isspace():
        raise ArgumentError(f"{what} {value!r} is empty: give it a name.")
    if len(value) > limit:
        raise ArgumentError(
            f"{what} {shorten(value)} has {len(value)} characters: at most {limit} are kept."
        )
    if _CONTROL.search(value):
        raise ArgumentError(
            f"{what} {shorten(value)} holds a control character or a line break: remove it."
        )
    return _encodable(what, value)


def _encodable(what: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(
            f"{what} {shorten(text)} holds half a surrogate pair at position {error.start}, "
            "which UTF-8 cannot store: decode the text properly first."
        ) from None
    return text


def _kind(value: object) -> str:
    return f"of type {type(value).__name__}"


def key(what: str, value: object) -> str:
    """Return a metric, param or tag key: one line of 1 to 250 characters."""
    return _one_line(f"{what} key", value, MAX_KEY)


def name(what: str, value: object) -> str:
    """Return the name of a run, experiment or model: one line of 1 to 500 characters."""
    return _one_line(f"{what} name", value, MAX_NAME)


def text(what: str, key: str, value: object, limit: int) -> str:
    """Return `str(value)` of a param or tag, cut to `limit` characters with a warning, as MLflow.

    Raises:
        ArgumentError: it has no text, or one that UTF-8 cannot store.
    """
    try:
        written = str(value)
    except Exception as error:  # whatever the value's own code does
        raise ArgumentError(
            f"the value of {what} {key!r}, {_kind(value)}, has no text ({str(error)[:200]}): "
            "pass a str."
        ) from error
    if len(written) > limit:
        warn(
            f"{what} {key!r} has a value of {len(written)} characters ({shorten(written, 30)}): "
            f"its first {limit} are kept, log longer texts with log_text()"
        )
        written = written[:limit]
    return _encodable(f"the value of {what} {key!r}:", written)


def mended(text: str) -> str:
    """Return text that UTF-8 can store: half surrogate pairs become escapes."""
    return text.encode(errors="backslashreplace").decode()


def params(values: object) -> dict[str, str]:
    """Return params as texts; None becomes 'None', as in MLflow."""
    return {
        key("param", name): text("param", name, value, MAX_PARAM)
        for name, value in mapping("params", values).items()
    }


def tags(values: object) -> dict[str, str]:
    """Return tags as texts."""
    return {
        key("tag", name): text("tag", name, value, MAX_TAG)
        for name, value in mapping("tags", values).items()
    }


def mapping(what: str, values: object) -> Mapping[Any, Any]:
    """Return a dict-like argument, or say that it is none."""
    try:
        return dict(values.items())  # type: ignore[attr-defined]
    except Exception as error:  # it has no items, or none that are pairs
        raise ArgumentError(f"{what} {shorten(values)} is {_kind(values)}: pass a dict.") from error


def number(key: str, value: Value) -> float:
    """Return a metric's value as a float.

    Whatever `float()` takes is accepted, as in MLflow: bools, NumPy scalars, 0-dimensional
    tensors, numeric strings; also arrays and tensors that hold exactly one element.
    """
    try:
        if getattr(value, "ndim", 0):
            value = value.item()  # raises unless there is exactly one element
        return float(value)
    except Exception as error:  # whatever the value's own code does
        raise ArgumentError(
            f"metric {key!r} has the value {shorten(value)} {_kind(value)}: pass one real number."
        ) from error


def step(key: str, value: Value) -> int:
    """Return a step as a 64-bit int; whole floats are accepted, as in MLflow, others are not."""
    try:
        accepted = int(value) if _whole(value) else operator.index(value)
    except Exception as error:  # whatever the value's own code does
        raise ArgumentError(
            f"metric {key!r} has the step {shorten(value)} {_kind(value)}: pass a whole number."
        ) from error
    if not -INT64 <= accepted < INT64:
        raise ArgumentError(
            f"metric {key!r} has the step {shorten(accepted)}: it must fit into 64 bits."
        )
    return accepted


def _whole(value: Value) -> bool:
    return isinstance(value, float) and value.is_integer()


def time_of(millis: Value) -> datetime:
    """Return the time that is so many milliseconds after 1970, or a datetime itself, in UTC."""
    return EPOCH + timedelta(microseconds=timestamp_us(millis))


def timestamp_us(value: Value) -> int:
    """Return microseconds since 1970 from a datetime or from MLflow's milliseconds.

    A datetime without a time zone is local time, as everywhere in `datetime`.

    Raises:
        ArgumentError: neither, or a time outside the years that a date can hold.
    """
    try:
        micros = _micros(value)
    except TypeError:
        raise ArgumentError(
            f"timestamp {shorten(value)} is {_kind(value)}: "
            "pass a datetime, or milliseconds since 1970 as an int."
        ) from None
    except (OverflowError, ValueError, OSError):  # the first and last hours of `datetime` itself
        micros = FIRST_TIME - 1
    if not FIRST_TIME <= micros <= LAST_TIME:
        unit = "" if isinstance(value, datetime) else _unit(micros)
        raise ArgumentError(
            f"timestamp {shorten(value)} is none that a date can hold (from 0001-01-02 to "
            f"9999-12-30): pass a datetime, or milliseconds since 1970{unit}."
        )
    return micros


def _micros(value: Value) -> int:
    if isinstance(value, datetime):
        return (value.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)
    if isinstance(value, float) and math.isfinite(value):
        return round(value * 1000)
    return operator.index(value) * 1000


def _unit(micros: int) -> str:
    """Return which other unit a time seems to be in: those of this century are far apart."""
    for factor, name in ((1000, "microseconds"), (1_000_000, "nanoseconds")):
        if 0 < micros // factor < LAST_TIME // 50:
            return f", not {name}"
    return ""


def point(
    name: object, value: Value, at: Value, time: Value
) -> tuple[str, float, int, datetime | None]:
    """Return key, value, step and time of a point, whose step and time may be None."""
    named = key("metric", name)
    when = None if time is None else time_of(time)
    return named, number(named, value), 0 if at is None else step(named, at), when


def artifact_path(value: object) -> str:
    """Return a relative path, a str or a path of `pathlib`, with forward slashes, as a str.

    Raises:
        ArgumentError: it would lead out of its folder, or no disk could hold it.
    """
    given = value.as_posix() if isinstance(value, PurePath) else value
    path = _one_line("artifact path", given, MAX_PATH)
    parts = path.split("/")
    if "\\" in path or _DRIVE.match(path) or any(part in {"", ".", ".."} for part in parts):
        raise ArgumentError(
            f"artifact path {path!r} is not a plain relative path: "
            "use forward slashes, and neither '..', '.', a drive nor a slash at either end."
        )
    if any(len(part.encode()) > MAX_PATH_PART_BYTES for part in parts):
        raise ArgumentError(
            f"artifact path {shorten(path)} has a part of more than {MAX_PATH_PART_BYTES} bytes: "
            "shorten it."
        )
    return path
