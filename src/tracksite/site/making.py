"""One page → its bytes; whatever goes wrong costs that page alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from tracksite import paths, render
from tracksite.errors import TracksiteError
from tracksite.masking import mask_text
from tracksite.schema import Problem

if TYPE_CHECKING:
    from tracksite.config import Settings
    from tracksite.model import Masked, Page


@dataclass(frozen=True)
class Made:
    """A file's bytes (None: there is no such file), and whether making it again is no use.

    `masked` are the secrets that were found as it was made.
    """

    content: bytes | None
    problem: Problem | None = None
    final: bool = True
    masked: tuple[Masked, ...] = ()


def make(page: Page, settings: Settings) -> Made:
    """Make one file; where that fails, a page that says so, and the problem."""
    try:
        content, masked = _content(page, settings)
        return Made(content, masked=masked)
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - see the module
        known = isinstance(error, TracksiteError)
        message = mask_text(str(error) if known else f"{type(error).__name__}: {error}")
        problem = Problem(page.path, paths.owner_of(page.path), message)
        if page.template is None:
            return Made(None, problem, final=known)
        stand_in = replace(page, template="broken.html", build=lambda: {"message": message})
        return Made(_content(stand_in, settings)[0], problem, final=known)


def _content(page: Page, settings: Settings) -> tuple[bytes | None, tuple[Masked, ...]]:
    made = page.build()
    if made is None or isinstance(made, bytes):
        return made, ()
    if isinstance(made, str):
        return made.encode("utf-8", "replace"), ()
    variables = {"nav": "home", "site": settings, **made}
    content = render.render(page, variables).encode("utf-8", "replace")
    return content, tuple(made.get("masked", ()))
