"""Frozen values that cross a boundary between layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)  # a site has hundreds of thousands of them
class Page:
    """One file of the site, planned but not yet built.

    Attributes:
        path: where it goes, relative to the site, with forward slashes.
        template: name of the Jinja template, or None when `build` returns the file itself.
        inputs: digest of everything that `build` reads; same digest, same bytes.
        build: returns the template's variables, or the file's text or bytes, or None when only what
            was read shows that there is no such file.
        run_id: of a page that `pages.portion` of this run suffices for, so that it may be made
            elsewhere; None for all others.
    """

    path: str
    template: str | None
    inputs: str
    build: Callable[[], Mapping[str, Any] | str | bytes | None]
    run_id: str | None = None


@dataclass(frozen=True, order=True)
class Masked:
    """A secret that a site shows as ***; never the secret itself.

    Attributes:
        run_id: of the run, or of the experiment, model or version, that it stands in.
        place: where there: `params.token`, `error`, `artifacts.notes.md`.
        why: why it is taken for a secret.
    """

    run_id: str
    place: str
    why: str
