"""What one logged point costs the training loop, beside a plain `write(2)` of a JSON line."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import numpy as np

import tracksite
from benchmarks.measure import Result, result, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.sizes import Size

SERIES_POINTS = 100_000


def measure(folder: Path, size: Size) -> list[Result]:
    """Time loops of calls inside one run, in turns; then whole series."""
    tracksite.set_tracking_uri(folder / "runs")
    file = os.open(folder / "points.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    series = np.linspace(0.0, 1.0, SERIES_POINTS)
    with tracksite.start_run() as run:
        loops: dict[str, Callable[[], None]] = {
            "tracksite.log_metric": lambda: _each(tracksite.log_metric, size.calls),
            "run.log_metric": lambda: _each(run.log_metric, size.calls),
            "write(2) of a JSON line": lambda: _lines(file, size.calls),
            "an empty call": lambda: _each(_nothing, size.calls),
        }
        times = side_by_side(list(loops.values()), size.repeats)
        whole = side_by_side([lambda: run.log_series("series", series)], size.repeats)[0]
    os.close(file)
    tracksite.set_tracking_uri(None)
    results = [
        result("logging", name, [1e9 * value / size.calls for value in values], "ns", "per call")
        for name, values in zip(loops, times, strict=True)
    ]
    per_point = [1e9 * value / SERIES_POINTS for value in whole]
    note = f"per point, {SERIES_POINTS:,} in a call"
    return [*results, result("logging", "run.log_series", per_point, "ns", note)]


def _each(log: Callable[[str, float, int], object], count: int) -> None:
    for step in range(count):
        log("loss", 0.5, step)


def _nothing(_key: str, _value: float, _step: int) -> None:
    """Do nothing: the cost of the loop and of a call."""


def _lines(file: int, count: int) -> None:
    for step in range(count):
        row = {"key": "loss", "value": 0.5, "step": step, "time": time.time_ns() // 1000}
        os.write(file, json.dumps(row).encode() + b"\n")
