"""Line charts and sparklines as static SVG: no library, about a tenth of a millisecond a line.

A line's path is its data, so that no number stands on the page twice: its coordinates are whole
multiples of a step unit and of a value unit (`data-unit`), which a matrix scales to pixels, and
its moves are relative. chart.js adds them up to read out values and to draw another scale.

Browsers add moves up as 32-bit floats and drop what lies far out, so no coordinate exceeds
_MOST. What needs more digits than that is told beside the path, as `data-steps` or `data-values`.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup, escape

from tracksite.charts.axes import (
    labels,
    share,
    step_range,
    ticks,
    value_range,
    whole_ticks,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 420, 200  # of a chart, in pixels of its own
LEFT, TOP, RIGHT, BOTTOM = 52, 8, 10, 34  # room for the axes
_UNIT = 10  # marks are drawn in tenths of a pixel
_MOST = 2**22  # of a coordinate of a path: 32-bit floats are exact to 2^24
_NAMES = {math.inf: "Infinity", -math.inf: "-Infinity"}
_COLOURS = 8
_MOST_MARKS = 60  # of values that are not finite, in one line
_DIGITS = 6  # of a value that is told beside the path
_Y_ROOM, _X_ROOM = 7.5, 8.5  # digits beside an axis, and between two ticks of it


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
        coarse: how many strides a path counts as one.
        low, unit: of values; the unit is a power of ten, at most a 10,000th of the axis.
        matrix: scales path coordinates to pixels of the chart.
        exact: whether small values are told beside the path, for a logarithmic scale.
    """

    first: int
    stride: int
    coarse: int
    low: float
    unit: float
    matrix: str
    exact: bool

    def across(self, steps: np.ndarray) -> np.ndarray:
        """Return steps as multiples of the stride, uint64 from 0."""
        offsets: np.ndarray = _offsets(steps, self.first) // np.uint64(self.stride)
        return offsets

    def along(self, steps: np.ndarray) -> np.ndarray:
        """Return steps as whole numbers of a path, int64 from 0 to at most _MOST."""
        places: np.ndarray = (self.across(steps) // np.uint64(self.coarse)).astype(np.int64)
        return places

    def up(self, values: np.ndarray) -> np.ndarray:
        """Return finite values as whole numbers, int64 from 0."""
        levels: np.ndarray = np.rint((values / 2 - self.low / 2) / (self.unit / 2)).astype(int)
        return levels

    def told(self) -> str:
        """Return it as chart.js reads it."""
        return f"{self.first} {self.stride} {self.low!r} {self.unit!r} {self.coarse}"


def line_chart(
    lines: Sequence[Line], label: str, x_label: str = "step", *, log_scale: bool = False
) -> Markup:
    """Return a chart of `lines` over their steps; `label` is its text alternative.

    The read-out has at least four digits of the value axis; with `log_scale`, for positive
    values, of each value.
    """
    x_range = step_range(line.steps for line in lines)
    y_range = value_range(line.values[np.isfinite(line.values)] for line in lines)
    grid = _grid(lines, x_range, y_range, log_scale=log_scale)
    start = (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}"'
        f' data-box="{" ".join(map(str, _box()))}" data-unit="{grid.told()}">'
    )
    drawn = [_line(line, at, grid, x_range) for at, line in enumerate(lines)]
    return _safe("".join([start, _axes(x_range, y_range, x_label), *drawn, "</svg>"]))


