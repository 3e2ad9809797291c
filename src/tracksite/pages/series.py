"""The curves of run pages: read for a few hundred runs with one query, dropped once used."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tracksite.query import branches
from tracksite.query.curves import drawn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np

    from tracksite.schema import Snapshot


CHUNK_RUNS = 100
WIDTH = 120  # a chart of a run page is about 360 px wide: two points for each three pixels


class Curve(NamedTuple):
    """What is drawn of one metric.

    Attributes:
        steps: int64.
        values: float64, as long.
        resumed: the step at which it went on, where it was resumed from an earlier one.
    """

    steps: np.ndarray
    values: np.ndarray
    resumed: int | None = None


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
        """Return metric → Curve of a run, downsampled; each run is handed out once."""
        if run_id not in self._loaded:
            self._load(run_id)
        return self._loaded.pop(run_id)

    @cached_property
    def _since(self) -> pl.DataFrame:
        return branches.resumptions(self._snapshot.patches)

    def _load(self, run_id: str) -> None:
        place = self._expected.index(run_id) if run_id in self._expected else None
        chunk = [run_id] if place is None else self._expected[place : place + CHUNK_RUNS]
        if place is not None:
            self._expected = self._expected[place + len(chunk) :]
        self._loaded = {wanted: {} for wanted in chunk}
        frame, resumed = drawn(self._snapshot, chunk, width=WIDTH, since=self._since)
        steps, values = frame["step"].to_numpy(), frame["value"].to_numpy()
        for run, key, start, stop in _parts(frame):
            shown = steps[start:stop], values[start:stop]
            self._loaded[run][key] = Curve(*shown, resumed.get((run, key)))


def _parts(frame: pl.DataFrame) -> Iterator[tuple[str, str, int, int]]:
    """Return where each series of `curves` begins and ends: partition_by takes a query for each."""
    series = frame.select(pl.struct("run_id", "key").rle().alias("part")).unnest("part")
    start = 0
    for count, part in series.select("len", "value").iter_rows():
        yield part["run_id"], part["key"], start, start + count
        start += count
