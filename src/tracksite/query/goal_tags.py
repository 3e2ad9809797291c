"""What the runs of an experiment said they are after, as they logged: the tag `tracksite.goal`.

Integrations write what the framework knows into `tracksite.goal.training`. Anybody may set
`tracksite.goal`, and then that alone counts of the run, also where it is empty.

Each line of the tag is a direction and a metric, as in "maximize val_accuracy". The first line is
the run's goal, which an empty one leaves open; the others only tell which way is better.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from tracksite.config import DIRECTIONS
from tracksite.query import long
from tracksite.schema import GOAL_TAG, TRAINING_GOAL_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Said:
    """What runs said.

    Attributes:
        told: ((metric, direction) of a goal, how many runs say it), the commonest first.
        directions: metric → the direction that most runs give it, goals and others.
    """

    told: tuple[tuple[tuple[str, str], int], ...]
    directions: Mapping[str, str]

    @property
    def goals(self) -> tuple[tuple[str, str], ...]:
        """Each (metric, direction), the commonest first."""
        return tuple(goal for goal, _ in self.told)

    @property
    def disputed(self) -> bool:
        """Whether runs say different goals."""
        return len(self.told) > 1


def said(runs: pl.DataFrame) -> Said:
    """Return what these runs said they are after; lines that cannot be read say nothing."""
    tags = long.tags(runs).filter(pl.col("key").is_in([GOAL_TAG, TRAINING_GOAL_TAG]))
    tags = tags.sort("key").unique("run_id", keep="first")
    goals: Counter[tuple[str, str]] = Counter()
    every: Counter[tuple[str, str]] = Counter()
    for text, count in tags.group_by("text").len().iter_rows():
        lines = [_line(line) for line in text.split("\n")]
        every.update({line: count for line in lines if line})
        goals.update({line: count for line in lines[:1] if line})
    directions: dict[str, str] = {}
    for (metric, direction), _ in _commonest(every):
        directions.setdefault(metric, direction)
    return Said(_commonest(goals), directions)


def _line(text: str) -> tuple[str, str] | None:
    direction, _, metric = text.strip().partition(" ")
    return (metric.strip(), direction) if direction in DIRECTIONS and metric.strip() else None


def _commonest(
    counted: Counter[tuple[str, str]],
) -> tuple[tuple[tuple[str, str], int], ...]:
    return tuple(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
