"""Merging: the files of one store laid into another; the same as copying them, but checked."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from tracksite.errors import StoreError
from tracksite.store import packs, parts, reading
from tracksite.store.livelog import SEGMENT_NAME, used_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tracksite.store.local import LocalStore


@dataclass(frozen=True)
class Merged:
    """What merging did: files that were copied, and that were there already."""

    copied: int
    present: int


def merge(
    source: LocalStore, target: LocalStore, progress: Callable[[str], object] = bool
) -> Merged:
    """Copy what `source` holds into `target`; merging again, or the other way round, adds nothing.

    Packs come before the manifests that name them, so a merge that is cut short leaves a store
    that is whole; merge again to finish.

    Args:
        source: read only.
        target: where the files go.
        progress: told the path of each file.

    Raises:
        StoreError: both have a file of one name with other bytes.
        OSError: the disk refuses.
    """
    copied = present = 0
    for folder, files in groupby(_files(source.root), key=os.path.dirname):
        before = copied
        for relative in files:
            progress(relative)
            if _copy(source.root / relative, target.root / relative):
                copied += 1
            else:
                present += 1
        if copied > before:  # what a folder's files refer to is durable before they are
            parts.sync_folder(target.root / folder)
    return Merged(copied, present)


def _files(root: Path) -> Iterator[str]:
    """Yield the files to copy, in the order in which a reader needs them."""
    for run_folder in sorted(reading.folders_in(root / "artifacts")):
        yield from sorted(_below(root, root / "artifacts" / run_folder))
    for folder, is_ours in (
        ("packs", packs.is_pack),
        ("manifest", packs.MANIFEST_NAME.fullmatch),
        ("log", parts.PART_NAME.fullmatch),
        ("live", SEGMENT_NAME.fullmatch),
        ("audit", bool),
    ):
        names = reading.names_in(root / folder, None)
        # points before the patches that commit them
        for name in sorted(filter(is_ours, names), key=lambda name: (".runs." in name, name)):
            yield f"{folder}/{name}"


def _below(root: Path, folder: Path) -> Iterator[str]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _below(root, Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path).relative_to(root).as_posix()


def _copy(source: Path, target: Path) -> bool:
    """Copy one file under a temporary name; return False if it is there already."""
    if target.exists() and not _has_grown(source, target):
        if not _same(source, target):
            raise StoreError(
                f"{target} and {source} differ: one is damaged, `tracksite verify` tells which."
            )
        return False
    _make_folders(target.parent)
    temporary = target.with_name(f"tmp-{os.urandom(6).hex()}")
    try:
        with source.open("rb") as read, temporary.open("wb") as write:
            shutil.copyfileobj(read, write, 1 << 20)
            write.flush()
            os.fsync(write.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return True


def _make_folders(folder: Path) -> None:
    if not folder.is_dir():
        _make_folders(folder.parent)
        parts.make_folder(folder)


def _has_grown(source: Path, target: Path) -> bool:
    """Return whether `source` is a live log that says more than its copy, an earlier one."""
    return source.suffix == ".wal" and used_bytes(source) > used_bytes(target)


def _same(source: Path, target: Path) -> bool:
    """Compare two files; of a live log the target has what the source has, or more."""
    if source.suffix == ".wal":
        return True
    with source.open("rb") as one, target.open("rb") as other:
        while chunk := one.read(1 << 20):
            if other.read(1 << 20) != chunk:
                return False
        return not other.read(1)
