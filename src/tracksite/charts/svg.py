"""Line charts and sparklines as static SVG: no library, about a quarter of a millisecond a line.

Coordinates are whole tenths of a pixel and paths are relative, which keeps pages small. The chart
carries its own numbers (`data-x`, `data-y`, `data-domain`), so that chart.js can read out exact
values and draw another scale.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup, escape

from tracksite.charts.numbers import number

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 420, 200  # of a chart, in pixels of its own
LEFT, TOP, RIGHT, BOTTOM = 52, 8, 10, 34  # room for the axes
_UNIT = 10  # coordinates are tenths of a pixel
_COLOURS = 8
_MOST_MARKS = 60  # of values that are not finite, in one line
_BREAKS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: for the legend and the read-out.
        steps: int64, ascending, shape (n,).
        values: float64, shape (n,); NaN and infinities are gaps with a mark.
    """

    name: str
    steps: np.ndarray
    values: np.ndarray


def line_chart(lines: Sequence[Line], label: str, x_label: str = "step") -> Markup:
    """Return a chart of `lines` over their steps; `label` is its text alternative."""
    x_range, y_range = _x_range(lines), _y_range(lines)
    parts = [
        Markup(
            '<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}" '
            'data-domain="{} {} {} {}" data-box="{} {} {} {}">'
        ).format(WIDTH, HEIGHT, label, *map(repr, (*x_range, *y_range)), *_box()),
        _axes(x_range, y_range, x_label),
    ]
    for at, line in enumerate(lines):
        parts.append(_line(line, at, x_range, y_range))
    return Markup("").join([*parts, Markup("</svg>")])


def _box() -> tuple[int, int, int, int]:
    """Return left, top, width and height of the area inside the axes."""
    return LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM


