"""The curves of run pages: read for a few hundred runs with one query, dropped once used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracksite.query.curves import curves

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np

    from tracksite.schema import Snapshot

    Curve = tuple[np.ndarray, np.ndarray]  # steps (int64), values (float64)

CHUNK_RUNS = 100
WIDTH = 120  # a chart of a run page is about 360 px wide: two points for each three pixels


class Series:
    """A buffer of curves that fills itself for the next runs that are expected."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._expected: list[str] = []
        self._loaded: dict[str, dict[str, Curve]] = {}

    def expect(self, run_ids: Sequence[str]) -> None:
        """Say which runs will be asked for, in this order."""
        self._expected = list(run_ids)

    def of(self, run_id: str) -> Mapping[str, Curve]:
        """Return metric → (steps, values) of a run, downsampled; each run is handed out once."""
        if run_id not in self._loaded:
            self._load(run_id)
        return self._loaded.pop(run_id)

    def _load(self, run_id: str) -> None:
        place = self._expected.index(run_id) if run_id in self._expected else None
        chunk = [run_id] if place is None else self._expected[place : place + CHUNK_RUNS]
        if place is not None:
            self._expected = self._expected[place + len(chunk) :]
        self._loaded = {wanted: {} for wanted in chunk}
        frame = curves(self._snapshot, chunk, width=WIDTH)
        steps, values = frame["step"].to_numpy(), frame["value"].to_numpy()
        for run, key, start, stop in _parts(frame):
            self._loaded[run][key] = (steps[start:stop], values[start:stop])


def _parts(frame: pl.DataFrame) -> Iterator[tuple[str, str, int, int]]:
    """Return where each series of `curves` begins and ends: partition_by takes a query for each."""
    series = frame.select(pl.struct("run_id", "key").rle().alias("part")).unnest("part")
    start = 0
    for count, part in series.select("len", "value").iter_rows():
        yield part["run_id"], part["key"], start, start + count
        start += count
