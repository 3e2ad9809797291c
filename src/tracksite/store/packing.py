"""Packing: merge loose parts into packs, safe beside writers, readers and other packers.

Order of events, so that a kill at any point loses and doubles nothing: the pack's files are
written; a manifest that names them is linked into place; a grace period later the parts that they
stand for are removed. A reader that meets a part both loose and packed counts it once.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tracksite.errors import StoreError
from tracksite.store import packs, parts, reading, versions
from tracksite.store.pack_files import Batch, write_batch, write_runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracksite.store.packs import Manifest, PackFile
    from tracksite.store.versions import Commit

GRACE_S = 3600.0
DUE_PARTS = 5_000  # so many loose parts are packed without being asked
PACK_RUNS = 10_000
SMALL_PACKS = 16  # so many files of patches are merged into one
_ATTEMPTS = 100


@dataclass(frozen=True)
class Packed:
    """What packing did: parts packed and removed, files of packs that are now in force."""

    packed: int
    removed: int
    files: int


def pack(
    root: Path, store_id: str, *, grace_s: float = GRACE_S, now: float | None = None
) -> Packed:
    """Pack every part of the runs that nobody is logging to, and remove what was packed before.

    Args:
        root: the store's folder.
        store_id: the store's identity.
        grace_s: how long a part stays after its pack came into force, seconds.
        now: seconds since 1970; the clock when None.

    Raises:
        DamageError: the manifest cannot be read.
        OSError: the disk refuses; the store is as it was.
    """
    count = 0
    for _ in range(_ATTEMPTS):
        try:
            packed = _pack_batch(root, store_id)
            count += packed or 0
            if packed is None:
                manifest = _compacted(root, store_id, packs.newest_manifest(root, store_id))
                clock = time.time() if now is None else now
                removed = _remove(root, store_id, manifest, grace_s, clock)
                return Packed(count, removed, len(manifest.runs) + len(manifest.points))
        except FileNotFoundError:
            continue  # another packer was faster
    raise StoreError(f"the files of {root} keep disappearing: wait until its packing is over.")


def is_due(root: Path) -> bool:
    """Return whether the loose parts of a store have become so many that it should be packed."""
    return len(reading.names_in(root / "log", None)) >= DUE_PARTS


def _pack_batch(root: Path, store_id: str) -> int | None:
    """Pack one batch; return its parts: 0 if another packer was faster, None if none is left."""
    manifest = packs.newest_manifest(root, store_id)
    batch = next(_batches(_loose(root, manifest)), None)
    added = write_batch(root, batch) if batch else None
    if batch is None or added is None:
        return None
    published = packs.publish(root, store_id, _with(manifest, *added))
    return sum(map(len, batch.values())) if published else 0


def _loose(root: Path, manifest: Manifest) -> Batch:
    """Return the parts that can be packed, by commit: of runs without an open log, not packed."""
    live = reading.open_logs(root)
    taken = packs.packed_hashes(root, manifest.runs)
    found: defaultdict[Commit, list[parts.PartName]] = defaultdict(list)
    for part in reading.list_parts(root / "log", None):
        if part.run_id not in live and part.hash not in taken:
            found[part.commit].append(part)
    return {
        commit: tables
        for commit, names in found.items()
        if "runs" in (tables := versions.chosen(root / "log", names))
    }


def _batches(loose: Batch) -> Iterator[Batch]:
    """Split parts, in order of run, where a pack has grown large."""
    batch: Batch = {}
    for commit in sorted(loose):
        batch[commit] = loose[commit]
        if len(batch) >= PACK_RUNS:
            yield batch
            batch = {}
    if batch:
        yield batch


def _with(manifest: Manifest, runs: list[PackFile], points: list[PackFile]) -> Manifest:
    return replace(
        manifest,
        version=manifest.version + 1,
        runs=tuple(sorted((*manifest.runs, *runs))),
        points=tuple(sorted((*manifest.points, *points))),
    )


def _compacted(root: Path, store_id: str, manifest: Manifest) -> Manifest:
    """Merge the files of patches into one where they have become many; return what is in force."""
    import polars as pl

    if len(manifest.runs) <= SMALL_PACKS:
        return manifest
    rows = pl.concat([packs.read_packed(root, one.file) for one in manifest.runs])
    rows = rows.unique([*versions.COMMIT, "part"], keep="first", maintain_order=True)
    merged = replace(
        manifest,
        version=manifest.version + 1,
        runs=(write_runs(root, rows),),
        replaced=manifest.replaced | {one.file for one in manifest.runs},
    )
    packs.publish(root, store_id, merged)
    return packs.newest_manifest(root, store_id)


def _remove(root: Path, store_id: str, manifest: Manifest, grace_s: float, now: float) -> int:
    """Remove what the manifest makes superfluous, once it has been in force for long enough."""
    in_force = root / "manifest" / packs.manifest_name(store_id, manifest.version)
    if not manifest.version or _age(in_force, now) < grace_s:
        return 0
    taken = packs.packed_hashes(root, manifest.runs)
    old = [
        root / "log" / part.file
        for part in reading.list_parts(root / "log", None)
        if part.hash in taken
    ]
    current = {one.file for one in (*manifest.runs, *manifest.points)}
    old += [
        path
        for path in _paths(root / "packs")
        if path.name.removesuffix(packs.BLOCKS) not in current and _age(path, now) >= GRACE_S
    ]
    newest = {packs.manifest_name(*one) for one in packs.newest_names(root).items()}
    old += [path for path in _paths(root / "manifest") if path.name not in newest]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _paths(folder: Path) -> list[Path]:
    return [folder / name for name in reading.names_in(folder, None)]


def _age(path: Path, now: float) -> float:
    try:
        return now - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
