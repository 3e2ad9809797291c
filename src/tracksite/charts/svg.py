"""Line charts and sparklines as static SVG: no library, about a tenth of a millisecond a line.

A line's path is its data, so that no number stands on the page twice: its coordinates are whole
multiples of a step unit and of a value unit (`data-unit`), which a matrix scales to pixels, and
its moves are relative. chart.js adds them up to read out values and to draw another scale.
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
_UNIT = 10  # marks are drawn in tenths of a pixel
_MOST_STEPS = 10**9  # of a path across: beyond it, steps are rounded
_NAMES = {math.inf: "Infinity", -math.inf: "-Infinity"}
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


@dataclass(frozen=True)
class _Grid:
    """What the whole numbers of the paths of a chart mean: start + number * unit.

    Attributes:
        first, stride: of steps.
        low, unit: of values; the unit is a power of ten, at most a 10,000th of the axis.
        matrix: scales path coordinates to pixels of the chart.
    """

    first: int
    stride: int
    low: float
    unit: float
    matrix: str

    def across(self, steps: np.ndarray) -> np.ndarray:
        """Return steps as whole numbers, int64 from 0 to at most _MOST_STEPS."""
        offsets: np.ndarray = (_offsets(steps, self.first) // np.uint64(self.stride)).astype(int)
        return offsets

    def up(self, values: np.ndarray) -> np.ndarray:
        """Return finite values as whole numbers, int64 from 0."""
        levels: np.ndarray = np.rint((values / 2 - self.low / 2) / (self.unit / 2)).astype(int)
        return levels


def line_chart(
    lines: Sequence[Line], label: str, x_label: str = "step", *, log_scale: bool = False
) -> Markup:
    """Return a chart of `lines` over their steps; `label` is its text alternative.

    The read-out has at least four digits of the value axis; with `log_scale`, for positive
    values, of the smallest value too (as far as it is no less than a 10^13th of the axis).
    """
    x_range, y_range = _x_range(lines), _y_range(lines)
    grid = _grid(lines, x_range, y_range, log_scale=log_scale)
    start = (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}"'
        f' data-box="{" ".join(map(str, _box()))}"'
        f' data-unit="{grid.first} {grid.stride} {grid.low!r} {grid.unit!r}">'
    )
    drawn = [_line(line, at, grid, x_range) for at, line in enumerate(lines)]
    return _safe("".join([start, _axes(x_range, y_range, x_label), *drawn, "</svg>"]))


def _grid(
    lines: Sequence[Line],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    *,
    log_scale: bool,
) -> _Grid:
    steps = [line.steps for line in lines if len(line.steps)]
    first = min((int(it[0]) for it in steps), default=0)
    span = max((int(it[-1]) for it in steps), default=0) - first
    stride = int(np.gcd.reduce([np.gcd.reduce(_offsets(it, first)) for it in steps] or [1])) or 1
    stride = stride if span <= _MOST_STEPS * stride else -(-span // _MOST_STEPS)
    values = [line.values[np.isfinite(line.values)] for line in lines]
    low = min((float(it.min()) for it in values if len(it)), default=0.0)
    half = y_range[1] / 2 - y_range[0] / 2  # the whole range may be beyond a float
    digits = math.floor(math.log10(half) + math.log10(2)) - 4
    if log_scale and low > 0:
        digits = max(digits - 8, min(digits, math.floor(math.log10(low)) - 3))
    unit = max(float(f"1e{digits}"), sys.float_info.min)
    left, top, width, height = _box()
    x_half = x_range[1] / 2 - x_range[0] / 2
    scale = (width * (stride / 2) / x_half, -height * (unit / 2) / half)
    start = (left + width * _share(first, x_range), top + height * (1 - _share(low, y_range)))
    matrix = f"matrix({scale[0]:.7g} 0 0 {scale[1]:.7g} {start[0]:.6g} {start[1]:.6g})"
    return _Grid(first, stride, low, unit, matrix)


def _offsets(steps: np.ndarray, first: int) -> np.ndarray:
    """Return how far steps are from the first, uint64: int64 would not hold every distance."""
    offsets: np.ndarray = steps.astype(np.uint64) - np.uint64(first % 2**64)
    return offsets


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


def _axes(x_range: tuple[float, float], y_range: tuple[float, float], x_label: str) -> str:
    left, top, width, height = _box()
    bottom = top + height
    grid, texts = [], []
    for value in ticks(*y_range, 5):
        y = top + height * (1 - _share(value, y_range))
        grid.append(f"M{left} {y:.4g}h{width}")
        texts.append(_text(left - 6, y + 3.5, "y", number_short(value)))
    for value in (it for it in ticks(*x_range, 6) if it == int(it)):
        x = left + width * _share(value, x_range)
        grid.append(f"M{x:.4g} {bottom}v4")
        texts.append(_text(x, bottom + 16, "x", number_short(value)))
    texts.append(_text(left + width, HEIGHT - 3, "unit", escape(x_label)))
    return (
        f'<path class="grid" d="{"".join(grid)}"/>'
        f'<path class="axis" d="M{left} {top}v{height}h{width}"/>'
        f'<g class="ticks" aria-hidden="true">{"".join(texts)}</g>'
    )


def _text(x: float, y: float, kind: str, text: str) -> str:
    return f'<text x="{x:.4g}" y="{y:.4g}" class="{kind}">{text}</text>'


def _safe(markup: str) -> Markup:
    return Markup(markup)  # noqa: S704 - made of numbers, and of texts that are escaped


def _share(value: float, limits: tuple[float, float]) -> float:
    low, high = limits
    half = high / 2 - low / 2
    return (value / 2 - low / 2) / half if half else 0.5


def number_short(value: float) -> str:
    """Return the label of a tick: to three or four digits, large ones in k, M, G."""
    rounded = float(f"{value:.4g}")
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if limit <= abs(rounded) < limit * 1000 and abs(rounded) >= 1e4:  # noqa: PLR2004 - 5 digits
            return number(rounded / limit) + unit
    return number(rounded)


def _line(line: Line, at: int, grid: _Grid, x_range: tuple[float, float]) -> str:
    finite = np.isfinite(line.values)
    xs = grid.across(line.steps)
    whole = bool(finite.all())
    ys = grid.up(line.values if whole else np.where(finite, line.values, grid.low))
    path = _piece(xs, ys) if whole else _pieces(xs, ys, finite)
    odd = "" if whole else _odd(xs[~finite], line.values[~finite])
    marks = "" if whole else _marks(line, ~finite, x_range)
    return (
        f'<g class="line k{at % _COLOURS + 1}" data-name="{escape(line.name)}"{odd}>'
        f'<path transform="{grid.matrix}" d="{path}"/>{marks}</g>'
    )


def _pieces(xs: np.ndarray, ys: np.ndarray, finite: np.ndarray) -> str:
    """Return the path through the finite points, in pieces between the others."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], finite.view(np.int8), [0]))))
    return "".join(
        _piece(xs[start:end], ys[start:end])
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    )


