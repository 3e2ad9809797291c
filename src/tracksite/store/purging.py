"""Purging: removing runs for good, from parts, packs and artifacts, with an entry in the audit.

`audit/<time>-<random>.json` says who removed which runs when; entries are only ever added, so
those of two stores come together when the stores are.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from tracksite.errors import StoreError
from tracksite.store import pack_files, packs, parts, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime
    from pathlib import Path

    from tracksite.store.local import LocalStore
    from tracksite.store.packs import Manifest, PackFile

Rewrite: TypeAlias = "Callable[[Path, PackFile, frozenset[str]], PackFile | None]"
_ATTEMPTS = 20


@dataclass(frozen=True)
class Purge:
    """What is removed: runs, and the bytes of their parts and artifacts."""

    run_ids: tuple[str, ...]
    bytes: int


def plan(store: LocalStore, run_ids: Collection[str]) -> Purge:
    """Return what `purge` would remove; the bytes that packs shrink by are not foreseen."""
    total = sum(_bytes(path) for path in _loose_files(store.root, run_ids))
    for run_id in run_ids:
        total += sum(_bytes(path) for path in _tree(store.artifact_dir(run_id)))
    return Purge(tuple(sorted(run_ids)), total)


def purge(store: LocalStore, run_ids: Collection[str], *, at: datetime, by: str, why: str) -> Purge:
    """Remove runs for good, and note it in the audit first.

    A kill on the way leaves runs that are half removed from no reader's view: their patches go
    before their points and artifacts. Purge them again to finish.

    Args:
        store: where.
        run_ids: which runs (or other entities); those with an open live log are refused.
        at: the time, in UTC, for the audit.
        by: who, for the audit.
        why: the rule that chose them, for the audit.

    Raises:
        StoreError: one of them is being logged to; nothing was removed.
        OSError: the disk refuses.
    """
    live = with_log(store, run_ids)
    if live:
        raise StoreError(f"run {min(live)} is being logged to: end it before it is removed.")
    planned = plan(store, run_ids)
    before = sum(map(_bytes, _all(store.root / "packs")))
    _note(store.root, planned, at, by, why)
    _rewrite_packs(store, frozenset(run_ids))
    for kind in (".wal", ".runs.", ".points."):
        for path in _loose_files(store.root, run_ids):
            if kind in path.name:
                path.unlink(missing_ok=True)
        parts.sync_folder(store.root / ("live" if kind == ".wal" else "log"))
    for run_id in run_ids:
        _remove_tree(store.artifact_dir(run_id))
    shrunk = before - sum(map(_bytes, _all(store.root / "packs")))
    return replace(planned, bytes=planned.bytes + max(0, shrunk))


def with_log(store: LocalStore, run_ids: Collection[str]) -> set[str]:
    """Return those of some runs that have an open live log, so that they cannot be removed."""
    return reading.open_logs(store.root, set(run_ids))


def _note(root: Path, purge: Purge, at: datetime, by: str, why: str) -> None:
    folder = root / "audit"
    folder.mkdir(exist_ok=True)
    entry = {
        "at": at.isoformat(),
        "by": by,
        "what": "purge",
        "why": why,
        "run_ids": purge.run_ids,
        "bytes": purge.bytes,
    }
    name = f"{at.strftime('%Y%m%dT%H%M%SZ')}-{os.urandom(4).hex()}.json"
    parts.write_durably(folder / name, json.dumps(entry, indent=1).encode())


def _loose_files(root: Path, run_ids: Collection[str]) -> list[Path]:
    return [
        root / folder / name
        for folder in ("live", "log")
        for name in reading.names_in(root / folder, run_ids)
    ]


def _rewrite_packs(store: LocalStore, run_ids: frozenset[str]) -> None:
    """Put packs without these runs in force, and remove the ones that held them."""
    for _ in range(_ATTEMPTS):
        manifest = packs.newest_manifest(store.root, store.store_id)
        runs = dict(_without(store.root, manifest.runs, run_ids, _rewritten_runs))
        points = dict(_without(store.root, manifest.points, run_ids, pack_files.points_without))
        if not runs and not points:
            return
        if packs.publish(store.root, store.store_id, _next(manifest, runs, points)):
            for old in (*runs, *points):
                for name in (old.file, old.file + packs.BLOCKS):
                    (store.root / "packs" / name).unlink(missing_ok=True)
            return
    raise StoreError(f"the packs of {store.root} keep changing: wait until packing is over.")


def _next(
    manifest: Manifest,
    runs: dict[PackFile, PackFile | None],
    points: dict[PackFile, PackFile | None],
) -> Manifest:
    return replace(
        manifest,
        version=manifest.version + 1,
        runs=tuple(one for old in manifest.runs if (one := runs.get(old, old))),
        points=tuple(one for old in manifest.points if (one := points.get(old, old))),
        replaced=manifest.replaced | {old.file for old in (*runs, *points)},
    )


def _without(
    root: Path, files: Collection[PackFile], run_ids: frozenset[str], rewrite: Rewrite
) -> Iterator[tuple[PackFile, PackFile | None]]:
    """Yield each file that holds one of the runs, with the file that takes its place."""
    for one in files:
        if any(map(one.may_hold, run_ids)):
            new = rewrite(root, one, run_ids)
            if new != one:
                yield one, new


def _rewritten_runs(root: Path, old: PackFile, run_ids: frozenset[str]) -> PackFile | None:
    import polars as pl

    rows = packs.read_packed(root, old.file)
    kept = rows.filter(~pl.col("run_id").is_in(sorted(run_ids)))
    if kept.height == rows.height:
        return old
    return pack_files.write_runs(root, kept) if kept.height else None


def _tree(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder; links are files here, and are never followed."""
    for path in _all(folder):
        if stat.S_ISDIR(path.lstat().st_mode):
            yield from _tree(path)
        else:
            yield path


def _remove_tree(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.is_dir():
        shutil.rmtree(folder)  # never follows links


def _all(folder: Path) -> list[Path]:
    try:
        return [] if folder.is_symlink() else list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _bytes(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0