def _x_range(lines: Sequence[Line]) -> tuple[float, float]:
    steps = [float(line.steps[at]) for line in lines if len(line.steps) for at in (0, -1)]
    low, high = min(steps, default=0.0), max(steps, default=1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _y_range(lines: Sequence[Line]) -> tuple[float, float]:
    """Return the finite values' range with a margin; a flat line stands in the middle."""
    finite = [values for line in lines if len(values := line.values[np.isfinite(line.values)])]
    if not finite:
        return 0.0, 1.0
    low = min(float(values.min()) for values in finite)
    high = max(float(values.max()) for values in finite)
    margin = (high / 2 - low / 2) * 0.1  # halves: the whole range may be beyond a float
    if margin == 0:
        margin = abs(low) * 0.1 or 1.0
    lowest, highest = -1.7e308, 1.7e308
    return max(low - margin, lowest), min(high + margin, highest)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` round numbers between `low` and `high`, evenly spaced.

    Steps are 1, 2, 2.5 or 5 times a power of ten, the smallest that gives few enough
    (Heckbert, "Nice numbers for graph labels", Graphics Gems 1990).
    """
    span = high - low
    if not math.isfinite(span) or span / most <= sys.float_info.min:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    for step in (power * it for it in _BREAKS):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if step > 0 and last - first < most:
            return [at * step for at in range(first, last + 1)]
    return [low]


def _axes(x_range: tuple[float, float], y_range: tuple[float, float], x_label: str) -> Markup:
    left, top, width, height = _box()
    grid, texts = [], []
    for value in ticks(*y_range, 5):
        y = top + height * (1 - _share(value, y_range))
        grid.append(f"M{left} {y:.1f}h{width}")
        texts.append(_text(left - 6, y + 3.5, "y", number_short(value)))
    for value in (it for it in ticks(*x_range, 6) if it == int(it)):
        x = left + width * _share(value, x_range)
        grid.append(f"M{x:.1f} {top + height}v4")
        texts.append(_text(x, top + height + 16, "x", number_short(value)))
    texts.append(_text(left + width, HEIGHT - 3, "unit", escape(x_label)))
    return Markup(
        '<path class="grid" d="{}"/><path class="axis" d="M{} {}v{}h{}"/>'
        '<g class="ticks" aria-hidden="true">{}</g>'
    ).format("".join(grid), left, top, height, width, _safe("".join(texts)))


def _text(x: float, y: float, kind: str, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{text}</text>'


def _safe(markup: str) -> Markup:
    return Markup(markup)  # noqa: S704 - made of numbers, and of texts that are escaped


def _share(value: float, limits: tuple[float, float]) -> float:
    low, high = limits
    return (value / 2 - low / 2) / (high / 2 - low / 2)


def number_short(value: float) -> str:
    """Return the label of a tick: to three or four digits, large ones in k, M, G."""
    rounded = float(f"{value:.4g}")
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if limit <= abs(rounded) < limit * 1000 and abs(rounded) >= 1e4:  # noqa: PLR2004 - 5 digits
            return number(rounded / limit) + unit
    return number(rounded)


def _line(
    line: Line, at: int, x_range: tuple[float, float], y_range: tuple[float, float]
) -> Markup:
    left, top, width, height = _box()
    finite = np.isfinite(line.values)
    xs = _scaled(line.steps.astype(np.float64), x_range, left, width)
    values = np.where(finite, line.values, y_range[0])
    ys = 2 * _UNIT * top + height * _UNIT - _scaled(values, y_range, top, height)
    return Markup(
        '<g class="line k{}" data-name="{}" data-x="{}" data-y="{}">'
        '<path transform="scale(.1)" d="{}"/>{}</g>'
    ).format(
        at % _COLOURS + 1,
        line.name,
        _integers(line.steps),
        " ".join([format(value, ".6g") for value in line.values.tolist()]),
        _path(xs, ys, finite),
        _marks(line, xs[~finite], line.values[~finite]),
    )


def _scaled(values: np.ndarray, limits: tuple[float, float], start: int, size: int) -> np.ndarray:
    low, high = limits
    share = (values / 2 - low / 2) / (high / 2 - low / 2)
    scaled: np.ndarray = np.rint((start + share * size) * _UNIT).astype(np.int64)
    return scaled


def _integers(steps: np.ndarray) -> str:
    """Return the steps as text: "first+count*stride" when they are even, else all of them."""
    strides = np.diff(steps)
    if len(strides) and (strides == strides[0]).all():
        return f"{steps[0]}+{len(steps)}*{strides[0]}"
    return " ".join(map(str, steps.tolist()))


def _path(xs: np.ndarray, ys: np.ndarray, finite: np.ndarray) -> str:
    """Return the path through the finite points, in pieces between the others."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], finite.view(np.int8), [0]))))
    return "".join(
        _piece(xs[start:end], ys[start:end])
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    )


def _piece(xs: np.ndarray, ys: np.ndarray) -> str:
    if len(xs) == 1:
        return f"M{xs[0]} {ys[0]}h0"  # round caps make it a dot
    moves = np.column_stack((np.diff(xs), np.diff(ys))).ravel()
    return f"M{xs[0]} {ys[0]}l{' '.join(map(str, moves.tolist()))}"


def _marks(line: Line, xs: np.ndarray, values: np.ndarray) -> Markup:
    """Return a mark for each value that is not finite: NaN and −∞ at the bottom, ∞ at the top."""
    if not len(xs):
        return Markup("")
    _, top, _, height = _box()
    every = -(-len(xs) // _MOST_MARKS)
    bottom = (top + height) * _UNIT
    drawn = []
    for x, value in zip(xs[::every].tolist(), values[::every].tolist(), strict=True):
        if math.isnan(value):
            drawn.append(f"M{x - 30} {bottom - 60}l60 60m0-60l-60 60")
        elif value > 0:
            drawn.append(f"M{x} {top * _UNIT}l35 60h-70z")
        else:
            drawn.append(f"M{x} {bottom}l35-60h-70z")
    return Markup('<path class="odd" transform="scale(.1)" d="{}"><title>{}</title></path>').format(
        "".join(drawn), f"{len(xs)} values of {line.name} are NaN or infinite"
    )


def sparkline(values: Sequence[float], best: Sequence[float], label: str) -> Markup:
    """Return a small chart of one value per run as dots, and the best so far as a stepped line."""
    width, height, margin = 240, 56, 6
    if not values:
        return Markup("")
    low, high = min(values), max(values)
    low, high = (low, high) if high > low else (low - 1, high + 1)
    xs = np.linspace(margin, width - margin, len(values)) if len(values) > 1 else [width / 2]
    ys = [margin + (height - 2 * margin) * (1 - _share(it, (low, high))) for it in values]
    tops = [margin + (height - 2 * margin) * (1 - _share(it, (low, high))) for it in best]
    dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in zip(xs, ys, strict=True))
    steps = f"M{xs[0]:.1f} {tops[0]:.1f}" + "".join(
        f"H{x:.1f}V{y:.1f}" for x, y in zip(xs[1:], tops[1:], strict=True)
    )
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<path class="spark-dots" d="{}"/><path class="spark-line" d="{}"/>'
        '<circle class="spark-now" cx="{}" cy="{}" r="3"/></svg>'
    ).format(width, height, label, dots, steps, f"{xs[-1]:.1f}", f"{tops[-1]:.1f}")
