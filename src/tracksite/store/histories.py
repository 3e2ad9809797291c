"""Histories: the points of runs, from the loose parts and the packs that a snapshot names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tracksite.errors import DamageError
from tracksite.schema import Problem
from tracksite.store import packs, parts
from tracksite.store.decoding import decode, empty_points

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import polars as pl

    from tracksite.schema import Snapshot

    Sound = list[tuple[parts.PartName, bytes]]

_ATTEMPTS = 20


def read_points(
    snapshot: Snapshot,
    run_ids: Collection[str],
    keys: Collection[str] | None = None,
    *,
    on_damage: Callable[[Problem], object] = bool,
) -> pl.DataFrame:
    """Return points that are not in live logs, every byte checked; columns as `points_schema()`.

    What was packed, or written into other packs, since the snapshot was taken is read from there.

    Args:
        snapshot: says in which files they are.
        run_ids: whose points.
        keys: of which metrics; None for all.
        on_damage: told of each file whose points are left out because it is damaged or gone.
    """
    import polars as pl

    named = [file for run_id in run_ids for file in snapshot.point_files.get(run_id, ())]
    files = list(map(Path, dict.fromkeys(named)))
    loose: Sound = []
    packed: dict[Path, pl.DataFrame] = {}
    gone: list[Path] = []
    for _ in range(_ATTEMPTS):
        lost = []
        for path in files:
            part = parts.parse_name(path.name)
            try:
                if part is None:
                    root = path.parent.parent
                    packed[path] = packs.read_packed_points(root, path.name, run_ids, keys)
                else:
                    loose.append((part, parts.read_checked(path.parent, part)))
            except FileNotFoundError:
                lost.append(path)
            except DamageError as error:
                owner = part.run_id if part else None
                on_damage(Problem(f"{path.parent.name}/{path.name}", owner, str(error)))
        if not lost:
            break
        gone += lost
        files = [path for path in _in_force(Path(snapshot.root), run_ids) if path not in packed]
    _name_lost(Path(snapshot.root), gone, on_damage)
    wanted = pl.col("run_id").is_in(sorted(run_ids))
    if keys is not None:
        wanted &= pl.col("key").is_in(sorted(keys))
    found = decode(loose, empty_points(), on_damage).filter(wanted)
    return pl.concat([_once([*packed.values()], snapshot.superseded), found])


def _in_force(root: Path, run_ids: Collection[str]) -> list[Path]:
    """Return the packs that may hold the points of some runs by now."""
    manifest = packs.newest_manifest(root, on_damage=lambda *_: None)
    return [root / "packs" / one.file for one in manifest.points if any(map(one.may_hold, run_ids))]


def _name_lost(root: Path, gone: list[Path], on_damage: Callable[[Problem], object]) -> None:
    """Name the loose parts that are gone and in no pack: their run was removed meanwhile."""
    if not gone:
        return
    names = [part for path in gone if (part := parts.parse_name(path.name))]
    manifest = packs.newest_manifest(root, on_damage=lambda *_: None)
    known = packs.packed_hashes(root, manifest.runs, {part.run_id for part in names})
    for part in names:
        if part.hash not in known:
            on_damage(Problem(f"log/{part.file}", part.run_id, f"{part.file} is gone"))


def _once(packed: list[pl.DataFrame], superseded: Collection[str]) -> pl.DataFrame:
    """Return the points of packs, those of each part from the first pack that has it."""
    import polars as pl

    empty = empty_points()
    if not packed:
        return empty
    points = pl.concat(
        frame.with_columns(pl.lit(number).alias("pack")) for number, frame in enumerate(packed)
    )
    if superseded:
        points = points.filter(~pl.col("part").is_in(sorted(superseded)))
    if len(packed) > 1:
        points = points.filter(pl.col("pack") == pl.col("pack").min().over("run_id", "part"))
    return points.select(empty.columns)
