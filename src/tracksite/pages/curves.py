"""The metrics of one run: charts of its series, grouped as people name them, and a table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracksite.charts.numbers import number
from tracksite.charts.svg import Line, line_chart
from tracksite.query.metric_words import split_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from tracksite.pages.series import Curve

MOST_CHARTS = 60
SYSTEM = "system"
_WORD = "|".join(split_words())
_SPLIT = re.compile(rf"^({_WORD})(?=[_/.-])|(?<=[_/.-])({_WORD})$")
_PREFIX = re.compile(rf"^({_WORD})[_/.-]|[_/.-]({_WORD})$")


@dataclass(frozen=True)
class Chart:
    """One chart: its title, the SVG, and the summaries of the metrics in it.

    `resumed` are those that went on from an earlier step, and from which.
    """

    title: str
    svg: Markup
    metrics: tuple[Mapping[str, Any], ...]
    log_scale: bool
    resumed: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Section:
    """Charts whose metrics share the part of their name before the slash."""

    title: str
    charts: tuple[Chart, ...]


def sections(
    metrics: Sequence[Mapping[str, Any]], series: Mapping[str, Curve]
) -> tuple[Section, ...]:
    """Return the charts of all metrics with at least two points; those of the system come last.

    Args:
        metrics: the run's metric summaries, fields as in `runs_schema()`.
        series: metric → Curve.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for metric in metrics:
        if len(series[metric["key"]].steps if metric["key"] in series else ()) > 1:
            groups.setdefault(base_name(metric["key"]), []).append(metric)
    found: dict[str, list[Chart]] = {}
    for base, members in list(groups.items())[:MOST_CHARTS]:
        family = base.rpartition("/")[0]
        found.setdefault(family, []).append(_chart(base, members, series))
    order = sorted(found, key=lambda family: (family.split("/")[0] == SYSTEM, family))
    return tuple(Section(family, tuple(found[family])) for family in order)


def base_name(key: str) -> str:
    """Return a metric's name without the split of the data: val_loss and train/loss → loss."""
    base = _PREFIX.sub("", key, count=1)
    return base or key


def split_name(key: str) -> str:
    """Return the split of the data that a metric's name tells, or the name itself."""
    found = _SPLIT.search(key)
    return (found[1] or found[2]) if found else key


def _chart(base: str, members: Sequence[Mapping[str, Any]], series: Mapping[str, Curve]) -> Chart:
    together = len(members) > 1
    lines = [
        Line(split_name(it["key"]) if together else it["key"], *series[it["key"]][:2])
        for it in members
    ]
    title = base if together else members[0]["key"]
    log_scale = _spread(members)
    drawn = line_chart(lines, _describe(members), log_scale=log_scale)
    steps = ((it["key"], series[it["key"]].resumed) for it in members)
    resumed = tuple((key, step) for key, step in steps if step is not None)
    return Chart(title, drawn, tuple(members), log_scale, resumed)


def _describe(members: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(
        f"{it['key']} over {it['count']:,} points: last {number(it['last'])}, "
        f"lowest {number(it['min'])}, highest {number(it['max'])}"
        for it in members
    )


def _spread(members: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a logarithmic scale would show more: positive values over a factor of ten."""
    lows = [it["min"] for it in members if it["min"] is not None]
    highs = [it["max"] for it in members if it["max"] is not None]
    return bool(lows) and bool(highs) and min(lows) > 0 and max(highs) >= 10 * min(lows)
