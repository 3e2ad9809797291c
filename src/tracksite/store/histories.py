"""Histories: the points of runs, from the loose parts and the packs that a snapshot names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tracksite.errors import DamageError
from tracksite.schema import Problem
from tracksite.store import manifests, packs, parts
from tracksite.store.decoding import decode, empty_packed_points, empty_points

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

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

    root = Path(snapshot.root)
    named = [file for run_id in run_ids for file in snapshot.point_files.get(run_id, ())]
    files = list(map(Path, dict.fromkeys(named)))
    found = _Found()
    gone: list[Path] = []
    for _ in range(_ATTEMPTS):
        lost = [path for path in files if not _read(path, run_ids, keys, found, on_damage)]
        if not lost:
            break
        gone += lost
        files = [path for path in _in_force(root, run_ids) if path not in found.done]
    wanted = pl.col("run_id").is_in(sorted(run_ids))
    if keys is not None:
        wanted &= pl.col("key").is_in(sorted(keys))
    loose = decode(found.loose, empty_points(), on_damage).filter(wanted)
    told = {part.hash for part, _ in found.loose}
    packed = _once([*found.packed.values()], snapshot.superseded | told)
    if gone:
        counted = _counted(snapshot, run_ids, gone) - told
        packed = packed.filter(pl.col("part").is_in(sorted(counted)))
        _name_lost(root, run_ids, gone, counted - set(packed["part"].unique()), on_damage)
    return pl.concat([packed.select(loose.columns), loose])


@dataclass
class _Found:
    """What was read of which files; `done` are packs that were read or are damaged."""

    loose: Sound = field(default_factory=list)
    packed: dict[Path, pl.DataFrame] = field(default_factory=dict)
    done: set[Path] = field(default_factory=set)


def _read(
    path: Path,
    run_ids: Collection[str],
    keys: Collection[str] | None,
    found: _Found,
    on_damage: Callable[[Problem], object],
) -> bool:
    """Read one file; return False if it is gone."""
    part = parts.parse_name(path.name)
    try:
        if part is None:
            root = path.parent.parent
            found.packed[path] = packs.read_packed_points(root, path.name, run_ids, keys)
        else:
            found.loose.append((part, parts.read_checked(path.parent, part)))
    except FileNotFoundError:
        return False
    except DamageError as error:
        owner = part.run_id if part else None
        on_damage(Problem(f"{path.parent.name}/{path.name}", owner, str(error)))
    found.done.add(path)
    return True


def _in_force(root: Path, run_ids: Collection[str]) -> list[Path]:
    """Return the packs that may hold the points of some runs by now."""
    files = manifests.in_force(root).points
    return [root / "packs" / one.file for one in files if any(map(one.may_hold, run_ids))]


def _counted(snapshot: Snapshot, run_ids: Collection[str], gone: Iterable[Path]) -> set[str]:
    """Return the hashes of the points parts that a snapshot is of.

    What was logged since, or was in a live log then, is in the packs of now as well.
    """
    import polars as pl

    counted = {part.hash for path in gone if (part := parts.parse_name(path.name))}
    if snapshot.points_parts is not None:
        mine = snapshot.points_parts.filter(pl.col("run_id").is_in(sorted(run_ids)))
        counted.update(mine["points_part"].drop_nulls())
    return counted


def _name_lost(
    root: Path,
    run_ids: Collection[str],
    gone: Iterable[Path],
    counted: set[str],
    on_damage: Callable[[Problem], object],
) -> None:
    """Name the files that are gone and whose points are in no pack: runs were removed meanwhile."""
    missing = counted - packs.packed_hashes(root, manifests.in_force(root).runs, run_ids)
    for path in dict.fromkeys(gone):
        part = parts.parse_name(path.name)
        if part.hash in missing if part else missing:
            owner = part.run_id if part else None
            message = f"{path.name} is gone: copy it from where the store came from."
            on_damage(Problem(f"{path.parent.name}/{path.name}", owner, message))


def _once(packed: list[pl.DataFrame], superseded: Collection[str]) -> pl.DataFrame:
    """Return the points of packs, those of each part from the first pack that has it."""
    import polars as pl

    if not packed:
        return empty_packed_points()
    points = pl.concat(
        frame.with_columns(pl.lit(number).alias("pack")) for number, frame in enumerate(packed)
    )
    if superseded:
        points = points.filter(~pl.col("part").is_in(sorted(superseded)))
    if len(packed) > 1:
        points = points.filter(pl.col("pack") == pl.col("pack").min().over("run_id", "part"))
    return points.drop("pack")
