"""Versions: a live log that was saved more than once, of which the longest counts.

A log whose writer is taken for dead (by another host after a day, or in a copy of the store that
was made while the run went on) is saved as it is then. The writer, or a later copy, saves it again
under the same commit. Each version begins as the shorter ones do, so the longest says all.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from tracksite.errors import DamageError
from tracksite.schema import LIST_KEYS, SCALAR_FIELDS, STATUSES, points_schema
from tracksite.store import bounds, decoding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import polars as pl

    from tracksite.store import parts

Commit: TypeAlias = tuple[str, str, int]  # run_id, writer, seq
COMMIT = ["run_id", "writer", "seq"]


def distinct(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of packs, each version of a commit once; with its points, if one says them.

    Args:
        rows: columns of `packs.packed_schema()`.
    """
    version = [*COMMIT, "part"]
    if rows.n_unique(version) == rows.height:
        return rows
    rows = rows.sort("points_part", nulls_last=True, maintain_order=True)
    return rows.unique(version, keep="first", maintain_order=True)


def longest(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row of each commit: the longest, in the order in which they come.

    Longest is what has the most points, then what was saved from the most bytes of the log, then
    one whose run has ended, then the most items in its lists and scalars that are not null, then
    one whose points are here; of equally long ones the greatest `part`, so one that is in a part
    before a live log.

    Args:
        rows: columns of `packs.packed_schema()`; `part` is null for a live log.
    """
    import polars as pl

    if rows.n_unique(COMMIT) == rows.height:
        return rows
    rows = _with_packed_points(rows)
    items = [pl.col(name).list.len().fill_null(0) for name in LIST_KEYS]
    told = [pl.col(name).is_not_null().cast(pl.UInt32) for name in SCALAR_FIELDS]
    doubled = pl.struct(COMMIT).is_duplicated()
    ranked = (
        rows.with_row_index("place")
        .filter(doubled)
        .select(
            *COMMIT,
            points_of().alias("points"),
            pl.col("length").fill_null(0),
            pl.col("status").is_in(STATUSES[1:]).fill_null(value=False).alias("ended"),
            pl.sum_horizontal(*items, *told).alias("said"),
            (~waits_for_points()).alias("here"),
            "part",
            "place",
        )
        .sort("points", "length", "ended", "said", "here", "part", descending=True, nulls_last=True)
    )
    losers = ranked.filter(~pl.struct(COMMIT).is_first_distinct())["place"]
    return (
        rows.with_row_index("place").filter(~pl.col("place").is_in(losers.implode())).drop("place")
    )


def _with_packed_points(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows of parts with the points part of another version that has as many points.

    Versions with as many points have the same points, so one part, which may be packed already.
    """
    import polars as pl

    known = pl.col("points_part").max().over(*COMMIT, points_of())
    shared = pl.when(waits_for_points()).then(known).otherwise("points_part")
    return rows.with_columns(points_part=shared)


def paired(folder: Path, rows: pl.DataFrame, points: Iterable[parts.PartName]) -> pl.DataFrame:
    """Return rows with the hashes of their points parts: those that lack it and are in `folder`.

    Where a commit has several parts or rows, a row's own is the one with as many points as the row
    is about: of half a copy the part of another version may be here alone. A packed row may lack
    it, too: its points came after it was packed by format 1.

    Args:
        folder: the store's `log/`.
        rows: columns of `packs.packed_schema()`.
        points: the points parts in `folder` that are not in packs.
    """
    import polars as pl

    known: defaultdict[Commit, list[parts.PartName]] = defaultdict(list)
    for part in points:
        known[part.commit].append(part)
    lacking = pl.col("points_part").is_null() & (points_of() > 0)
    alone = ~pl.struct(COMMIT).is_duplicated()
    asked = rows.with_row_index("place").with_columns(points=points_of(), alone=alone)
    asked = asked.filter(lacking).select("place", "points", "alone", *COMMIT)
    found = {
        place: own
        for place, count, is_alone, *commit in asked.iter_rows()
        if (own := _own(folder, known[tuple(commit)], count, alone=is_alone))
    }
    if not found:
        return rows
    hashes = [found.get(place, own) for place, own in enumerate(rows["points_part"])]
    return rows.with_columns(pl.Series("points_part", hashes, pl.String))


def chosen(folder: Path, names: Sequence[parts.PartName]) -> dict[str, parts.PartName]:
    """Return, by table, the parts of the longest version of one commit; damaged ones left out."""
    runs = [part for part in names if part.table == "runs"]
    points = [part for part in names if part.table == "points"]
    if len(runs) <= 1 and len(points) <= 1:
        return {part.table: part for part in names}
    sound = []
    for part in runs:
        with contextlib.suppress(DamageError, FileNotFoundError):
            sound.append((part, decoding.checked(folder, part)))
    rows = decoding.decode_patches(sound, bool)
    if rows.height < len(sound):
        return {}
    counted = longest(paired(folder, rows, points))
    hashes = {*counted["part"], *counted["points_part"]}
    return {part.table: part for part in names if part.hash in hashes}


def _own(folder: Path, candidates: list[parts.PartName], count: int, *, alone: bool) -> str | None:
    if len(candidates) > 1 or not alone:
        candidates = [part for part in candidates if _rows(folder, part) == count]
    return max((part.hash for part in candidates), default=None)


def _rows(folder: Path, part: parts.PartName) -> int:
    try:
        content = decoding.checked(folder, part)
        return int(bounds.open_parquet(part.file, content, points_schema).metadata.num_rows)
    except (DamageError, FileNotFoundError):
        return -1


def waits_for_points() -> pl.Expr:
    """Return whether a row of a part has points that are in no part that is known."""
    import polars as pl

    return pl.col("part").is_not_null() & pl.col("points_part").is_null() & (points_of() > 0)


def points_of() -> pl.Expr:
    """Return how many points a patch is about."""
    import polars as pl

    counts = pl.col("metrics").list.eval(pl.element().struct.field("count"))
    return counts.list.sum().fill_null(0)
