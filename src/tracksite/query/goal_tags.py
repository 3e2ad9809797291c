"""What the runs of an experiment said they are after, as they logged: the tag `tracksite.goal`.

Each line of the tag is a direction and a metric, as in "maximize val_accuracy"; the first line is
the run's goal, the others only tell which way is better. Frameworks that know write it, through
their integration; anybody may, with `set_tag`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from tracksite.config import DIRECTIONS
from tracksite.query import long
from tracksite.schema import GOAL_TAG

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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
    tags = long.tags(runs).filter(pl.col("key") == GOAL_TAG)
    goals: Counter[tuple[str, str]] = Counter()
    every: Counter[tuple[str, str]] = Counter()
    for text, count in tags.group_by("text").len().iter_rows():
        lines = list(_lines(text))
        every.update(dict.fromkeys(lines, count))
        goals.update(dict.fromkeys(lines[:1], count))
    directions: dict[str, str] = {}
    for (metric, direction), _ in _commonest(every):
        directions.setdefault(metric, direction)
    return Said(_commonest(goals), directions)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        direction, _, metric = line.strip().partition(" ")
        if direction in DIRECTIONS and metric.strip():
            yield metric.strip(), direction


def _commonest(
    counted: Counter[tuple[str, str]],
) -> tuple[tuple[tuple[str, str], int], ...]:
    return tuple(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
