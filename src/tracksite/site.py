"""Store → site: plan, render what changed, write. The only writer of a site's files.

The manifest `build.json` of a site says what the last build wrote:
    format      of this file: 1
    version     of tracksite that wrote the site
    store_id    of the store that it shows
    state       digest of the store's file names (`Store.state`): same state, same site
    key         digest of version, settings, templates and assets: part of every file's digest
    problems    what the build had to leave out: [path, run_id or null, message]
    files       site path → [digest, bytes]: the digest of key and of all that the file is made
                from (null: the file could not be made, so the next build tries again), and the
                file's size (null: there is no such file)
It holds no time: the same store gives the same manifest.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tracksite import config, paths, render
from tracksite.errors import BuildError, TracksiteError
from tracksite.model import Page
from tracksite.pages import PAGES
from tracksite.pages.context import Context, digest
from tracksite.query.runs import fold
from tracksite.schema import Problem
from tracksite.store.local import open_store
from tracksite.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tracksite.config import Settings
    from tracksite.store.base import Store

MANIFEST_FORMAT = 1
# GitHub Pages refuses a site of more than 1 GB.
_LARGE_SITE = 800_000_000
# Only `tracksite watch` serves these, from the package itself.
_WATCH_ONLY = ("js/watch.js", "css/watch.css", "vendor/idiomorph")

Entry = tuple[str | None, int | None]


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
        run_count: runs that have a page.
        bytes: size of all files of the site.
    """

    site: Path
    written: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    run_count: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Manifest:
    """The content of `build.json`; the module's docstring describes the fields."""

    version: str = ""
    store_id: str = ""
    state: str = ""
    key: str = ""
    problems: tuple[Problem, ...] = ()
    files: Mapping[str, Entry] = field(default_factory=dict)


def build(
    store_path: str | Path,
    site_path: str | Path,
    *,
    settings: Settings | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    force: bool = False,
) -> BuildReport:
    """Write the site of a store, and only what changed since the last build.

    Args:
        store_path: the store's folder or `file:` URI.
        site_path: the folder of the site; it is made if there is none.
        settings: by default those of the `tracksite.toml` that `config.find` finds.
        progress: called before each file with (files done, files to do, path of this file).
        force: write every file again, and take a folder that other files are in.

    Returns:
        What was written. A run, page or artifact that cannot be shown is named in `problems`,
        and everything else is built.

    Raises:
        NotFoundError, StoreError: there is no store, or it cannot be read as a whole.
        BuildError: the folder cannot be written, holds files that no build wrote, is inside the
            store, or two pages claim one path.
    """
    store, site = open_store(store_path), Path(site_path).expanduser().absolute()
    _keep_apart(store, site)
    if settings is None:
        found = config.find(store.root)
        settings = config.read(found) if found else config.Settings()
    old = Manifest() if force else read_manifest(site)
    key = digest(__version__, render.templates_digest(), asdict(settings))
    state = store.state()
    if old.state == state and old.key == key and _up_to_date(site, old.files):
        return _report(site, old, unchanged=tuple(old.files))
    snapshot = store.snapshot()
    context = Context(snapshot, fold(snapshot), settings, store.root / "artifacts")
    plan = {page.path: page for page in _plan(context)}
    target = Manifest(__version__, store.store_id, state, key, snapshot.problems)
    _claim(site, plan, old, force=force)
    tell = progress or (lambda *_: None)
    return _carry_out(site, plan, context, old=old, target=target, progress=tell)


def _keep_apart(store: Store, site: Path) -> None:
    root, folder = store.root.resolve(), site.resolve()
    if root == folder or root in folder.parents:
        raise BuildError(
            f"The site cannot be written to {site}: that is inside the store {store.root}; "
            "choose another folder."
        )


def _up_to_date(site: Path, files: Mapping[str, Entry]) -> bool:
    return all(entry[0] and _whole(site, path, entry) for path, entry in files.items())


def _report(site: Path, manifest: Manifest, **lists: tuple[str, ...]) -> BuildReport:
    size = sum(size or 0 for _, size in manifest.files.values())
    return BuildReport(
        site=site,
        problems=(*manifest.problems, *_too_large(size)),
        run_count=sum(paths.run_id_of(path) is not None for path in manifest.files),
        bytes=size,
        **lists,
    )


def _too_large(size: int) -> tuple[Problem, ...]:
    """Return a warning for a site that hosts may soon refuse; it stands in no page."""
    if size <= _LARGE_SITE:
        return ()
    message = (
        f"The site has {size / 1e6:,.0f} MB, and GitHub Pages takes no more than 1,000 MB: lower "
        "artifacts.max_bytes in tracksite.toml, or delete runs and call `tracksite gc`."
    )
    return (Problem(paths.HOME, None, message),)


# ---- plan ---------------------------------------------------------------------------------------


def _plan(context: Context) -> Iterator[Page]:
    """Return every file of the site; two claims of one path are an error."""
    taken: dict[str, str] = {}
    for page in _all_pages(context):
        other = taken.setdefault(page.path.casefold(), page.path)
        if other is not page.path:
            raise BuildError(
                f"Two pages claim the path {page.path!r} (the other as {other!r}): "
                "rename one of what they show."
            )
        yield page


def _all_pages(context: Context) -> Iterator[Page]:
    yield Page(paths.NO_JEKYLL, None, "", lambda: b"")
    for name, version in render.assets().items():
        if not name.startswith(_WATCH_ONLY):
            yield Page(f"assets/{name}", None, version, partial(render.asset_bytes, name))
    for pages in PAGES.values():
        yield from pages(context)


