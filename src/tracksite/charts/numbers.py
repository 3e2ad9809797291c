"""How numbers, times and sizes are written on pages, in charts and on the terminal."""

from __future__ import annotations

import math
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_LARGE, _SMALL = 1e6, 1e-4  # beyond these a number is shown with an exponent
_EXACT = 2**53


def number(value: float | None) -> str:
    """Return a number to five significant digits; whole numbers exactly, with commas.

    The function `tracksite.number` of tracksite.js follows the same rule, and a test holds the
    two together.
    """
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value == int(value) and abs(value) < _EXACT:
        return f"{int(value):,}".replace("-", "−")
    short = f"{value:.5g}"
    if "e" not in short:
        return short.replace("-", "−")
    if _SMALL <= abs(value) < _LARGE:
        return trimmed(f"{value:.{max(0, 4 - math.floor(math.log10(abs(value))))}f}")
    mantissa, exponent = f"{value:.4e}".split("e")
    return f"{trimmed(mantissa)}e{int(exponent)}".replace("e-", "e−")


def trimmed(text: str) -> str:
    """Return a number without zeros at its end, and with a minus sign."""
    short = text.rstrip("0").rstrip(".") if "." in text else text
    return short.replace("-", "−")


def duration(seconds: float | None) -> str:
    """Return a length of time in its two largest units: "0.42 s", "3 min 05 s", "2 d 04 h"."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 - minutes in an hour
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:  # noqa: PLR2004 - hours in a day
        return f"{hours} h {minutes:02} min"
    return f"{hours // 24} d {hours % 24:02} h"


def size(count: int | None) -> str:
    """Return a number of bytes in decimal units, as file managers show it."""
    if count is None:
        return "–"
    if count < 1000:  # noqa: PLR2004 - decimal units
        return f"{count} B"
    amount, units = count / 1000, ["kB", "MB", "GB", "TB"]
    while amount >= 999.5 and len(units) > 1:  # noqa: PLR2004 - would show as 1000
        amount, units = amount / 1000, units[1:]
    return f"{amount:.3g} {units[0]}"


def moment(value: datetime | None) -> str:
    """Return a time in UTC to the minute."""
    return "–" if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def machine_time(value: datetime) -> str:
    """Return a time in UTC for the attribute `datetime`."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plural(count: int, word: str, many: str | None = None) -> str:
    """Return "1 run", "2 runs", "1,000 runs"."""
    return f"{count:,} {word if count == 1 else many or word + 's'}"
