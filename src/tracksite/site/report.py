"""What a build tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracksite import paths
from tracksite.schema import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from tracksite.model import Masked
    from tracksite.site.manifest import Manifest

# GitHub Pages refuses a site of more than 1 GB.
LARGE_SITE = 800_000_000


@dataclass(frozen=True)
class BuildReport:
    """What one build did.

    Attributes:
        site: the site's folder.
        written: site paths of the files that were written, in order of the plan.
        unchanged: site paths of the files that were right already.
        removed: site paths of the files that were deleted, because nothing claims them any more.
        problems: damaged files of the store, pages or artifacts that had to be left out, and a
            warning where the site is too large for hosts.
        masked: secrets that the site shows as ***: where they stand, and why they are taken for
            secrets; never the secrets.
        run_count: runs that have a page.
        bytes: size of all files of the site.
    """

    site: Path
    written: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    masked: tuple[Masked, ...] = ()
    run_count: int = 0
    bytes: int = 0


def report(site: Path, manifest: Manifest, **lists: tuple[str, ...]) -> BuildReport:
    """Return the report of a build that ended in this manifest; `lists` are its lists of paths."""
    size = sum(size or 0 for _, size in manifest.files.values())
    return BuildReport(
        site=site,
        problems=(*manifest.problems, *_too_large(size)),
        masked=manifest.masked,
        run_count=sum(paths.run_id_of(path) is not None for path in manifest.files),
        bytes=size,
        **lists,
    )


def _too_large(size: int) -> tuple[Problem, ...]:
    """Return a warning for a site that hosts may soon refuse; it stands in no page."""
    if size <= LARGE_SITE:
        return ()
    message = (
        f"The site has {size / 1e6:,.0f} MB, and GitHub Pages takes no more than 1,000 MB: lower "
        "artifacts.max_bytes in tracksite.toml, or delete runs and call `tracksite gc`."
    )
    return (Problem(paths.HOME, None, message),)
