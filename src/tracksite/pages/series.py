"""The curves of run pages: read for a few hundred runs with one query, dropped once used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracksite.query.curves import curves

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from tracksite.schema import Snapshot

    Curve = tuple[np.ndarray, np.ndarray]  # steps (int64), values (float64)

CHUNK_RUNS = 250
WIDTH = 200  # a chart of a run page is about 400 px wide: two points for each pair of pixels


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
        start = self._expected.index(run_id) if run_id in self._expected else None
        chunk = [run_id] if start is None else self._expected[start : start + CHUNK_RUNS]
        if start is not None:
            self._expected = self._expected[start + len(chunk) :]
        self._loaded = {wanted: {} for wanted in chunk}
        frame = curves(self._snapshot, chunk, width=WIDTH)
        for (run, key), part in frame.partition_by(
            "run_id", "key", as_dict=True, maintain_order=True
        ).items():
            self._loaded[str(run)][str(key)] = (part["step"].to_numpy(), part["value"].to_numpy())
