"""Values as foreign files hold them: each function returns a clean one, or raises Unreadable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError
from tracksite.importers.entry import Series, UnreadableError
from tracksite.tracking import check

if TYPE_CHECKING:
    from collections.abc import Iterable

DATASET_FIELDS = ("name", "digest", "source_type", "source", "schema", "profile")
_FARTHEST_MS = 253_402_300_799_999  # the end of the year 9999


def text(value: Any) -> str | None:  # noqa: ANN401 - whatever a YAML file or a row has
    """Return a text; None for None and for nothing."""
    if isinstance(value, dict | list | set | bytes):  # YAML may say a list of a billion items
        raise UnreadableError(f"a {type(value).__name__} stands where a text should")
    return None if value is None or value == "" else check.mended(str(value))


def required(value: Any, what: str) -> str:  # noqa: ANN401 - as above
    """Return a text that must be there."""
    found = text(value)
    if found is None:
        raise UnreadableError(f"it has no {what}")
    return found


def millis(value: Any) -> int | None:  # noqa: ANN401 - as above
    """Return a time in milliseconds since 1970; None for None, and for the -1 of some versions."""
    if value is None or value == "":
        return None
    if not isinstance(value, int | float | str):
        raise UnreadableError(f"a {type(value).__name__} stands where a time should")
    try:
        time = int(value)
    except (ValueError, OverflowError):
        raise UnreadableError(f"{check.shorten(value)} is no time") from None
    if time == -1:
        return None
    if abs(time) > _FARTHEST_MS:
        raise UnreadableError(f"the time {time} is after the year 9999")
    return time


def texts(pairs: Iterable[tuple[Any, Any]], what: str) -> dict[str, str]:
    """Return params or tags as texts.

    Raises:
        UnreadableError: a key that no store takes.
    """
    found = {}
    for key, value in pairs:
        try:
            found[check.key(what, key)] = text(value) or ""
        except ArgumentError as error:
            raise UnreadableError(str(error)) from None
    return found


def series(points: Iterable[tuple[int, int, float]]) -> Series:
    """Return points in the order in which MLflow takes the last one as the latest.

    That is the order of step, time and value, with NaN as 0.

    Args:
        points: step, milliseconds since 1970 and value of each.

    Raises:
        UnreadableError: a step or time does not fit.
    """
    import numpy as np

    steps, times, values = zip(*points, strict=True)
    try:
        columns = np.array(steps, np.int64), np.array(times, np.int64)
    except (OverflowError, TypeError, ValueError):
        raise UnreadableError("a step or time of a metric does not fit into 64 bits") from None
    numbers = np.array(values, np.float64)
    if np.abs(columns[1]).max() > _FARTHEST_MS:
        raise UnreadableError("a time of a metric is after the year 9999")
    rank = np.where(np.isnan(numbers), 0.0, numbers)
    order = np.lexsort((rank, columns[1], columns[0]))
    return Series(columns[0][order], columns[1][order] * 1000, numbers[order])


def whole(value: Any) -> int:  # noqa: ANN401 - as above
    """Return a whole number, such as that of a version."""
    try:
        return check.step("", int(value) if isinstance(value, str) else value)
    except (ValueError, TypeError):
        raise UnreadableError(f"{check.shorten(value)} is no whole number") from None
