"""Merging: the files of one store laid into another; the same as copying them, but checked."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tracksite.errors import DamageError, StoreError
from tracksite.schema import Problem
from tracksite.store import disputes, listing, manifests, marking, packs, parts
from tracksite.store.livelog import SEGMENT_NAME, used_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tracksite.store.local import LocalStore

_PASSES = 5  # over a store whose files move on while they are copied


@dataclass(frozen=True)
class Merged:
    """What merging did.

    Attributes:
        copied: how many files were copied.
        present: how many were there already.
        problems: files of the source that were left out: damaged, or not to be opened yet.
        purged: runs of the source that the target has removed for good, and that stay away.
    """

    copied: int
    present: int
    problems: tuple[Problem, ...] = ()
    purged: tuple[str, ...] = ()


@dataclass
class _Tally:
    """A merge under way: from where to where, and what it did, by path."""

    source: Path
    target: Path
    progress: Callable[[str], object]
    copied: set[str] = field(default_factory=set)
    disputed: set[str] = field(default_factory=set)
    present: set[str] = field(default_factory=set)
    problems: dict[str, Problem] = field(default_factory=dict)
    went: set[str] = field(default_factory=set)  # in this pass, as it was to be copied

    def name(self, path: str, error: Exception) -> None:
        """Name a file that is left out."""
        self.problems[path] = Problem(path, None, str(error))


def merge(
    source: LocalStore, target: LocalStore, progress: Callable[[str], object] = bool
) -> Merged:
    """Copy what `source` holds into `target`; merging again, or the other way round, adds nothing.

    The source may be logged to and packed meanwhile. A merge that is cut short leaves a store that
    is whole; merge again to finish.

    Args:
        source: read only.
        target: where the files go.
        progress: told the path of each file.

    Raises:
        OSError: the disk refuses.
    """
    marking.upgrade(target.root)
    tally = _Tally(source.root, target.root, progress)
    _lay(tally, _artifacts(source.root))
    for _ in range(_PASSES):
        tally.went.clear()
        whole = [_lay(tally, files) for files in _moving(source.root)]
        _lay_manifests(tally)
        if all(whole) and not _missing(tally):
            break
    _lay(tally, (it for it in _artifacts(source.root) if not (target.root / it).exists()))
    _settle(tally, target)
    _name_unopened(tally)
    return Merged(
        len(tally.copied),
        len(tally.present - tally.copied),
        tuple(sorted(tally.problems.values(), key=lambda problem: problem.path)),
        _purged(source, target),
    )


def _name_unopened(tally: _Tally) -> None:
    """Name what is there and cannot be opened: on some mounts a file that is being written."""
    for relative in sorted(tally.went):
        path = tally.source / relative
        if os.path.lexists(path):
            tally.name(relative, StoreError(f"{path} cannot be opened yet: merge again later."))


def _artifacts(root: Path) -> Iterator[str]:
    for run_folder in sorted(listing.folders_in(root / "artifacts")):
        yield from sorted(_below(root, root / "artifacts" / run_folder))


def _below(root: Path, folder: Path) -> Iterator[str]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _below(root, Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path).relative_to(root).as_posix()


def _moving(root: Path) -> Iterator[list[str]]:
    """Yield the files of each folder, each listed when those before were copied.

    That is the way that content moves; within a folder, what is referred to comes first.
    """
    for folder, is_ours in (
        ("live", SEGMENT_NAME.fullmatch),
        ("log", parts.PART_NAME.fullmatch),
        ("packs", packs.is_pack),
        ("audit", bool),
    ):
        names = filter(is_ours, listing.names_in(root / folder, None))
        yield [f"{folder}/{it}" for it in sorted(names, key=lambda name: (".runs." in name, name))]


def _lay(tally: _Tally, files: Iterable[str]) -> bool:
    """Copy files that are not there; return whether none went meanwhile."""
    is_whole, folders = True, set()
    for relative in files:
        tally.progress(relative)
        try:
            if _copy(tally.source / relative, tally.target / relative):
                tally.copied.add(relative)
                folders.add((tally.target / relative).parent)
            else:
                tally.present.add(relative)
        except FileNotFoundError:
            is_whole = False
            tally.went.add(relative)
        except DamageError as error:
            tally.name(relative, error)
            if relative.startswith("artifacts/"):
                tally.disputed.add(relative)
    for folder in sorted(folders):
        parts.sync_folder(folder)
    return is_whole


def _lay_manifests(tally: _Tally) -> None:
    """Let the target say which packs of the source are in force.

    Manifests of format 1 are said anew: their names do not tell those of two copies apart.
    """
    for name in manifests.counting(listing.names_in(tally.source / "manifest", None)):
        relative = f"manifest/{name}"
        try:
            said = manifests.read(tally.source, name)
        except FileNotFoundError:
            continue  # another one says the same
        except DamageError as error:
            tally.name(relative, error)
            continue
        if manifests.NUMBERED_NAME.fullmatch(name):
            is_new = manifests.say_anew(tally.target, said)
            (tally.copied if is_new else tally.present).add(relative)
        else:
            _lay(tally, [relative])


def _missing(tally: _Tally) -> bool:
    """Return whether packs in force came too late to be listed, and are in the source by now."""
    wanted = manifests.in_force(tally.target).files
    wanted -= set(listing.names_in(tally.target / "packs", None))
    return bool(wanted & set(listing.names_in(tally.source / "packs", None)))


def _settle(tally: _Tally, target: LocalStore) -> None:
    """Let the runs say which of two artifacts of one name is meant."""
    if tally.disputed:
        left = set(disputes.settle(tally.source, target, tally.disputed))
        for place in tally.disputed - left:
            del tally.problems[place]


def _purged(source: LocalStore, target: LocalStore) -> tuple[str, ...]:
    """Return the runs of the source that stay away because the target has removed them."""
    if not listing.names_in(target.root / "audit", None):
        return ()
    return tuple(sorted(target.snapshot().purged.keys() & source.snapshot().stamps.keys()))


def _copy(source: Path, target: Path) -> bool:
    """Copy one file under a temporary name; return False if it is there already.

    Raises:
        DamageError: the source is damaged, and the target has no such file or a sound one.
    """
    if target.exists() and not _is_better(source, target):
        return False
    parts.make_folder(target.parent)
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


def _is_better(source: Path, target: Path) -> bool:
    """Return whether a file has to replace the one there: it is longer, or that one is damaged.

    Raises:
        DamageError: the source is the damaged one.
    """
    if source.suffix == ".wal":
        return used_bytes(source) > used_bytes(target)
    if _same(source, target):
        return False
    expected = _digest_in(source.name)
    if expected is None or _digest(target) == expected:
        raise DamageError(f"{source} is not what {target} is, which stays: one was changed.")
    if _digest(source) != expected:
        raise DamageError(f"{source} and {target} are both damaged: restore them from a copy.")
    return True


def _digest_in(name: str) -> str | None:
    """Return the digest that a file's name says its content has."""
    part, pack = parts.parse_name(name), manifests.PACK_NAME.fullmatch(name)
    return part.hash if part else pack["hash"] if pack else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()


def _same(source: Path, target: Path) -> bool:
    with source.open("rb") as one, target.open("rb") as other:
        while chunk := one.read(1 << 20):
            if other.read(1 << 20) != chunk:
                return False
        return not other.read(1)
