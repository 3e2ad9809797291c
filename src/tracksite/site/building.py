"""`build`: from a store to a site."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tracksite import config, paths, render
from tracksite.errors import BuildError
from tracksite.pages.context import Context, digest
from tracksite.pages.hiding import IN_FILE
from tracksite.query.lifecycle import settled
from tracksite.query.runs import fold
from tracksite.site import manifest as manifests
from tracksite.site import output as outputs
from tracksite.site.manifest import Entry, Manifest
from tracksite.site.masked import publishable
from tracksite.site.output import Output
from tracksite.site.plan import Plan, in_trouble, plan
from tracksite.site.report import BuildReport, report
from tracksite.site.sharing import make_all
from tracksite.store.local import open_store
from tracksite.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

    from tracksite.config import Settings
    from tracksite.model import Masked
    from tracksite.schema import Snapshot
    from tracksite.store.base import Store


def build(
    store_path: str | Path,
    site_path: str | Path,
    *,
    settings: Settings | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    force: bool = False,
    executor: Executor | None = None,
) -> BuildReport:
    """Write the site of a store, and only what changed since the last build.

    Args:
        store_path: the store's folder or `file:` URI.
        site_path: the folder of the site; it is made if there is none.
        settings: by default those of the `tracksite.toml` that `config.find` finds.
        progress: called for each file with (files done, files to do, path of this file), before
            it is made here or as soon as a worker has made it.
        force: write every file again, and take a folder that other files are in.
        executor: makes the pages of runs where there are hundreds of them, as `processes(2)` does;
            without it, they are made in this process. The bytes are the same. What goes to its
            workers can be pickled, and they must see the store at the same path.

    Returns:
        What was written. A run, page or artifact that cannot be shown is named in `problems`,
        and everything else is built.

    Raises:
        NotFoundError, StoreError: there is no store, or it cannot be read as a whole.
        BuildError: nothing in a store that has files can be read, the folder cannot be written,
            holds files that no build wrote or is inside the store, two pages claim one path, or a
            worker of `executor` died.

    Files are put into place when all of them are made: a build that fails before leaves the old
    site as it was.
    """
    store, site = open_store(store_path), Path(site_path).expanduser().absolute()
    _keep_apart(store, site)
    if settings is None:
        found = config.find(store.root)
        settings = config.read(found) if found else config.Settings()
    old = Manifest() if force else manifests.read(site)
    key = digest(__version__, render.templates_digest(), asdict(settings))
    state = store.state()
    same = old.state == state and old.key == key and not in_trouble(old)
    if same and _up_to_date(site, old.files):
        return report(site, old, unchanged=tuple(old.files))
    snapshot = store.snapshot()
    _refuse_unreadable(store, snapshot)
    folded, masked, renamed = publishable(settled(fold(snapshot)), settings.no_secrets)
    settings = _for_renamed(settings, renamed)
    context = Context(snapshot, folded, settings, store.root / "artifacts")
    todo = plan(context, site, old, key, force=force)
    target = Manifest(__version__, state, key, snapshot.problems, masked)
    return _carry_out(
        site, todo, context, old=old, target=target, progress=progress, executor=executor
    )


def _keep_apart(store: Store, site: Path) -> None:
    root, folder = store.root.resolve(), site.resolve()
    if root == folder or root in folder.parents:
        raise BuildError(
            f"The site cannot be written to {site}: that is inside the store {store.root}; "
            "choose another folder."
        )


def _refuse_unreadable(store: Store, snapshot: Snapshot) -> None:
    """Raise where a store has files and none of them can be read: no runs is another thing."""
    damaged = [one for one in snapshot.problems if (store.root / one.path).is_file()]
    if damaged and not snapshot.patches.height and not snapshot.purged:
        first, more = damaged[0], len(damaged) - 1
        others = f" ({more:,} more are not either)" if more else ""
        raise BuildError(
            f"Nothing in {store.root} can be read{others}, so no site was built: {first.message}"
        )


def _for_renamed(settings: Settings, renamed: Mapping[str, str]) -> Settings:
    """Return settings that find an experiment by what it is called on the site."""
    found = {renamed.get(name, name): table for name, table in settings.experiments.items()}
    return replace(settings, experiments=found)


def _up_to_date(site: Path, files: Mapping[str, Entry]) -> bool:
    return all(entry[0] and outputs.whole(site, path, entry) for path, entry in files.items())


def _is_in_file(masked: Masked) -> bool:
    """Whether a secret was found as an artifact was read, which is done for pages that are made."""
    return masked.place.startswith(IN_FILE)


def _carry_out(
    site: Path,
    todo: Plan,
    context: Context,
    *,
    old: Manifest,
    target: Manifest,
    progress: Callable[[int, int, str], None] | None,
    executor: Executor | None,
) -> BuildReport:
    """Make what is stale, put it into place, delete what nothing claims, write the manifest."""
    problems = [it for it in old.problems if it.path in todo.kept]
    masked = {it for it in old.masked if _is_in_file(it) and paths.run_page(it.run_id) in todo.kept}
    files, written = dict(todo.kept), set[str]()

    def begin(path: str) -> None:
        if progress:
            progress(len(files) - len(todo.kept), len(todo.stale), path)

    with Output(site) as output:
        for path, made in make_all(todo, context, executor, begin):
            if made.problem:
                problems.append(made.problem)
            masked.update(made.masked)
            if output.put(path, made.content):
                written.add(path)
            size = None if made.content is None else len(made.content)
            files[path] = (todo.digests[path] if made.final else None, size)
        if todo.stale or todo.gone:
            # Whatever stops this build, the next one knows which files are a build's own.
            claims: dict[str, Entry] = dict.fromkeys((*todo.pages, *todo.gone), (None, None))
            claimed = replace(old, state="", files=claims | dict(todo.kept))
            outputs.write(site, paths.MANIFEST, manifests.encoded(claimed))
        output.publish()
    removed = tuple(path for path in todo.gone if outputs.remove(site, path))
    problems.sort(key=lambda it: it.path)
    made_now = replace(
        target,
        problems=(*target.problems, *problems),
        masked=tuple(sorted(masked.union(target.masked))),
        files=files,
    )
    outputs.write(site, paths.MANIFEST, manifests.encoded(made_now))
    return report(
        site,
        made_now,
        written=tuple(path for path in todo.stale if path in written),
        unchanged=tuple(path for path in todo.pages if path not in written),
        removed=removed,
    )
