"""Stamping: the stamp of a run is a digest of what it is made of, and changes when that does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracksite.store import parts

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from tracksite.store.logs import SegmentName
    from tracksite.store.manifests import PackFile


def stamps(
    names: Iterable[parts.PartName],
    packed: pl.DataFrame,
    segments: Iterable[SegmentName],
    alive: Iterable[str],
    lost: Iterable[PackFile],
) -> dict[str, str]:
    """Return run_id → digest of what it is made of, the same for a part loose and packed.

    Of a run whose points may be in a pack that is not here, that is a part of the digest, too.
    """
    import polars as pl

    items = [(part.run_id, part.file) for part in names]
    items += [(segment.run_id, segment.stamp) for segment in segments]
    items += [(run_id, "alive") for run_id in alive]
    with_points = packed.filter(pl.col("points_part").is_not_null())["run_id"].unique()
    items += [
        (run_id, f"without {one.file}")
        for one in lost
        for run_id in with_points.filter(with_points.is_between(one.first, one.last))
    ]
    begin = pl.concat_str("run_id", "writer", "seq", separator=".") + "-"
    all_items = pl.concat(
        [
            pl.DataFrame(items, {"run_id": pl.String, "item": pl.String}, orient="row"),
            packed.select("run_id", item=begin + pl.col("part") + ".runs.parquet"),
            packed.filter(pl.col("points_part").is_not_null()).select(
                "run_id", item=begin + pl.col("points_part") + ".points.parquet"
            ),
        ]
    )
    joined = all_items.sort("run_id", "item").group_by("run_id").agg(pl.col("item").str.join("\n"))
    return {run_id: parts.digest(text.encode()) for run_id, text in joined.iter_rows()}
