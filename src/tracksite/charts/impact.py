"""What matters: the share of each param in a metric's variance, and the metric at its values.

The Vega-Lite specs are made once for all experiments: data comes by name, and vega.js replaces
`$metric` and its kin by the values that are shipped with a page.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import altair as alt
    import polars as pl

    from tracksite.query.goal import Goal

MOST_SLICES = 8  # params with a chart of their own
_PER_CENT = ".0%"
_NUMBER = ".5~g"
_ROW = 24  # height of a bar and its gap, in pixels


def specs() -> dict[str, Any]:
    """Return the Vega-Lite specs `effects` and `slice`, without data."""
    return {"effects": _effects_spec(), "slice": _slice_spec()}


def figures(effects: pl.DataFrame, slices: pl.DataFrame, goal: Goal) -> dict[str, Any]:
    """Return the figures of one experiment: key → {chart, data, fill}, for vega.js.

    Args:
        effects: columns of `analysis.impact.main_effects`.
        slices: columns of `analysis.impact.slices`.
        goal: the metric that both are about.
    """
    shares = effects.filter(effects["share"].is_not_null()).select("param", "share", "p", "levels")
    found = {"effects": {"chart": "effects", "data": {"effects": shares.to_dicts()}, "fill": {}}}
    low, high = _domain(slices)
    for param in shown_params(effects, slices):
        rows = slices.filter(slices["param"] == param)
        kept = rows.select("level", "position", "count", "mean", "low", "high").to_dicts()
        fill = {"$param": param, "$metric": f"mean {goal.metric}", "$low": low, "$high": high}
        found[f"slice {param}"] = {"chart": "slice", "data": {"slice": kept}, "fill": fill}
    return found


def shown_params(effects: pl.DataFrame, slices: pl.DataFrame) -> list[str]:
    """Return the params that get a chart of their own: the most telling first."""
    levels = dict(slices["param"].value_counts().iter_rows())
    sliced = {param for param, count in levels.items() if count > 1}
    return [param for param in effects["param"] if param in sliced][:MOST_SLICES]


def _domain(slices: pl.DataFrame) -> tuple[float, float]:
    """Return the range of all means and intervals, so that the charts share one scale."""
    parts = [slices[name].drop_nulls() for name in ("mean", "low", "high")]
    values = [value for part in parts for value in part if math.isfinite(value)]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    margin = (high / 2 - low / 2) * 0.1 or abs(high) * 0.05 or 1.0  # halves: no overflow
    return low - margin, high + margin


def _effects_spec() -> Mapping[str, Any]:
    import altair as alt

    bars = alt.Chart(alt.NamedData(name="effects")).encode(
        x=alt.X("share:Q", title="share of variance explained")
        .axis(format=_PER_CENT, tickCount=5)
        .scale(domain=[0, 1]),
        y=alt.Y("param:N", title=None, sort=None).axis(labelLimit=160),
        tooltip=[
            alt.Tooltip("param:N"),
            alt.Tooltip("share:Q", format=".1%"),
            alt.Tooltip("p:Q", title="p value", format=".2~g"),
            alt.Tooltip("levels:Q", title="values or bins"),
        ],
    )
    labels = bars.mark_text(align="left", dx=4).encode(text=alt.Text("share:Q", format=_PER_CENT))
    chart = (bars.mark_bar(height={"band": 0.7}) + labels).properties(
        width="container", height=alt.Step(_ROW)
    )
    return _plain(chart)


def _slice_spec() -> Mapping[str, Any]:
    import altair as alt

    base = alt.Chart(alt.NamedData(name="slice")).encode(
        x=alt.X("level:N", title="$param", sort=alt.SortField("position")).axis(
            labelAngle=0, labelLimit=90, labelOverlap=True
        ),
        tooltip=[
            alt.Tooltip("level:N", title="$param"),
            alt.Tooltip("mean:Q", title="$metric", format=_NUMBER),
            alt.Tooltip("low:Q", title="95 % from", format=_NUMBER),
            alt.Tooltip("high:Q", title="95 % to", format=_NUMBER),
            alt.Tooltip("count:Q", title="runs"),
        ],
    )
    mean = alt.Y("mean:Q", title="$metric").scale(zero=False, domain=["$low", "$high"])
    mean = mean.axis(tickCount=5, format=_NUMBER)
    intervals = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q"), y2="high:Q")
    line = base.mark_line(strokeWidth=1, strokeDash=[3, 3], tooltip=None).encode(y=mean)
    points = base.mark_point(filled=True, size=60).encode(y=mean)
    return _plain((intervals + line + points).properties(width="container", height=170))


def _plain(chart: alt.LayerChart) -> Mapping[str, Any]:
    """Return the chart as JSON, without Altair's default look: vega.js brings the site's."""
    spec: dict[str, Any] = chart.to_dict(validate=False)
    spec.pop("config", None)
    return spec