def _piece(xs: np.ndarray, ys: np.ndarray) -> str:
    if len(xs) < 2:  # noqa: PLR2004 - round caps make a dot of a move by nothing
        return f"M{xs[0]} {ys[0]}l0 0" if len(xs) else ""
    moves = np.empty(2 * len(xs) - 2, dtype=np.int64)
    moves[::2], moves[1::2] = xs[1:] - xs[:-1], ys[1:] - ys[:-1]
    # The text of a list is made in C: ten times as fast as joining the numbers' texts.
    told = str(moves.tolist())[1:-1].replace(", -", "-").replace(", ", " ")
    return f"M{xs[0]} {ys[0]}l{told}"


def _odd(xs: np.ndarray, values: np.ndarray) -> str:
    """Return the attribute that tells the read-out of values that are not finite."""
    pairs = zip(xs.tolist(), values.tolist(), strict=True)
    told = " ".join(f"{x} {_NAMES.get(value, 'NaN')}" for x, value in pairs)
    return f' data-odd="{told}"'


def _marks(line: Line, odd: np.ndarray, x_range: tuple[float, float]) -> str:
    """Return a mark for each value that is not finite: NaN and −∞ at the bottom, ∞ at the top."""
    left, top, width, height = _box()
    steps, values = line.steps[odd].astype(np.float64), line.values[odd]
    every = -(-len(steps) // _MOST_MARKS)
    low, high = x_range
    share = (steps[::every] / 2 - low / 2) / (high / 2 - low / 2)
    xs = np.rint((left + share * width) * _UNIT).astype(np.int64)
    bottom = (top + height) * _UNIT
    drawn = []
    for x, value in zip(xs.tolist(), values[::every].tolist(), strict=True):
        if math.isnan(value):
            drawn.append(f"M{x - 30} {bottom - 60}l60 60m0-60l-60 60")
        elif value > 0:
            drawn.append(f"M{x} {top * _UNIT}l35 60h-70z")
        else:
            drawn.append(f"M{x} {bottom}l35-60h-70z")
    title = f"{len(steps)} values of {escape(line.name)} are NaN or infinite"
    path = "".join(drawn)
    return f'<path class="odd" transform="scale(.1)" d="{path}"><title>{title}</title></path>'


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
