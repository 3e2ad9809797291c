"""What a short run costs: start, a few params and metrics, finish with everything on disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import tracksite
from benchmarks.measure import Result, result, side_by_side

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.sizes import Size

CAPTURED = ("git", "git_diff", "environment", "command", "user")


def measure(folder: Path, size: Size) -> list[Result]:
    """Time short runs with and without what is captured by itself, beside bare fsyncs."""
    tracksite.set_tracking_uri(folder / "runs")
    actions = {
        "start … finish": lambda: _runs(size.short_runs, capture=True),
        "start … finish, no capture": lambda: _runs(size.short_runs, capture=False),
        "4 KB file written and fsynced": lambda: _files(folder, size.short_runs),
    }
    times = side_by_side(list(actions.values()), size.repeats)
    tracksite.configure(**dict.fromkeys(CAPTURED, True))
    tracksite.set_tracking_uri(None)
    notes = ["git, packages, machine", "3 params, 4 metrics", "the disk alone"]
    return [
        result("runs", name, [1000 * value / size.short_runs for value in values], "ms", note)
        for name, values, note in zip(actions, times, notes, strict=True)
    ]


def _runs(count: int, *, capture: bool) -> None:
    tracksite.configure(**dict.fromkeys(CAPTURED, capture))
    for number in range(count):
        with tracksite.start_run(run_name=f"run {number}"):
            tracksite.log_params({"lr": 0.1, "layers": 3, "seed": number})
            tracksite.log_metrics({"loss": 0.1, "accuracy": 0.9, "precision": 0.8, "recall": 0.7})


def _files(folder: Path, count: int) -> None:
    for number in range(count):
        with (folder / f"file-{number}").open("wb") as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
