"""How much is measured: the full size, and one that only shows that everything still runs."""

from __future__ import annotations

from dataclasses import dataclass, replace


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
        others: whether trackers that must be installed are measured beside ours.
        rounds: in which the tools take turns.
        loop_s: seconds of one timed loop of a tool.
        byte_calls: of ten metrics each, for the bytes of a point.
        many_short: started and finished by each tool.
        kills: of each tool.
        stores: of how many runs, for questions and builds.
        built: the largest store that is built; past it stores are only asked.
        loose: the largest store that is made of loose parts.
        history: points of the longest metric in them.
    """

    name: str
    runs: int
    metrics: int
    points: int
    calls: int
    short_runs: int
    repeats: int
    others: bool
    rounds: int
    loop_s: float
    byte_calls: int
    many_short: int
    kills: int
    stores: tuple[int, ...]
    built: int
    loose: int
    history: int


FULL = Size(
    "full",
    runs=1000,
    metrics=8,
    points=1000,
    calls=200_000,
    short_runs=50,
    repeats=7,
    others=True,
    rounds=3,
    loop_s=0.5,
    byte_calls=1000,
    many_short=1000,
    kills=2,
    stores=(1_000, 10_000, 100_000),
    built=10_000,
    loose=10_000,
    history=100_000,
)
LARGE = replace(FULL, name="large", built=100_000, loose=100_000)
QUICK = Size(
    "quick",
    runs=6,
    metrics=2,
    points=20,
    calls=200,
    short_runs=2,
    repeats=2,
    others=False,
    rounds=2,
    loop_s=0.02,
    byte_calls=20,
    many_short=10,
    kills=1,
    stores=(20,),
    built=20,
    loose=20,
    history=1000,
)
