"""Which metric an experiment is about, and whether more of it is better.

What the settings say counts before what the training said as it logged, and that before what the
names of the metrics tell (`query.metric_names`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import polars as pl

from tracksite.query import goal_tags, long
from tracksite.query.metric_names import MAXIMIZE, MINIMIZE, direction_of, metric_range, read

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tracksite.query.goal_tags import Said

__all__ = [
    "MAXIMIZE",
    "MINIMIZE",
    "Goal",
    "HasGoal",
    "direction_of",
    "directions",
    "metric_range",
    "primary_metric",
]

_SPLIT_ORDER = ("validation", "test", "", "training")


class HasGoal(Protocol):
    """The part of an experiment's settings that names its goal: see `config.ExperimentSettings`."""

    @property
    def metric(self) -> str | None:
        """The primary metric, or None to infer it."""

    @property
    def direction(self) -> str | None:
        """`maximize` or `minimize`, or None to infer it."""


@dataclass(frozen=True)
class Goal:
    """What an experiment is after.

    Attributes:
        metric: key of the primary metric.
        direction: "maximize" or "minimize".
        inferred: True when the metric or its direction was read off a name, or is disputed among
            the runs; False when the settings or the training said both.
        why: one sentence for the page that says where both come from.
        assumed: True when nothing tells the direction, so that "maximize" is no more than a start.
    """

    metric: str
    direction: str
    inferred: bool
    why: str
    assumed: bool = False

    @property
    def sign(self) -> float:
        """1.0 when more is better, -1.0 when less is: `sign * value` is always to be maximised."""
        return 1.0 if self.direction == MAXIMIZE else -1.0


def primary_metric(runs: pl.DataFrame, settings: HasGoal | None = None) -> Goal | None:
    """Return the goal of one experiment.

    Args:
        runs: the runs of one experiment.
        settings: the experiment's settings.

    Of the metrics with a finite value in at least half as many runs as the commonest one: that
    which the settings name; else that which most runs say they are after (`goal_tags`); else that
    whose name tells most. Measures of quality come before losses, and losses before parts of them;
    a measure on training data counts one less. Among equals the whole comes before its parts, then
    the more telling word, then validation before test before unnamed data, then the shorter name.

    Returns:
        None when the settings name no metric and no run has one that could be a goal: deviations,
        times, counts and what the system does are none.
    """
    said = goal_tags.said(runs)
    metric = settings.metric if settings is not None else None
    direction = settings.direction if settings is not None else None
    disputed = False
    if metric is not None:
        picked = f"The settings name {metric}"
    else:
        counts = _counts(runs, {one for one, _ in said.goals})
        if not counts:
            return None
        named = next((one for one in said.goals if not _rare(one[0], counts)), None)
        if named is not None:
            metric, disputed, picked = named[0], said.disputed, _why_said(named, said)
        else:
            metric = min(counts, key=lambda key: _preference(key, counts, said))
            picked = _why_named(metric, len(counts))
    chosen, reason, known = _direction(metric, direction, said)
    settled = settings is not None and settings.metric is not None
    told = settled or metric in {one for one, _ in said.goals}
    inferred = disputed or not told or (direction is None and metric not in said.directions)
    return Goal(metric, chosen, inferred, f"{picked}; {chosen} because {reason}.", not known)


def directions(runs: pl.DataFrame) -> Mapping[str, str]:
    """Return metric → which way is better, for those of which these runs said so as they logged."""
    return goal_tags.said(runs).directions


def _counts(runs: pl.DataFrame, said: Collection[str]) -> dict[str, int]:
    """Return each metric that could be a goal, and how many runs have a finite value of it."""
    found = long.metrics(runs).group_by("key").agg(pl.col("last").is_finite().sum())
    return {key: count for key, count in found.iter_rows() if key in said or not read(key).never}


def _rare(metric: str, counts: Mapping[str, int]) -> bool:
    return counts.get(metric, 0) * 2 < max(1, *counts.values())


def _preference(key: str, counts: Mapping[str, int], said: Said) -> tuple[object, ...]:
    name = read(key)
    training = name.split == "training"
    part_of_loss = name.level > 0 and name.parts > 0
    level = (name.level + training, part_of_loss, training)
    untold = name.direction is None and key not in said.directions
    unnamed = name.direction is None  # what the runs alone tell the direction of
    order = (_rare(key, counts), untold, level, unnamed, name.parts, name.place)
    return (*order, _SPLIT_ORDER.index(name.split), len(key), key)


def _why_named(metric: str, count: int) -> str:
    if count == 1:
        return f"{metric} is the only metric that could be one"
    split = read(metric).split
    on_data = f", on {split} data" if split else ""
    return f"{metric} was guessed from the names of {count} metrics{on_data}"


def _why_said(named: tuple[str, str], said: Said) -> str:
    if not said.disputed:
        return f"{named[0]} is what the training said it is after"
    told = ", ".join(
        f'{count} "{direction} {metric}"' for (metric, direction), count in said.told[:3]
    )
    return f"{named[0]} was picked although the runs say different goals ({told})"


def _direction(metric: str, direction: str | None, said: Said) -> tuple[str, str, bool]:
    """Return a direction, why it is this one, and whether anything says so."""
    if direction is not None:
        return direction, "the settings say so", True
    if metric in said.directions:
        return said.directions[metric], "the training said so", True
    name = read(metric)
    if name.direction is None:
        return MAXIMIZE, "nothing says otherwise: set `direction` in tracksite.toml", False
    return name.direction, f'its name says "{name.word}"', True
