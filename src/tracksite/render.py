"""Page → HTML: the only module that knows Jinja.

Every value is escaped unless its type says that it is HTML (`markupsafe.Markup`), and a name
that a page does not fill is an error.
"""

from __future__ import annotations

import hashlib
import json
import math
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from tracksite import paths
from tracksite.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracksite.model import Page

_BESIDE = Path(__file__).parent / "templates"  # as installed from a wheel
TEMPLATES = _BESIDE if _BESIDE.is_dir() else Path(__file__).parents[2] / "templates"
_LARGE, _SMALL = 1e6, 1e-4  # beyond these a number is shown with an exponent
_EXACT = 2**53


def render(page: Page, variables: Mapping[str, Any]) -> str:
    """Return the HTML of `page`.

    Templates see `variables`, `page`, `version`, `url(path)` (relative to the page), `asset(name)`
    (a file of `assets/`, with `?v=` and its digest) and the filters of this module.
    """
    if page.template is None:
        raise TypeError(f"{page.path} is a file, no template")
    template = environment().get_template(page.template)
    return template.render(
        {
            **variables,
            "page": page,
            "version": __version__,
            "url": lambda target: paths.relative(page.path, target),
            "asset": lambda name: _asset_url(page.path, name),
        }
    )


@cache
def environment() -> jinja2.Environment:
    """Return the one Jinja environment: autoescape on, undefined names are errors."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    made.filters.update(FILTERS)
    return made


@cache
def assets() -> Mapping[str, str]:
    """Return every file of `assets/` (its path below it) → the digest of its bytes, 16 digits."""
    folder = TEMPLATES / "assets"
    return {
        path.relative_to(folder).as_posix(): _digest(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@cache
def templates_digest() -> str:
    """Return the digest of all template sources and assets: it is part of every page's digest."""
    sources = {path.name: _digest(path.read_bytes()) for path in sorted(TEMPLATES.glob("*.html"))}
    return _digest(json.dumps([sources, dict(assets())], sort_keys=True).encode())


def asset_bytes(name: str) -> bytes:
    """Return the bytes of one file of `assets/`."""
    return (TEMPLATES / "assets" / name).read_bytes()


def data_script(name: str, value: Any) -> str:
    """Return a classic script that hands `value` to the page: `tracksite.data(name, …)`.

    `value` is plain JSON data. NaN and infinities, which JSON has not, become null. The text is
    safe inside any script: `</script>`, U+2028, U+2029 and `__proto__` do no harm, because the
    data is a string in ASCII that JSON.parse reads.
    """
    label = json.dumps(name).replace("<", "\\u003c")
    text = _json(value).replace("\\", "\\\\").replace("'", "\\'").replace("<", "\\x3c")
    return f"tracksite.data({label},JSON.parse('{text}'));\n"


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=True, separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _asset_url(source: str, name: str) -> str:
    return f"{paths.relative(source, f'assets/{name}')}?v={assets()[name][:8]}"


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


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
    if _SMALL <= abs(value) < _LARGE:
        return _trim(f"{value:.{max(0, 4 - math.floor(math.log10(abs(value))))}f}")
    mantissa, exponent = f"{value:.4e}".split("e")
    return f"{_trim(mantissa)}e{int(exponent)}".replace("e-", "e−")


def _trim(text: str) -> str:
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


FILTERS = {
    "number": number,
    "duration": duration,
    "size": size,
    "moment": moment,
    "machine_time": machine_time,
    "plural": plural,
    "experiment_page": paths.experiment_page,
    "run_page": paths.run_page,
    "model_page": paths.model_page,
}
