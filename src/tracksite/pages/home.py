"""The first page: totals, a card for each experiment, and what is damaged. And the 404 page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tracksite import paths
from tracksite.analysis.progress import best_so_far
from tracksite.charts.numbers import number
from tracksite.charts.svg import sparkline
from tracksite.model import Page
from tracksite.pages import notes
from tracksite.pages.context import digest
from tracksite.pages.experiment import experiments
from tracksite.schema import STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    import polars as pl
    from markupsafe import Markup

    from tracksite.pages.context import Context
    from tracksite.pages.experiment import Experiment
    from tracksite.pages.hero import Hero
    from tracksite.query.goal import Goal

_SPARK_RUNS = 120  # the newest ones; the line still starts at the best before them
_LONGEST_AIM = 200  # characters
_MOST_PROBLEMS = 50


@dataclass(frozen=True)
class Card:
    """One experiment on the home page.

    Attributes:
        name: of the experiment.
        goal: its primary metric, or None where nothing was measured.
        aim: what the experiment is for, in a sentence, or "".
        hero: the best setting and the best run; None where no run counts.
        change: by how much the best run beat the best before it, and that one's value.
        spark: the values of its runs in order of time, and the best so far.
        counts: status → number of runs, for those that occur.
        run_count: number of its runs.
        last_at: its last activity.
    """

    name: str
    goal: Goal | None
    aim: str
    hero: Hero | None
    change: tuple[str, float] | None
    spark: Markup | None
    counts: Mapping[str, int]
    run_count: int
    last_at: datetime | None


def pages(context: Context) -> Iterator[Page]:
    """Return the home page and the page for addresses that do not exist."""
    stamps = sorted(context.snapshot.stamps.items())
    problems = [[it.path, it.message] for it in context.snapshot.problems]
    yield Page(paths.HOME, "home.html", digest(stamps, problems), partial(_home, context))
    yield Page(paths.NOT_FOUND, "404.html", "404", lambda: {"nav": ""})


def _home(context: Context) -> dict[str, Any]:
    rows = context.experiments.iter_rows(named=True)
    found = zip(experiments(context), rows, strict=True)
    cards = [_card(experiment, row) for experiment, row in found]
    cards.sort(key=lambda card: (card.last_at is not None, card.last_at), reverse=True)
    counts = _counts(context.runs)
    return {
        "nav": "home",
        "cards": cards,
        "counts": counts,
        "run_count": context.runs.height,
        "model_count": context.models.height,
        "version_count": context.versions.height,
        "last_at": max((card.last_at for card in cards if card.last_at), default=None),
        "problems": context.snapshot.problems[:_MOST_PROBLEMS],
        "problem_count": len(context.snapshot.problems),
        "run_ids": frozenset(context.runs["run_id"]) | frozenset(context.problems_of),
        "introduction": notes.html(context.settings.description),
    }


def _counts(runs: pl.DataFrame) -> dict[str, int]:
    """Return status → number of runs, in the order of `STATUSES`, without zeros."""
    found = dict(runs["status"].value_counts().iter_rows())
    return {status: found[status] for status in STATUSES if found.get(status)}


def _card(experiment: Experiment, row: Mapping[str, Any]) -> Card:
    runs, goal = experiment.runs, experiment.goal
    change = spark = None
    if goal is not None and experiment.hero is not None:
        progress = best_so_far(runs, goal)
        change, spark = _change(progress), _spark(progress, goal)
    return Card(
        name=experiment.name,
        goal=goal,
        aim=experiment.context.settings_of(experiment.name).goal
        or notes.first_line(row["description"])[:_LONGEST_AIM],
        hero=experiment.hero,
        change=change,
        spark=spark,
        counts=_counts(runs),
        run_count=row["run_count"],
        last_at=row["last_at"],
    )


def _change(progress: pl.DataFrame) -> tuple[str, float] | None:
    """Return by how much the best run beat the best before it, and that one's value."""
    best = progress.filter("improved")["best"]
    return (_signed(best[-1] - best[-2]), best[-2]) if best.len() > 1 else None


def _signed(change: float) -> str:
    return f"+{number(change)}" if change > 0 else number(change)


def _spark(progress: pl.DataFrame, goal: Goal) -> Markup:
    shown = progress.tail(_SPARK_RUNS)
    values, best = shown["value"].to_list(), shown["best"].to_list()
    label = (
        f"{goal.metric} of the last {len(values)} runs in order of time, from "
        f"{number(min(values))} to {number(max(values))}; best so far {number(best[-1])}"
    )
    return sparkline(values, best, label)
