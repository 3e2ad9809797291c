"""A whole series of one metric as three equally long columns."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError
from tracksite.tracking import check

if TYPE_CHECKING:
    from collections.abc import Sequence, Sized
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from tracksite.tracking.kinds import Value


def has_numpy() -> bool:
    """Return whether NumPy is installed: it need not be where runs are only logged."""
    return find_spec("numpy") is not None


def points(
    key: str,
    values: Sequence[float],
    steps: Sequence[int] | None,
    timestamps: Sequence[int | datetime] | None,
    *,
    now_us: int,
) -> list[tuple[float, int, int]]:
    """Return (value, step, timestamp in microseconds) of each point as `columns`, without NumPy."""
    numbers = [check.number(key, value) for value in values]
    at = range(len(numbers)) if steps is None else [check.step(key, step) for step in steps]
    _same_length(key, "steps", at, len(numbers))
    times = (
        [now_us] * len(numbers) if timestamps is None else list(map(check.timestamp_us, timestamps))
    )
    _same_length(key, "timestamps", times, len(numbers))
    return list(zip(numbers, at, times, strict=True))


def columns(
    key: str,
    values: Sequence[float],
    steps: Sequence[int] | None,
    timestamps: Sequence[int | datetime] | None,
    *,
    now_us: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return values, steps and timestamps in microseconds; `now_us` where there are none.

    Raises:
        ArgumentError: not one-dimensional, lengths that differ, steps that are not whole.
    """
    import numpy as np

    numbers = _column(key, "values", values)
    if numbers.dtype.kind not in "fiub":
        raise ArgumentError(
            f"the series {key!r} has values of type {numbers.dtype}: pass real numbers."
        )
    count = len(numbers)
    at = np.arange(count, dtype=np.int64) if steps is None else _steps(key, steps, count)
    if timestamps is None:
        times = np.full(count, now_us, dtype=np.int64)
    else:
        times = np.array([check.timestamp_us(one) for one in timestamps], dtype=np.int64)
        _same_length(key, "timestamps", times, count)
    return numbers.astype(np.float64), at, times


def _column(key: str, what: str, values: Value) -> NDArray[Any]:
    import numpy as np

    try:
        column = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError(
            f"the {what} of series {key!r} make no array ({error}): pass a flat list or array."
        ) from None
    if column.ndim != 1:
        raise ArgumentError(
            f"the {what} of series {key!r} have the shape {column.shape}: pass one dimension."
        )
    return column if len(column) else column.astype(np.int64)


def _steps(key: str, steps: Sequence[int], count: int) -> NDArray[np.int64]:
    import numpy as np

    column = _column(key, "steps", steps)
    _same_length(key, "steps", column, count)
    if column.dtype.kind not in "iu":
        return np.array([check.step(key, one) for one in column.tolist()], dtype=np.int64)
    if column.dtype == np.uint64 and count and int(column.max()) >= check.INT64:
        raise ArgumentError(
            f"the series {key!r} has a step of {column.max()}: it must fit 64 bits."
        )
    return column.astype(np.int64)


def _same_length(key: str, what: str, column: Sized, count: int) -> None:
    if len(column) != count:
        raise ArgumentError(
            f"the series {key!r} has {count} values but {len(column)} {what}: pass as many of both."
        )
