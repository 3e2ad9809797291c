"""Clearing: removing what has been replaced for a grace time, so that nobody needs it any more.

Nothing is removed on the word of a name. A loose part goes when the pack that holds it is here and
a manifest has named that pack for the grace time; a pack, when a manifest has said for as long that
it stands in others, and all that is in force is here; a manifest, when another one has said the
same for as long. A pack that no manifest names may be on its way into this store: it goes only if
all that it holds is in others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracksite.errors import DamageError
from tracksite.store import ages, bounds, listing, manifests, packs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from tracksite.store.manifests import Manifest, PackFile

ARRIVING_S = 86_400.0  # for which a pack that no manifest names may still be waiting for it


def clear(root: Path, manifest: Manifest, *, grace_s: float, now: float | None = None) -> int:
    """Remove what has been superfluous for the grace time; return how many files.

    Args:
        root: the store's folder.
        manifest: what is in force.
        grace_s: seconds.
        now: seconds since 1970; the time of the file system when None.
    """
    if not manifest.names:
        return 0
    clock = ages.clock_of(root / "manifest") if now is None else now
    said = _readable(root)
    settled = {
        name: one
        for name, one in said.items()
        if ages.age(root / "manifest" / name, clock) >= grace_s
    }
    old = [*_parts(root, manifest, settled.values())]
    old += _packs(root, manifest, settled.values(), clock)
    old += _manifests(root, said, settled)
    for path in old:
        ages.discard(path)
    return len(old)


def _readable(root: Path) -> dict[str, Manifest]:
    found = {}
    for name in filter(manifests.is_manifest, listing.names_in(root / "manifest", None)):
        try:
            found[name] = manifests.read(root, name)
        except (DamageError, FileNotFoundError):
            continue
    return found


def _parts(root: Path, manifest: Manifest, settled: Collection[Manifest]) -> Iterator[Path]:
    """Yield the loose parts that are in packs, which were named for long enough and are here."""
    loose = listing.list_parts(root / "log", None)
    known = frozenset[str]().union(*(one.files for one in settled))
    hashes = {part.hash for part in loose}
    held: set[str] = set()
    for one in manifest.points if loose else ():
        if one.file in known and any(one.may_hold(part.run_id) for part in loose):
            held |= points_held(root, one) & hashes
    packed: set[str] = set()
    for one in manifest.runs if loose else ():
        if one.file in known:
            for part, points in packs.packed_parts(root, one).iter_rows():
                if part in hashes and (points is None or points in held or points not in hashes):
                    packed |= {part, points} - {None}
    yield from (root / "log" / part.file for part in loose if part.hash in packed)


def points_held(root: Path, one: PackFile) -> set[str]:
    """Return the hashes of the parts whose points a pack holds; none if it cannot be read."""
    try:
        with packs.open_pack(root, one.file) as content:
            opened = bounds.open_parquet(one.file, content, packs.packed_points_schema)
            with packs.readable(one.file):
                return set(opened.read(["part"])["part"].unique().to_pylist())
    except (DamageError, OSError):
        return set()


def _packs(
    root: Path, manifest: Manifest, settled: Collection[Manifest], now: float
) -> Iterator[Path]:
    """Yield the packs that stand in others, if all of those are here, and left-over ones."""
    names = listing.names_in(root / "packs", None)
    if not manifest.whole or manifest.files - set(names):
        return
    replaced = frozenset[str]().union(*(one.replaced for one in settled))
    for name in filter(packs.is_pack, names):
        path, file = root / "packs" / name, name.removesuffix(packs.BLOCKS)
        if file in manifest.files:
            continue
        if file in replaced or (
            file not in manifest.replaced
            and ages.age(path, now) >= ARRIVING_S
            and _is_held_elsewhere(root, manifest, file)
        ):
            yield path


def _is_held_elsewhere(root: Path, manifest: Manifest, file: str) -> bool:
    """Return whether all that a pack holds, which no manifest names, is in packs in force."""
    one = manifests.PackFile(file, "", "")
    if not (root / "packs" / file).is_file():
        return True  # blocks without their pack
    if ".runs." in file:
        held = {part for rows in (packs.packed_parts(root, one),) for part in rows["part"]}
        others = packs.packed_hashes(root, manifest.runs)
    else:
        held = points_held(root, one)
        others = set().union(*(points_held(root, it) for it in manifest.points))
    return bool(held) and held <= others


def _manifests(root: Path, said: dict[str, Manifest], settled: dict[str, Manifest]) -> list[Path]:
    """Return the manifests that another one, which has been here for long enough, says anew."""
    superfluous = []
    for name, one in said.items():
        later = (
            other
            for other_name, other in settled.items()
            if other_name != name and (not one.covers(other) or other_name > name)
        )
        if any(other.covers(one) for other in later):
            superfluous.append(root / "manifest" / name)
    return superfluous
