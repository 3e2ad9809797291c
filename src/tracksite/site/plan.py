"""Which files a site has, and which of them are stale."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tracksite import paths, render
from tracksite.errors import BuildError
from tracksite.model import Page
from tracksite.pages import PAGES
from tracksite.site.output import whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tracksite.pages.context import Context
    from tracksite.schema import Problem
    from tracksite.site.manifest import Entry, Manifest

# Only `tracksite watch` serves these, from the package itself.
_WATCH_ONLY = ("js/watch.js", "css/watch.css", "vendor/idiomorph")


@dataclass(frozen=True)
class Plan:
    """What a build has to do.

    Attributes:
        pages: every file of the site, by its path.
        digests: path → the digest of all that the file is made from.
        kept: the files that stay, as the last manifest describes them.
        stale: paths of the files to make, in order of `pages`.
        gone: paths of the files to delete.
    """

    pages: Mapping[str, Page]
    digests: Mapping[str, str]
    kept: Mapping[str, Entry]
    stale: Sequence[str]
    gone: Sequence[str]


def plan(context: Context, site: Path, old: Manifest, key: str, *, force: bool) -> Plan:
    """Return what has to be done to turn a site into that of `context`.

    Args:
        context: what the pages are made from.
        site: the folder of the site.
        old: what the last build wrote there.
        key: digest of what all files depend on.
        force: take over files that no build wrote.

    Raises:
        BuildError: two pages claim one path, or a file is in the way that no build wrote.
    """
    pages = {page.path: page for page in _all_pages(context)}
    troubled = {it.run_id for it in in_trouble(old)}
    digests = {path: _digest(key, page) for path, page in pages.items()}
    if not force:
        _claim(site, pages, old)
    kept = {
        path: entry
        for path, entry in old.files.items()
        if entry[0] is not None
        and digests.get(path) == entry[0]
        and whole(site, path, entry)
        and not (troubled and paths.owner_of(path) in troubled)
    }
    return Plan(
        pages,
        digests,
        kept,
        stale=[path for path in pages if path not in kept],
        gone=[path for path in old.files if path not in pages],
    )


def in_trouble(old: Manifest) -> list[Problem]:
    """Return what the last build could not show of runs: files that may be there by now.

    They came, or were restored, without any name in the store having changed.
    """
    return [it for it in old.problems if it.run_id is not None and it.path in old.files]


def _digest(key: str, page: Page) -> str:
    text = f"{key}\n{page.template or ''}\n{page.inputs}"  # neither of the first two has a newline
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _all_pages(context: Context) -> Iterator[Page]:
    """Return every file of the site; two claims of one path are an error."""
    taken: dict[str, str] = {}
    for page in _unchecked(context):
        other = taken.setdefault(page.path.casefold(), page.path)
        if other is not page.path:
            raise BuildError(
                f"Two pages claim the path {page.path!r} (the other as {other!r}): "
                "rename one of what they show."
            )
        yield page


def _unchecked(context: Context) -> Iterator[Page]:
    yield Page(paths.NO_JEKYLL, None, "", lambda: b"")
    for name, version in render.assets().items():
        if not name.startswith(_WATCH_ONLY):
            yield Page(f"assets/{name}", None, version, partial(render.asset_bytes, name))
    for pages in PAGES.values():
        yield from pages(context)


def _claim(site: Path, pages: Mapping[str, Page], old: Manifest) -> None:
    """Refuse to write over files that are not a build's."""
    for path in pages:
        if path not in old.files and (site / path).exists():
            raise BuildError(
                f"{site / path} was not written by tracksite: choose an empty folder for the "
                "site, or pass --force to write over it."
            )
