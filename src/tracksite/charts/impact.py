"""What matters: the share of each param in a metric's variance, and the metric at its values.

The Vega-Lite specs are made once for all experiments: data comes by name, and vega.js replaces
`$metric` and its kin by the values that are shipped with a page.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from tracksite.query.goal import metric_range

if TYPE_CHECKING:
    from collections.abc import Mapping

    import altair as alt
    import polars as pl

    from tracksite.query.goal import Goal

MOST_SLICES = 8  # params with a chart of their own
_PER_CENT = ".0%"
_NUMBER = ".5~g"
_SLICE_FIELDS = ("level", "position", "count", "settings", "mean", "low", "high")
_LIKELY = 0.05  # from this p on a bar is pale: it may be chance
_LEAST_P = 0.001  # smaller ones are not told apart in a label
_LABEL = 84  # pixels beside the longest bar, for what is written there
_LARGEST = sys.float_info.max
_ROW = 24  # height of a bar and its gap, in pixels


def specs() -> dict[str, Any]:
    """Return the Vega-Lite specs `effects` and `slice`, without data."""
    return {"effects": _effects_spec(), "slice": _slice_spec()}


def figures(
    effects: pl.DataFrame, slices: pl.DataFrame, values: pl.Series, goal: Goal
) -> dict[str, Any]:
    """Return the figures of one experiment: key → {chart, data, fill}, for vega.js.

    Args:
        effects: columns of `analysis.impact.main_effects`.
        slices: columns of `analysis.impact.slices`.
        values: of the metric, of all runs that count.
        goal: the metric that they are about.
    """
    known = effects.filter(effects["share"].is_not_null())
    shares = known.select("param", "share", "p", "levels", "units").to_dicts()
    found: dict[str, Any] = {}
    if shares:
        found["effects"] = {"chart": "effects", "data": {"effects": shares}, "fill": {}}
    low, high = _domain(values, goal.metric)
    for param in shown_params(effects, slices):
        rows = slices.filter(slices["param"] == param)
        kept = rows.select(*_SLICE_FIELDS).to_dicts()
        fill = {"$param": param, "$metric": f"mean {goal.metric}", "$low": low, "$high": high}
        found[f"slice {param}"] = {"chart": "slice", "data": {"slice": kept}, "fill": fill}
    return found


def shown_params(effects: pl.DataFrame, slices: pl.DataFrame) -> list[str]:
    """Return the params that get a chart of their own: the most telling first."""
    levels = dict(slices["param"].value_counts().iter_rows())
    sliced = {param for param, count in levels.items() if count > 1}
    return [param for param in effects["param"] if param in sliced][:MOST_SLICES]


def _domain(values: pl.Series, metric: str) -> tuple[float, float]:
    """Return the range of the runs' values, so that the charts share one scale.

    It has a margin, within what the metric can be by its name unless a value is beyond that, too.
    Intervals may reach beyond it: they are cut off there.
    """
    low, high = values.min(), values.max()
    if not isinstance(low, float) or not isinstance(high, float):
        return 0.0, 1.0
    margin = high * 0.05 - low * 0.05 or abs(high) * 0.05 or 1.0
    least, most = metric_range(metric)
    if least is None or low < least:
        least = -_LARGEST if low < 0 else 0.0
    if most is None or high > most:
        most = _LARGEST
    return max(least, low - margin), min(most, high + margin)


def _effects_spec() -> Mapping[str, Any]:
    import altair as alt

    bars = alt.Chart(alt.NamedData(name="effects")).encode(
        x=alt.X("share:Q", title="share of variance explained")
        .axis(format=_PER_CENT, tickCount=5)
        .scale(domain=[0, 1], rangeMax=alt.expr(f"width - {_LABEL}")),
        y=alt.Y("param:N", title=None, sort=None).axis(labelLimit=160),
        tooltip=[
            alt.Tooltip("param:N"),
            alt.Tooltip("share:Q", format=".1%"),
            alt.Tooltip("p:Q", title="p value", format=".2~g"),
            alt.Tooltip("levels:Q", title="values or bins"),
            alt.Tooltip("units:Q", title="n"),
        ],
    )
    p = f"(datum.p < {_LEAST_P} ? '< {_LEAST_P}' : format(datum.p, '.2~g'))"
    label = f"format(datum.share, '{_PER_CENT}') + ', p ' + {p}"
    labels = (
        bars.transform_calculate(label=label).mark_text(align="left", dx=4).encode(text="label:N")
    )
    pale = alt.condition(f"datum.p < {_LIKELY}", alt.value(1), alt.value(0.35))
    chart = (bars.mark_bar(height={"band": 0.7}).encode(opacity=pale) + labels).properties(
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
            alt.Tooltip("settings:Q", title="settings"),
        ],
    )
    mean = alt.Y("mean:Q", title="$metric").scale(zero=False, nice=False, domain=["$low", "$high"])
    mean = mean.axis(tickCount=5, format=_NUMBER)
    intervals = base.mark_rule(strokeWidth=2, clip=True).encode(y=alt.Y("low:Q"), y2="high:Q")
    line = base.mark_line(strokeWidth=1, strokeDash=[3, 3], tooltip=None).encode(y=mean)
    points = base.mark_point(filled=True, size=60).encode(y=mean)
    return _plain((intervals + line + points).properties(width="container", height=170))


def _plain(chart: alt.LayerChart) -> Mapping[str, Any]:
    """Return the chart as JSON, without Altair's default look: vega.js brings the site's."""
    spec: dict[str, Any] = chart.to_dict(validate=False)
    spec.pop("config", None)
    return spec
