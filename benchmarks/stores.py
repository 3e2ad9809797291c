"""A store of made-up runs: learning curves of a given size, the same each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from tracksite.store.ids import new_run_id
from tracksite.store.local import LocalStore, open_store

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.sizes import Size

START = datetime(2026, 1, 1, tzinfo=UTC)
EXPERIMENT = "benchmark"


def make(folder: Path, size: Size) -> LocalStore:
    """Write `size.runs` finished runs, each with `size.metrics` series of `size.points` points."""
    store = open_store(folder, create=True)
    random = np.random.default_rng(0)
    for number in range(size.runs):
        add(store, number, size, random)
    return store


def add(store: LocalStore, number: int, size: Size, random: np.random.Generator) -> str:
    """Write one run and return its id."""
    run_id, started_at = new_run_id(), START + timedelta(minutes=number)
    rate = 10 ** random.uniform(-4, 0)
    writer = store.open_writer(run_id)
    writer.patch(
        experiment=EXPERIMENT,
        name=f"run {number}",
        status="finished",
        started_at=started_at,
        ended_at=started_at + timedelta(seconds=50),
        params={"lr": f"{rate:.3g}", "layers": str(number % 5 + 1), "seed": str(number % 3)},
        tags={"team": "vision" if number % 2 else "speech"},
    )
    steps = np.arange(size.points)
    times = round(started_at.timestamp() * 1e6) + steps * 50_000
    for key, values in _curves(size, rate, random).items():
        writer.series(key, values, steps, times)
    writer.close()
    return run_id


def _curves(size: Size, rate: float, random: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    steps = np.arange(size.points)
    falling = np.exp(-rate * steps / 20) + 0.05 * random.random(size.points)
    names = ["validation/accuracy", "validation/loss", "train/accuracy", "train/loss"]
    names += [f"layer_{n}/norm" for n in range(max(0, size.metrics - len(names)))]
    return {
        name: 1 - falling if "accuracy" in name else falling * (1 + n)
        for n, name in enumerate(names[: size.metrics])
    }