def _claim(site: Path, plan: Mapping[str, Page], old: Manifest, *, force: bool) -> None:
    """Refuse to write over files that are not a build's."""
    for path in plan:
        if path not in old.files and not force and (site / path).exists():
            raise BuildError(
                f"{site / path} was not written by tracksite: choose an empty folder for the "
                "site, or pass --force to write over it."
            )


# ---- carry out ----------------------------------------------------------------------------------


def _carry_out(
    site: Path,
    plan: Mapping[str, Page],
    context: Context,
    *,
    old: Manifest,
    target: Manifest,
    progress: Callable[[int, int, str], None],
) -> BuildReport:
    """Make and write what is stale, delete what nothing claims, and say so in the manifest."""
    digests = {path: digest(target.key, page.template, page.inputs) for path, page in plan.items()}
    kept = {
        path: entry
        for path, entry in old.files.items()
        if entry[0] is not None and digests.get(path) == entry[0] and _whole(site, path, entry)
    }
    stale = [path for path in plan if path not in kept]
    gone = [path for path in old.files if path not in plan]
    if stale or gone:
        # Whatever stops this build, the next one knows which files are a build's own.
        claims: dict[str, Entry] = dict.fromkeys((*plan, *gone), (None, None))
        write_manifest(site, replace(old, state="", files=claims | kept))
    context.expect(stale)
    problems = [it for it in old.problems if it.path in kept]
    files, written = dict(kept), []
    for done, path in enumerate(stale):
        progress(done, len(stale), path)
        made = _make(plan[path], context.settings)
        if made.problem:
            problems.append(made.problem)
        if made.content is None:
            _remove(site, path)
        elif _write(site, path, made.content):
            written.append(path)
        size = None if made.content is None else len(made.content)
        files[path] = (digests[path] if made.final else None, size)
    removed = tuple(path for path in gone if _remove(site, path))
    problems.sort(key=lambda it: it.path)
    manifest = replace(target, problems=(*target.problems, *problems), files=files)
    write_manifest(site, manifest)
    unchanged = tuple(path for path in plan if path not in set(written))
    return _report(site, manifest, written=tuple(written), unchanged=unchanged, removed=removed)


@dataclass(frozen=True)
class _Made:
    """A file's bytes (None: there is no such file), and whether making it again is no use."""

    content: bytes | None
    problem: Problem | None = None
    final: bool = True


def _make(page: Page, settings: Settings) -> _Made:
    """Make one file; whatever goes wrong costs this file alone."""
    try:
        return _Made(_content(page, settings))
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - see docstring
        known = isinstance(error, TracksiteError)
        message = str(error) if known else f"{type(error).__name__}: {error}"
        problem = Problem(page.path, paths.owner_of(page.path), message)
        if page.template is None:
            return _Made(None, problem, final=known)
        stand_in = replace(page, template="broken.html", build=lambda: {"message": message})
        return _Made(_content(stand_in, settings), problem, final=known)


def _content(page: Page, settings: Settings) -> bytes | None:
    made = page.build()
    if made is None or isinstance(made, bytes):
        return made
    if isinstance(made, str):
        return made.encode("utf-8", "replace")
    variables = {"nav": "home", "site": settings, **made}
    return render.render(page, variables).encode("utf-8", "replace")


# ---- files --------------------------------------------------------------------------------------


def _whole(site: Path, path: str, entry: Entry) -> bool:
    """Whether a file is still there as the last build left it, by its size."""
    try:
        return os.stat(site / path).st_size == entry[1]  # noqa: PTH116 - thousands of files
    except OSError:
        return entry[1] is None


def _write(site: Path, path: str, content: bytes) -> bool:
    """Write a file so that readers see the old or the new one; False when nothing changed."""
    place = site / path
    try:
        if place.is_file() and place.read_bytes() == content:
            return False
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name(f".tmp-{os.getpid()}")
        try:
            temporary.write_bytes(content)
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise BuildError(
            f"{place} cannot be written ({error.strerror}): choose a folder that can."
        ) from error
    return True


def _remove(site: Path, path: str) -> bool:
    """Delete a file and the folders that it leaves empty; False when it was not there."""
    place = site / path
    try:
        place.unlink()
    except OSError:
        return False
    with contextlib.suppress(OSError):
        for folder in place.parents:
            if folder == site:
                break
            folder.rmdir()
    return True


# ---- manifest -----------------------------------------------------------------------------------


def read_manifest(site: Path) -> Manifest:
    """Return what `build.json` of a site says; an empty manifest where there is none to trust."""
    try:
        told = json.loads((site / paths.MANIFEST).read_text(encoding="utf-8"))
        if told["format"] != MANIFEST_FORMAT:
            return Manifest()
        return Manifest(
            version=str(told["version"]),
            store_id=str(told["store_id"]),
            state=str(told["state"]),
            key=str(told["key"]),
            problems=tuple(Problem(*problem) for problem in told["problems"]),
            files={
                path: (mark, size)
                for path, (mark, size) in told["files"].items()
                if _is_below(path)
            },
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Manifest()


def _is_below(path: str) -> bool:
    """Whether a path of a manifest stays inside the site: a build deletes what it lists."""
    return not path.startswith("/") and "\\" not in path and ".." not in path.split("/")


def write_manifest(site: Path, manifest: Manifest) -> bool:
    """Write `build.json`; one line for each file, so that versions of a site compare well."""
    told: dict[str, Any] = {"format": MANIFEST_FORMAT, **vars(manifest)}
    told["problems"] = [[it.path, it.run_id, it.message] for it in manifest.problems]
    lines = ",\n".join(
        f"{json.dumps(path)}: {json.dumps(entry)}" for path, entry in sorted(manifest.files.items())
    )
    del told["files"]
    text = json.dumps(told, indent=1)[:-2] + f',\n "files": {{\n{lines}\n }}\n}}\n'
    return _write(site, paths.MANIFEST, text.encode())
