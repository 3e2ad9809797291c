"""What a reader of a store sees."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tracksite.query.runs import fold
from tracksite.schema import Problem
from tracksite.store.histories import read_points
from tracksite.store.local import open_store

Point = tuple[str, int, str]  # key, step, value (as text: one NaN equals another)


@dataclass(frozen=True)
class Look:
    """One look at a store: the runs in order of id, by run_id their points, and what is damaged."""

    states: dict[str, dict]
    points: dict[str, Counter[Point]]
    problems: tuple[Problem, ...]

    def run(self, run_id: str) -> tuple[str, Counter[Point]]:
        """Return all that is to be seen of one run: a text that says its state, and its points."""
        return repr(self.states.get(run_id)), self.points.get(run_id, Counter())


def look(root: Path) -> Look:
    """Open a store anew, as another process would, and read all of it."""
    snapshot = open_store(root).snapshot()
    problems = list(snapshot.problems)
    stored = read_points(snapshot, list(snapshot.point_files), on_damage=problems.append)
    frame = pl.concat([stored, snapshot.live_points])
    points: dict[str, Counter[Point]] = {}
    for run_id, key, step, value in frame.select("run_id", "key", "step", "value").iter_rows():
        points.setdefault(run_id, Counter())[key, step, repr(value)] += 1
    states = {row["run_id"]: row for row in fold(snapshot).to_dicts()}
    return Look(states, points, tuple(problems))


def steps(count: int, start: int = 0) -> Counter[Point]:
    """Return the points that `bodies.point` logs at so many steps."""
    return Counter({("loss", step, repr(step / 7)): 1 for step in range(start, start + count)})
