"""Page → HTML: the only module that knows Jinja.

Every value is escaped unless its type says that it is HTML (`markupsafe.Markup`), characters that
nobody would see are shown by their numbers, and a name that a page does not fill is an error.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup, escape

from tracksite import paths
from tracksite.charts.numbers import duration, machine_time, moment, number, plural, size
from tracksite.version import __version__
from tracksite.visible import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracksite.model import Page

_BESIDE = Path(__file__).parent / "templates"  # as installed from a wheel
TEMPLATES = _BESIDE if _BESIDE.is_dir() else Path(__file__).parents[2] / "templates"


def render(page: Page, variables: Mapping[str, Any]) -> str:
    """Return the HTML of `page`.

    Templates see `variables`, `page`, `version`, `url(path)` (relative to the page), `asset(name)`
    (a file of `assets/`, with `?v=` and its digest), `inlined(name)` and `hash_of(name)` (its text,
    and what a Content-Security-Policy says to allow it) and the filters of this module.
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
            "inlined": lambda name: Markup(asset_bytes(name).decode()),  # noqa: S704 - our own
            "hash_of": _policy_hash,
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
        finalize=_finalize,
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


def _finalize(value: object) -> object:
    """Return what an expression puts on a page: of a text, what nobody would see is shown."""
    return visible(value) if type(value) is str else value


def _asset_url(source: str, name: str) -> str:
    return f"{paths.relative(source, f'assets/{name}')}?v={assets()[name][:8]}"


def _policy_hash(name: str) -> str:
    sha256 = base64.b64encode(hashlib.sha256(asset_bytes(name)).digest()).decode()
    return f"sha256-{sha256}"


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


FILTERS = {
    "exact": escape,  # a text that scripts read, each character as it is
    "number": number,
    "duration": duration,
    "size": size,
    "moment": moment,
    "machine_time": machine_time,
    "plural": plural,
    "slug_id": lambda text: f"{paths.slug(text)}-{paths.digest(text, 6)}",
    "experiment_page": paths.experiment_page,
    "run_page": paths.run_page,
    "model_page": paths.model_page,
}
