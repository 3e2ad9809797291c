"""The axes of a chart: their ranges, round numbers on them, and labels that differ."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

from tracksite.charts.numbers import trimmed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

_BREAKS = (1, 2, 2.5, 5, 10)
_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_LEAST = 1e-300  # half of a range of values: what is smaller is drawn flat
_NOISE = 1e-12  # of the largest value: what differs by less is drawn flat
_LEAST_DIGITS, _FEW, _MORE = 3, 4, 6  # of a label
_ORDERS = 4  # from 10^4 and 10^-4 on, a power of ten may be left to the note of an axis


def value_range(parts: Iterable[np.ndarray]) -> tuple[float, float]:
    """Return the range of finite values with a margin; a flat line stands in its middle.

    No range is so narrow that floats cannot tell its parts: noise stays flat.
    """
    ends = [(float(it.min()), float(it.max())) for it in parts if len(it)]
    if not ends:
        return 0.0, 1.0
    low, high = min(it for it, _ in ends), max(it for _, it in ends)
    size = max(abs(low), abs(high))
    flat = low if low == high else 0.0
    share = (high / 2 - low / 2) * 0.1  # halves: the whole range may be beyond a float
    margin = max(share, abs(flat) * 0.1, size * _NOISE, _LEAST)
    margin = 1.0 if size == 0 else margin
    most = sys.float_info.max
    return max(low - margin, -most), min(high + margin, most)


def step_range(parts: Iterable[np.ndarray]) -> tuple[int, int]:
    """Return the first and the last step of ascending steps, exactly; 0 and 1 of none."""
    ends = [(int(it[0]), int(it[-1])) for it in parts if len(it)]
    return min((it for it, _ in ends), default=0), max((it for _, it in ends), default=1)


def share(value: float, limits: tuple[float, float]) -> float:
    """Return where a value stands between two limits: 0 to 1."""
    low, high = limits
    return (value / 2 - low / 2) / (high / 2 - low / 2)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` round numbers between `low` and `high`, evenly spaced.

    Steps are 1, 2, 2.5 or 5 times a power of ten, the smallest that gives few enough
    (Heckbert, "Nice numbers for graph labels", Graphics Gems 1990).
    """
    span = high / most - low / most
    if span <= sys.float_info.min:
        return [low]
    power = 10.0 ** math.floor(math.log10(span))
    for step in (power * it for it in _BREAKS):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if step > 0 and last - first < most:
            return [at * step for at in range(first, last + 1)]
    return [low]


def whole_ticks(low: int, high: int, most: int) -> list[int]:
    """Return at most `most` round whole numbers between `low` and `high`: exact at any size."""
    power = 10 ** max(0, len(str((high - low) // most)) - 1)
    steps = [int(power * it) for it in _BREAKS if power * it == int(power * it)]
    for step in [*steps, 20 * power]:
        first, last = -(-low // step), high // step
        if last - first < most:
            return [at * step for at in range(first, last + 1)]
    return [low]


def number_short(value: float, digits: int = _FEW) -> str:
    """Return the label of a tick: to a few digits, large ones in k, M, G, others with 10^n."""
    rounded = float(f"{value:.{digits}g}")
    size = abs(rounded)
    if size >= 1e12 or 0 < size < 1e-4:  # noqa: PLR2004 - too long otherwise
        mantissa, exponent = f"{rounded:.{digits - 1}e}".split("e")
        return _signed(f"{trimmed(mantissa)}e{int(exponent)}")
    for limit, unit in _UNITS:
        if size >= max(limit, 1e4):
            return _signed(f"{rounded / limit:.{digits}g}{unit}")
    return _signed(f"{rounded:,.{digits}g}")


def labels(values: Sequence[float], room: float) -> tuple[list[str], str]:
    """Return a label for each tick, each different, and what all of them leave out.

    Args:
        values: evenly spaced, ascending.
        room: how many digits wide a label may be; points and commas count half.

    Returns:
        The labels and a note for the axis: "" where they say all, "× 1e300" where each is to be
        multiplied, "+0 is 1,000,000" where each is to be added to the first.
    """
    gap = values[1] - values[0] if len(values) > 1 else 0
    for digits in (_FEW, _MORE):
        shown = [number_short(it, digits) for it in values]
        if _tell(values, gap, digits) and _wide(shown) <= room:
            return shown, ""
    if all(isinstance(it, int) for it in values) and _wide([f"{it:,}" for it in values]) <= room:
        return [_signed(f"{it:,}") for it in values], ""
    largest = max(abs(it) for it in values)
    power = math.floor(math.log10(largest)) if largest else 0
    if abs(power) >= _ORDERS and _tell(values, gap, _FEW):
        return [_scaled(it, power) for it in values], _signed(f"× 1e{power}")
    told = [f"+{number_short(at * gap, _LEAST_DIGITS)}" for at in range(len(values))]
    return told, _signed(f"+0 is {_exact(values[0])}")


def _tell(values: Sequence[float], gap: float, digits: int) -> bool:
    """Whether so many digits tell the ticks apart, and each where it stands."""
    return all(abs(float(f"{it:.{digits}g}") - it) <= gap / 50 for it in values)


def _wide(texts: Sequence[str]) -> float:
    return max(sum(0.5 if it in ".,1" else 1 for it in text) for text in texts)


def _scaled(value: float, power: int) -> str:
    mantissa, exponent = f"{value:.{_FEW - 1}e}".split("e")
    digits = float(mantissa) * 10.0 ** (int(exponent) - power) if value else 0.0
    return _signed(f"{digits:.{_FEW}g}")


def _exact(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.15g}"


def _signed(text: str) -> str:
    return text.replace("-", "−")
