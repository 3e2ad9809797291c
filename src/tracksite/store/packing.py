"""Packing: merge loose parts into packs, safe beside writers, readers and other packers.

Order of events, so that a kill at any point loses and doubles nothing: the pack's files are
written; a manifest that names them is added; a grace period later the parts that they stand for are
removed (`clearing`). A reader that meets a part both loose and packed counts it once, and so may
two packers pack it at once.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tracksite.errors import DamageError
from tracksite.store import clearing, listing, manifests, marking, packs, parts, reading, versions
from tracksite.store.pack_files import Batch, write_batch, write_runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracksite.store.manifests import Manifest
    from tracksite.store.versions import Commit

GRACE_S = 86_400.0
DUE_PARTS = 5_000  # so many loose parts are packed without being asked
PACK_RUNS = 10_000
SMALL_PACKS = 16  # so many files of patches are merged into one
_ATTEMPTS = 20


@dataclass(frozen=True)
class Packed:
    """What packing did: parts packed, files removed, files of packs that are now in force."""

    packed: int
    removed: int
    files: int


def pack(root: Path, *, grace_s: float = GRACE_S, now: float | None = None) -> Packed:
    """Pack every part of the runs that nobody is logging to, and remove what was packed before.

    Args:
        root: the store's folder.
        grace_s: how long a file stays after it was replaced, seconds.
        now: seconds since 1970; the time of the file system when None.

    Raises:
        OSError: the disk refuses; the store is as it was.
    """
    count = 0
    while packed := _pack_batch(root):
        count += packed
    manifest = _compacted(root, manifests.in_force(root))
    removed = clearing.clear(root, manifest, grace_s=grace_s, now=now)
    return Packed(count, removed, len(manifest.files))


def is_due(root: Path) -> bool:
    """Return whether the loose parts of a store have become so many that it should be packed."""
    return len(listing.names_in(root / "log", None)) >= DUE_PARTS


def _pack_batch(root: Path) -> int:
    """Pack one batch; return how many parts it had, 0 if nothing is left that can be packed."""
    for _ in range(_ATTEMPTS):
        manifest = manifests.in_force(root)
        with contextlib.suppress(FileNotFoundError):  # another packer was faster
            for batch in _batches(_loose(root, manifest)):
                added, count = write_batch(root, batch)
                if count:
                    _publish(root, manifests.union([manifest, added]))
                    return count
            return 0
    return 0


def _loose(root: Path, manifest: Manifest) -> Batch:
    """Return the parts that can be packed, by segment: of runs without an open log, not packed."""
    live = reading.open_logs(root)
    taken = packs.packed_hashes(root, manifest.runs)
    found: defaultdict[Commit, list[parts.PartName]] = defaultdict(list)
    for part in listing.list_parts(root / "log", None):
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


def _compacted(root: Path, manifest: Manifest) -> Manifest:
    """Merge the files of patches into one where they have become many; return what is in force.

    One that is damaged, or not here yet, stays as it is.
    """
    import polars as pl

    if len(manifest.runs) <= SMALL_PACKS:
        return manifest
    merged, frames = set(), []
    for one in manifest.runs:
        try:
            frames.append(packs.read_packed(root, one.file))
            merged.add(one)
        except (DamageError, FileNotFoundError):
            continue
    if len(merged) <= 1:
        return manifest
    rows = versions.distinct(pl.concat(frames))
    left = tuple(one for one in manifest.runs if one not in merged)
    changed = replace(
        manifest,
        runs=tuple(sorted((*left, write_runs(root, rows)))),
        replaced=manifest.replaced | {one.file for one in merged},
    )
    _publish(root, changed)
    return manifests.in_force(root)


def _publish(root: Path, manifest: Manifest) -> None:
    """Put a manifest in force; a store of an earlier format says first that it is of today's."""
    marking.upgrade(root)
    manifests.publish(root, manifest)
