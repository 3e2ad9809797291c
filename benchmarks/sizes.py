"""How much is measured: the full size, and one that only shows that everything still runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Numbers of things.

    Attributes:
        name: for the table's head.
        runs: in the store that is built into a site.
        metrics: of each run.
        points: of each metric.
        calls: of `log_metric` and the like in one timed loop.
        short_runs: started and finished in one timed loop.
        repeats: how often each loop is timed; the median counts.
    """

    name: str
    runs: int
    metrics: int
    points: int
    calls: int
    short_runs: int
    repeats: int


FULL = Size("full", runs=1000, metrics=8, points=1000, calls=200_000, short_runs=50, repeats=7)
QUICK = Size("quick", runs=6, metrics=2, points=20, calls=200, short_runs=2, repeats=2)
