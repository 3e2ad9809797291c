"""Edits: what one patch said at different times, as a patch for each of them.

A live log becomes one patch, with the number of its beginning. Of what it said later, `edits` keeps
the number of that moment: another writer may have changed the same thing in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracksite.schema import LIST_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import polars as pl


def listed(edits: Mapping[tuple[str, str], int], seq: int) -> list[dict[str, Any]] | None:
    """Return the `edits` of a patch of this number; None where all was said with it.

    Args:
        edits: (field, key of the item or "") → when it was said.
        seq: the patch's own number.
    """
    later = [
        {"field": field, "key": key, "seq": number}
        for (field, key), number in sorted(edits.items())
        if number != seq
    ]
    return later or None


def last(path: Path) -> int:
    """Return the greatest number that the `edits` of a `runs` part say; 0 if there is none."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as part:
            rows = part.read(["edits.list.element.seq"])["edits"].to_pylist()
    except Exception:  # noqa: BLE001 - a damaged part is named by whoever reads it
        return 0
    return max((edit["seq"] for edits in rows for edit in edits or ()), default=0)


def last_of_row() -> pl.Expr:
    """Return the greatest number of what a patch says later than its own; null if nothing."""
    import polars as pl

    return pl.col("edits").list.eval(pl.element().struct.field("seq")).list.max()


def split(patches: pl.DataFrame) -> pl.DataFrame:
    """Return patches, columns as given, with a row of its own for what was said later.

    Only entities that have several patches are looked at: within one the order is settled. But when
    it was deleted matters to others.
    """
    import polars as pl

    if patches["edits"].null_count() == patches.height:
        return patches
    edited = pl.col("edits").list.len().fill_null(0) > 0
    deleted = pl.col("edits").list.eval(pl.element().struct.field("field") == "deleted").list.any()
    concerned = edited & (pl.col("run_id").is_duplicated() | deleted)
    rows = patches.filter(concerned)
    if not rows.height:
        return patches
    apart = [patch for row in rows.iter_rows(named=True) for patch in _apart(row)]
    frame = pl.DataFrame(apart, schema=patches.schema, orient="row")
    return pl.concat([patches.filter(~concerned), frame])


def _apart(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what a row said at its number, then what it said at each later one."""
    said = {(edit["field"], edit["key"]): edit["seq"] for edit in row["edits"]}
    later: dict[int, dict[str, Any]] = {}
    first = dict(row)
    for (name, key), seq in said.items():
        patch = later.setdefault(seq, dict.fromkeys(row))
        if name in LIST_KEYS:
            items = first[name] or []
            patch[name] = [
                *(patch[name] or []),
                *(item for item in items if item[LIST_KEYS[name]] == key),
            ]
            first[name] = [item for item in items if item[LIST_KEYS[name]] != key] or None
        elif name in row:
            patch[name], first[name] = row[name], None
    yield first
    for seq, patch in later.items():
        own = {name: row[name] for name in ("run_id", "kind", "writer", "timestamp")}
        yield {**patch, **own, "seq": seq}