def _grid(
    lines: Sequence[Line],
    x_range: tuple[int, int],
    y_range: tuple[float, float],
    *,
    log_scale: bool,
) -> _Grid:
    first, span = x_range[0], x_range[1] - x_range[0]
    steps = [_offsets(line.steps, first) for line in lines if len(line.steps)]
    stride = int(np.gcd.reduce([np.gcd.reduce(it) for it in steps] or [1])) or 1
    coarse = -(-span // (stride * _MOST)) or 1
    values = [line.values[np.isfinite(line.values)] for line in lines]
    low = min((float(it.min()) for it in values if len(it)), default=0.0)
    unit, exact = _unit(low, y_range, log_scale=log_scale)
    left, top, width, height = _box()
    across = width * (stride * coarse / span) if span else 1.0
    down = -height * (unit / 2) / (y_range[1] / 2 - y_range[0] / 2)
    start = (left if span else left + width / 2, top + height * (1 - share(low, y_range)))
    matrix = f"matrix({across:.7g} 0 0 {down:.7g} {start[0]:.6g} {start[1]:.6g})"
    return _Grid(first, stride, coarse, low, unit, matrix, exact)


def _unit(low: float, y_range: tuple[float, float], *, log_scale: bool) -> tuple[float, bool]:
    """Return the value unit, and whether it is too coarse for the smallest values."""
    half = y_range[1] / 2 - y_range[0] / 2  # the whole range may be beyond a float
    least = math.floor(math.log10(half) + math.log10(2)) - 4
    digits = least
    if log_scale and low > 0:
        digits = min(least, math.floor(math.log10(low)) - 3)
    exact = 2 * half / float(f"1e{max(digits, -307)}") > _MOST
    return max(float(f"1e{least if exact else digits}"), sys.float_info.min), exact


def _offsets(steps: np.ndarray, first: int) -> np.ndarray:
    """Return how far steps are from the first, uint64: int64 would not hold every distance."""
    offsets: np.ndarray = steps.astype(np.uint64) - np.uint64(first % 2**64)
    return offsets


def _box() -> tuple[int, int, int, int]:
    """Return left, top, width and height of the area inside the axes."""
    return LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM


def _axes(x_range: tuple[int, int], y_range: tuple[float, float], x_label: str) -> str:
    left, top, width, height = _box()
    bottom = top + height
    grid, texts = [], []
    values, steps = ticks(*y_range, 5), whole_ticks(*x_range, 6)
    told, note = labels(values, _Y_ROOM)
    for value, text in zip(values, told, strict=True):
        y = top + height * (1 - share(value, y_range))
        grid.append(f"M{left} {y:.4g}h{width}")
        texts.append(_text(left - 6, y + 3.5, "y", text))
    if note:
        texts.append(_text(2, HEIGHT - 3, "y base", f"values {note}"))
    told, note = labels(steps, _X_ROOM)
    for step, text in zip(steps, told, strict=True):
        x = _x(step - x_range[0], x_range)
        grid.append(f"M{x:.4g} {bottom}v4")
        texts.append(_text(x, bottom + 16, "x", text))
    name = escape(f"{x_label} {note}".rstrip())
    texts.append(_text(left + width, HEIGHT - 3, "unit", name))
    return (
        f'<path class="grid" d="{"".join(grid)}"/>'
        f'<path class="axis" d="M{left} {top}v{height}h{width}"/>'
        f'<g class="ticks" aria-hidden="true">{"".join(texts)}</g>'
    )


def _x(offset: int, x_range: tuple[int, int]) -> float:
    """Return how far to the right a step stands, so many steps after the first."""
    left, _, width, _ = _box()
    span = x_range[1] - x_range[0]
    return left + width * (offset / span if span else 0.5)


def _text(x: float, y: float, kind: str, text: str) -> str:
    return f'<text x="{x:.4g}" y="{y:.4g}" class="{kind}">{text}</text>'


def _safe(markup: str) -> Markup:
    return Markup(markup)  # noqa: S704 - made of numbers, and of texts that are escaped


def _line(line: Line, at: int, grid: _Grid, x_range: tuple[int, int]) -> str:
    finite = np.isfinite(line.values)
    xs = grid.along(line.steps)
    whole = bool(finite.all())
    ys = grid.up(line.values if whole else np.where(finite, line.values, grid.low))
    pieces = list(_pieces(finite))
    path = "".join(_piece(xs[start:end], ys[start:end]) for start, end in pieces)
    lone = "".join(f"M{xs[start]} {ys[start]}h0" for start, end in pieces if end - start == 1)
    dots = f'<path class="lone" transform="{grid.matrix}" d="{lone}"/>' if lone else ""
    odd = "" if whole else _odd(grid.across(line.steps[~finite]), line.values[~finite])
    marks = "" if whole else _marks(line, ~finite, x_range)
    return (
        f'<g class="line k{at % _COLOURS + 1}" data-name="{escape(line.name)}"'
        f"{odd}{_beside(line, finite, grid)}>"
        f'<path transform="{grid.matrix}" d="{path}"/>{dots}{marks}</g>'
    )


def _beside(line: Line, finite: np.ndarray, grid: _Grid) -> str:
    """Return as attributes what the path is too coarse to tell of its points."""
    told = ""
    if grid.coarse > 1:
        told += f' data-steps="{" ".join(map(str, grid.across(line.steps[finite]).tolist()))}"'
    if grid.exact:
        values = (f"{value:.{_DIGITS}g}" for value in line.values[finite].tolist())
        told += f' data-values="{" ".join(values)}"'
    return told


def _pieces(finite: np.ndarray) -> list[tuple[int, int]]:
    """Return where the stretches of finite points begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], finite.view(np.int8), [0]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _piece(xs: np.ndarray, ys: np.ndarray) -> str:
    if len(xs) == 1:  # round caps make a dot of a move by nothing
        return f"M{xs[0]} {ys[0]}h0"
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


def _marks(line: Line, odd: np.ndarray, x_range: tuple[int, int]) -> str:
    """Return a mark for each value that is not finite: NaN and −∞ at the bottom, ∞ at the top."""
    _, top, _, height = _box()
    steps, values = line.steps[odd], line.values[odd]
    every = -(-len(steps) // _MOST_MARKS)
    xs = [round(_x(it - x_range[0], x_range) * _UNIT) for it in steps[::every].tolist()]
    bottom = (top + height) * _UNIT
    drawn = []
    for x, value in zip(xs, values[::every].tolist(), strict=True):
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
    low, high = value_range([np.asarray(values, dtype=float)])
    xs = np.linspace(margin, width - margin, len(values)) if len(values) > 1 else [width / 2]
    ys = [margin + (height - 2 * margin) * (1 - share(it, (low, high))) for it in values]
    tops = [margin + (height - 2 * margin) * (1 - share(it, (low, high))) for it in best]
    dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in zip(xs, ys, strict=True))
    steps = f"M{xs[0]:.1f} {tops[0]:.1f}" + "".join(
        f"H{x:.1f}V{y:.1f}" for x, y in zip(xs[1:], tops[1:], strict=True)
    )
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<path class="spark-dots" d="{}"/><path class="spark-line" d="{}"/>'
        '<circle class="spark-now" cx="{}" cy="{}" r="3"/></svg>'
    ).format(width, height, label, dots, steps, f"{xs[-1]:.1f}", f"{tops[-1]:.1f}")
