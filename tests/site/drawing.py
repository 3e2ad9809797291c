"""Series that are hard to draw, charts of them on one page, and what they have to look like.

The reference is drawn by Pillow from the numbers themselves, so it shares nothing with the paths.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from tracksite.charts import svg
from tracksite.charts.axes import step_range, value_range
from tracksite.render import TEMPLATES

# Of a chart's window, from a phone's to one that is wider than any card.
WIDTHS = (240, 263, 280, 300, 320, 341, 360, 375, 390, 412, 420, 455, 480, 512, 560, 640, 733)
WIDTHS += (840, 1280)
FINE = 4  # the reference is drawn so many times larger, and made smaller
STROKE, DOT = 1.6, 4
DARK = 80  # of 255: less ink is the rim of a line
SPREAD = 5  # pixels of a square around each: a line may lie two pixels beside the other
STEPS = np.arange(5000)
TALL = 620  # pixels between two charts on the page


def _noise(count: int) -> np.ndarray:
    return np.sin(np.arange(count) * 12.9898) * 43758.5453 % 1


def _gaps() -> np.ndarray:
    values = np.cos(STEPS / 300)
    values[700:1500] = np.nan
    values[3000::2] = np.nan
    values[2000] = np.inf
    return values


SERIES = {
    "cosine": (STEPS, 0.15 * (1 + np.cos(np.pi * STEPS / 5000))),
    "orders": (STEPS, 10.0 ** (-9 * STEPS / 5000)),
    "constant": (STEPS, np.full(5000, 0.1)),
    "huge": (STEPS, np.linspace(-1, 1, 5000) ** 3 * 1e300),
    "small": (STEPS, (1 + np.sin(STEPS / 400)) * 1e-300),
    "one point": (np.array([7]), np.array([0.25])),
    "one step": (np.full(6, 1000), np.array([1.0, 9.0, 3.0, 4.0, 2.0, 5.0])),
    "spikes": (STEPS, np.where(STEPS % 1000 == 999, 1e9, 0.001 * _noise(5000))),
    "gaps": (STEPS, _gaps()),
    "negative": (STEPS, -np.exp(STEPS / 900)),
    "far": (np.array([-(2**62), 0, 5, 10**9, 2**61, 2**62]), np.array([3.0, 1, 2, 5, 4, 0])),
    "descending": (STEPS * 1_000_003, 1 - STEPS / 5000 + 1e-4 * _noise(5000)),
}
MORE = {  # of the same kind
    "limits": (np.arange(3), np.array([-1.79e308, 0.0, 1.79e308])),
    "denormal": (np.arange(3), np.array([0.0, 5e-324, 1e-310])),
    "float noise": (STEPS, 0.1 + 1e-17 * _noise(5000)),
    "near one": (STEPS, 1 + 1e-9 * np.sin(STEPS / 300)),
    "late": (2**62 + STEPS, _noise(5000)),
    "zeros": (STEPS, np.zeros(5000)),
    "every other": (np.arange(40), np.where(np.arange(40) % 2, np.nan, np.arange(40.0))),
    "warm-up": (STEPS, np.minimum(STEPS / 500, 1) * 3e-4 * 0.999**STEPS + 1e-12),
}
PAGE = """<!doctype html><meta charset="utf-8"><title>Charts</title>
<link rel="stylesheet" href="{assets}css/site.css">
<link rel="stylesheet" href="{assets}css/run.css">
<style>body {{ background: #fff; display: block }}
.ticks, .grid, .axis, .odd, figcaption {{ display: none !important }}
.chart {{ position: absolute; left: 0; border: 0; padding: 0; color: #000 }}
.chart .line {{ color: #000; opacity: 1 }}</style>
<script src="{assets}js/tracksite.js"></script><script src="{assets}js/axes.js"></script>
<script defer src="{assets}js/chart.js"></script>
{figures}"""


def chart(name: str) -> str:
    """Return the chart of a series, ready to be shown on a logarithmic scale."""
    steps, values = (SERIES | MORE)[name]
    lines = [svg.Line(name, steps, np.asarray(values, dtype=float))]
    positive = bool((values[np.isfinite(values)] > 0).all())
    return str(svg.line_chart(lines, name, log_scale=positive))


def page(folder: Path, names: list[str], width: int, *, log: bool = False) -> str:
    """Write a page with the charts of these series, all so wide, one below the other; its URL."""
    figures = "".join(
        f'<figure class="chart metric{" log" if log else ""}" data-log style="top: {at * TALL}px;'
        f' width: {width}px"><figcaption><span class="chart-title">{name}</span></figcaption>'
        f"{chart(name)}</figure>"
        for at, name in enumerate(names)
    )
    path = folder / f"charts-{width}{'-log' if log else ''}.html"
    path.write_text(PAGE.format(assets=(TEMPLATES / "assets").as_uri() + "/", figures=figures))
    return path.as_uri()


def parts(shot: bytes, names: list[str], width: int) -> dict[str, Image.Image]:
    """Cut the picture of a page into one of each chart: white where there is ink."""
    whole = ImageChops.invert(Image.open(io.BytesIO(shot)).convert("L"))
    size = (width, _tall(width))
    return {
        name: whole.crop((0, at * TALL, size[0], at * TALL + size[1]))
        for at, name in enumerate(names)
    }


def _tall(width: int) -> int:
    return round(width * svg.HEIGHT / svg.WIDTH)


def reference(name: str, width: int, *, log: bool = False) -> Image.Image:
    """Draw what the chart of a series has to show: white where there is ink."""
    steps, values = (SERIES | MORE)[name]
    finite = np.isfinite(values) & ((values > 0) | (not log))
    low, high = value_range([values[finite]])
    shares = (values / 2 - low / 2) / (high / 2 - low / 2)
    if log:
        with np.errstate(all="ignore"):
            shown = np.log10(values)
        low, high = shown[finite].min() - 0.04, shown[finite].max() + 0.04
        shares = (shown - low) / (high - low)
    first, last = step_range([steps])
    span = max(last - first, 1)
    across = [(int(it) - first) / span if last > first else 0.5 for it in steps]
    scale = width / svg.WIDTH
    wide, high_box = svg.WIDTH - svg.LEFT - svg.RIGHT, svg.HEIGHT - svg.TOP - svg.BOTTOM
    found = Image.new("L", (width * FINE, _tall(width) * FINE))
    draw = ImageDraw.Draw(found)
    points = [
        ((svg.LEFT + wide * x) * scale * FINE, (svg.TOP + high_box * (1 - y)) * scale * FINE)
        for x, y in zip(across, shares, strict=True)
    ]
    edges = np.flatnonzero(np.diff(np.concatenate(([0], finite.astype(np.int8), [0]))))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start == 1:
            draw.circle(points[start], DOT / 2 * FINE, fill=255)
        else:
            draw.line(points[start:end], fill=255, width=round(STROKE * FINE))
    return found.resize((width, _tall(width)), Image.Resampling.BOX)


def astray(one: Image.Image, other: Image.Image) -> tuple[int, int]:
    """Return how many pixels of ink each picture has where the other has none near."""
    masks = [it.point(lambda ink: 255 if ink > DARK else 0) for it in (one, other)]
    near = [it.filter(ImageFilter.MaxFilter(SPREAD)) for it in masks]
    return _count(masks[0], near[1]), _count(masks[1], near[0])


def _count(mask: Image.Image, near: Image.Image) -> int:
    return ImageChops.subtract(mask, near).histogram()[255]
