"""Purging: removing runs for good, from parts, packs and artifacts, with an entry in the audit.

`audit/<time>-<random>.json` says who removed which runs when; entries are only ever added, so
those of two stores come together when the stores are.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from tracksite.errors import DamageError, StoreError
from tracksite.store import (
    ages,
    clearing,
    decoding,
    listing,
    manifests,
    pack_files,
    packs,
    parts,
    reading,
    remembered,
    tombstones,
    versions,
)
from tracksite.store.packing import GRACE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    import polars as pl

    from tracksite.store.local import LocalStore
    from tracksite.store.manifests import PackFile

Rewrite: TypeAlias = "Callable[[Path, PackFile, frozenset[str]], PackFile | None]"


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


def purge(
    store: LocalStore,
    run_ids: Collection[str],
    *,
    at: datetime,
    by: str,
    why: str,
    grace_s: float = GRACE_S,
) -> Purge:
    """Remove runs for good: note it in the audit, write their tombstones, then remove their files.

    The tombstones are what counts. Whatever happens afterwards the runs are gone from every
    reader's view; the next purge finishes what was cut short, and removes what came back of earlier
    ones. A run that somebody used while it was being removed stays as it is. Packs that held it,
    with others, are removed when they were replaced for the grace time.

    Args:
        store: where.
        run_ids: which runs (or other entities); those with an open live log are refused.
        at: the time, in UTC, for the audit.
        by: who, for the audit.
        why: the rule that chose them, for the audit.
        grace_s: how long packs stay after they were replaced, seconds.

    Returns:
        What was removed.

    Raises:
        StoreError: one of them is being logged to; nothing was removed.
        OSError: the disk refuses.
    """
    look_again(store.root)
    live = with_log(store, run_ids)
    if live:
        raise StoreError(f"run {min(live)} is being logged to: end it before it is removed.")
    before = sum(map(_bytes, _all(store.root / "packs")))
    if run_ids:
        _note(store.root, plan(store, run_ids), at, by, why)
    for run_id, found in _segments(store.root, run_ids)[0].items():
        store.write_patch(run_id, "run", {"purged": sorted(found), "user": by})
    look_again(store.root)
    purged = store.snapshot().purged.keys()
    gone = sorted(purged & set(run_ids))
    planned = plan(store, purged)
    _remove_files(store, sorted(purged))
    clearing.clear(store.root, manifests.in_force(store.root), grace_s=grace_s)
    shrunk = before - sum(map(_bytes, _all(store.root / "packs")))
    return Purge(tuple(gone), planned.bytes + max(0, shrunk))


def _remove_files(store: LocalStore, run_ids: Collection[str]) -> None:
    """Remove the files of runs that have their tombstones, earlier ones too: some came back.

    A run of which there is something that no tombstone names was used elsewhere, and the rest of it
    may be on its way: it is left alone.
    """
    segments, buried = _segments(store.root, run_ids)
    run_ids = [run_id for run_id in run_ids if segments[run_id] <= buried[run_id]]
    _rewrite_packs(store.root, frozenset(run_ids))
    for path in _files_of(store.root, segments, run_ids):
        path.unlink(missing_ok=True)
    for folder in ("live", "log"):
        parts.sync_folder(store.root / folder)
    for run_id in run_ids:
        _remove_tree(store.artifact_dir(run_id))
    remembered.forget(store.root / "log")


def look_again(root: Path) -> None:
    """Let a mount that keeps listings for a while list what is there now: a file came and went."""
    for folder in ("live", "log", "manifest"):
        if (root / folder).is_dir():
            ages.clock_of(root / folder)


def _segments(
    root: Path, run_ids: Collection[str]
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return run_id → its segments but for tombstones, and run_id → those that they name."""
    import polars as pl

    loose = listing.list_parts(root / "log", run_ids)
    said = [packs.packed_patches(root, one, run_ids) for one in manifests.in_force(root).runs]
    said.append(_loose_patches(root, loose))
    rows = pl.concat([decoding.empty_packed(), *said]).select(*versions.COMMIT, "purged")
    found: dict[str, set[str]] = {run_id: set() for run_id in run_ids}
    buried: dict[str, set[str]] = {run_id: set() for run_id in run_ids}
    for part in loose:
        found[part.run_id].add(tombstones.segment_of(part.writer, part.seq))
    for name in listing.segment_names(root / "live", run_ids):
        found[name["run_id"]].add(tombstones.segment_of(name["writer"], int(name["seq"])))
    for run_id, writer, seq, purged in rows.iter_rows():
        change = found[run_id].add if purged is None else found[run_id].discard
        change(tombstones.segment_of(writer, seq))
        buried[run_id].update(purged or ())
    return found, buried


def _files_of(
    root: Path, segments: Mapping[str, Collection[str]], run_ids: Collection[str]
) -> Iterator[Path]:
    """Yield the logs and loose parts of segments, patches before their points."""
    for name in listing.segment_names(root / "live", run_ids):
        if f"{name['writer']}.{name['seq']}" in segments[name["run_id"]]:
            yield root / "live" / name.string
    loose = listing.list_parts(root / "log", run_ids)
    for part in sorted(loose, key=lambda part: part.table == "points"):
        if tombstones.segment_of(part.writer, part.seq) in segments[part.run_id]:
            yield root / "log" / part.file


def _loose_patches(root: Path, loose: list[parts.PartName]) -> pl.DataFrame:
    sound = []
    for part in loose:
        if part.table == "runs":
            with contextlib.suppress(DamageError, FileNotFoundError):
                sound.append((part, decoding.checked(root / "log", part)))
    return decoding.decode_patches(sound, bool)


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
        for name in listing.names_in(root / folder, run_ids)
    ]


def _rewrite_packs(root: Path, run_ids: frozenset[str]) -> None:
    """Put packs without these runs in force, but with their tombstones."""
    manifest = manifests.in_force(root)
    runs = dict(_without(root, manifest.runs, run_ids, _rewritten_runs))
    points = dict(_without(root, manifest.points, run_ids, pack_files.points_without))
    if not runs and not points:
        return
    changed = replace(
        manifest,
        runs=tuple(one for old in manifest.runs if (one := runs.get(old, old))),
        points=tuple(one for old in manifest.points if (one := points.get(old, old))),
        replaced=manifest.replaced | {old.file for old in (*runs, *points)},
    )
    manifests.publish(root, changed)


def _without(
    root: Path, files: Collection[PackFile], run_ids: frozenset[str], rewrite: Rewrite
) -> Iterator[tuple[PackFile, PackFile | None]]:
    """Yield each file that holds one of the runs, with the file that takes its place."""
    for one in files:
        if any(map(one.may_hold, run_ids)):
            with contextlib.suppress(DamageError, FileNotFoundError):  # nobody can read it now
                new = rewrite(root, one, run_ids)
                if new != one:
                    yield one, new


def _rewritten_runs(root: Path, old: PackFile, run_ids: frozenset[str]) -> PackFile | None:
    import polars as pl

    rows = packs.read_packed(root, old.file)
    kept = rows.filter(~pl.col("run_id").is_in(sorted(run_ids)) | pl.col("purged").is_not_null())
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
