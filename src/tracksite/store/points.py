"""Points as columns: sorting them for a part, and summing them up for the leaderboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracksite.schema import points_schema
from tracksite.store.columns import column

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Points:
    """Metric points in order of logging, as equally long columns.

    Attributes:
        names: the distinct metric keys.
        keys: per point, the index of its key in `names` (int64).
        steps: int64.
        times: microseconds since 1970 in UTC (int64).
        values: float64, NaN and infinities included.
    """

    names: tuple[str, ...]
    keys: NDArray[np.int64]
    steps: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.values)


def to_sorted(points: Points) -> Points:
    """Return the points sorted by key, then step, then order of logging."""
    import numpy as np

    names = tuple(sorted(points.names))
    rank = np.array([names.index(name) for name in points.names], dtype=np.int64)
    keys = rank[points.keys] if len(points) else points.keys
    order = np.lexsort((points.steps, keys))  # lexsort is stable
    steps, times, values = points.steps[order], points.times[order], points.values[order]
    return Points(names, keys[order], steps, times, values)


def summarise(points: Points) -> dict[str, dict[str, Any]]:
    """Return key -> summary (fields of the `metrics` list in `runs_schema()`) of sorted points."""
    import numpy as np

    starts = np.searchsorted(points.keys, np.arange(len(points.names) + 1))
    return {
        name: {"key": name, **_summary(points, slice(starts[i], starts[i + 1]))}
        for i, name in enumerate(points.names)
        if starts[i] < starts[i + 1]
    }


def _summary(points: Points, rows: slice) -> dict[str, Any]:
    import numpy as np

    steps, times, values = points.steps[rows], points.times[rows], points.values[rows]
    at_last_step = slice(int(np.searchsorted(steps, steps[-1])), None)
    tail = times[at_last_step]
    last = len(steps) - 1 - int(np.argmax(tail[::-1]))  # the latest write among equal times
    missing = np.isnan(values)
    summary: dict[str, Any] = {
        "count": len(values),
        "nan_count": int(missing.sum()),
        "last": float(values[last]),
        "last_step": int(steps[last]),
        "last_at": int(times[last]),
    }
    if not missing.all():
        told = np.flatnonzero(~missing)  # nanargmin would find NaN where the rest is infinite
        low, high = told[np.argmin(values[told])], told[np.argmax(values[told])]
        summary |= {"min": float(values[low]), "min_step": int(steps[low])}
        summary |= {"max": float(values[high]), "max_step": int(steps[high])}
    return summary


def to_table(run_id: str, points: Points) -> pa.Table:
    """Return sorted points as rows of `points_schema()`."""
    import numpy as np
    import pyarrow as pa

    schema = points_schema()
    constant = np.zeros(len(points), dtype=np.int64)
    columns = [
        _texts(constant, [run_id]),
        _texts(points.keys, points.names),
        *(
            pa.Array.from_buffers(kind, len(points), [None, pa.py_buffer(np.ascontiguousarray(it))])
            for kind, it in zip(
                schema.types[2:], (points.steps, points.times, points.values), strict=True
            )
        ),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _texts(numbers: NDArray[np.int64], names: Sequence[str]) -> pa.Array:
    """Return the name of each number as an Arrow array."""
    import numpy as np
    import pyarrow as pa

    indices = pa.py_buffer(np.ascontiguousarray(numbers, dtype=np.int32))
    known = column(names, pa.string())
    return pa.DictionaryArray.from_arrays(
        pa.Array.from_buffers(pa.int32(), len(numbers), [None, indices]), known
    ).cast(pa.string())
