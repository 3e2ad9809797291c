"""Oddities: what a sound file may hold and nothing can show; it is read as missing, and named.

No verb of this release writes such a value, but an older one may have, or another tool. Each costs
itself alone: times that no date can hold, words for a status that there are none of, sizes below
zero, items without a key, or with the key of another one of the same patch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tracksite.schema import (
    FIRST_TIME,
    LAST_TIME,
    LIST_KEYS,
    STATUSES,
    TIME_FIELDS,
    Problem,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl
    import pyarrow.parquet as pq

_TIMES = (*TIME_FIELDS, "timestamp")
_COUNTS = {"artifacts": ("bytes",), "inputs": ("rows",)}  # never below zero
_MOST_NAMED = 5
_NEEDED = {  # an item without one of these says nothing
    "metrics": ("count", "nan_count", "last", "last_step"),
    "params": ("text",),
    "environment": ("text",),
}


def fitted(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
    """Return patches without what cannot be shown, and what that was.

    Args:
        rows: columns of `packs.packed_schema()`; they need not keep their order.
    """
    import polars as pl

    odd = pl.any_horizontal(*_odd_scalars(), *map(_odd_items, LIST_KEYS)).fill_null(value=False)
    found = rows.filter(odd)
    if not found.height:
        return rows, []
    problems: list[Problem] = []
    mended = []
    plain = found.with_columns(*(_as_numbers(rows.schema, name) for name in (*_TIMES, "metrics")))
    for row in plain.iter_rows(named=True):
        faults = list(_mend(row))
        mended.append(row)
        if faults:
            message = _sentence(row["run_id"], faults)
            problems.append(Problem(_place(row), row["run_id"], message))
    frame = pl.DataFrame(mended, schema=plain.schema, orient="row").cast(rows.schema)
    return pl.concat([rows.filter(~odd), frame]), problems


def shown_times(points: pl.DataFrame) -> pl.DataFrame:
    """Return points whose `timestamp` is null where no date can hold it."""
    import polars as pl

    return points.with_columns(pl.when(~_no_date(pl.col("timestamp"))).then("timestamp"))


def odd_times(metadata: pq.FileMetaData) -> bool:
    """Return whether a file of points says of itself that no date can hold one of their times."""
    place = metadata.schema.names.index("timestamp")
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    told = [group.column(place).statistics for group in groups]
    bounds = [(it.min_raw, it.max_raw) for it in told if it is not None and it.has_min_max]
    return any(_is_no_date(time) for pair in bounds for time in pair)


def _no_date(time: pl.Expr) -> pl.Expr:
    return ~time.to_physical().is_between(FIRST_TIME, LAST_TIME)


def _odd_scalars() -> Iterator[pl.Expr]:
    import polars as pl

    yield from (_no_date(pl.col(name)) for name in _TIMES)
    yield ~pl.col("status").is_in(STATUSES)


def _odd_items(name: str) -> pl.Expr:
    """Return whether a list of a patch has an item that cannot be shown."""
    import polars as pl

    item = pl.element().struct.field
    key = item(LIST_KEYS[name])
    odd = [key.is_null(), *(item(field).is_null() for field in _NEEDED.get(name, ()))]
    odd += [item(count) < 0 for count in _COUNTS.get(name, ())]
    if name == "metrics":
        odd.append(_no_date(item("last_at")))
    elif name == "params":
        odd.append(~item("number").is_finite())
    any_odd = pl.col(name).list.eval(pl.any_horizontal(odd)).list.any()
    keys = pl.col(name).list.eval(key)
    return any_odd | (keys.list.n_unique() < keys.list.len())


def _as_numbers(schema: Mapping[str, Any], name: str) -> pl.Expr:
    """Return a column whose times are whole numbers: Python has no dates for some of them."""
    import polars as pl

    if name != "metrics":
        return pl.col(name).cast(pl.Int64)
    fields = [
        pl.Field(field.name, pl.Int64 if field.name == "last_at" else field.dtype)
        for field in schema[name].inner.fields
    ]
    return pl.col(name).cast(pl.List(pl.Struct(fields)))


def _mend(row: dict[str, Any]) -> Iterator[str]:
    """Take out of a patch what cannot be shown, and say of each what it was."""
    for name in _TIMES:
        if _is_no_date(row[name]):
            yield f"{name} is {row[name]} µs since 1970, which no date can hold"
            row[name] = None
    if row["status"] is not None and row["status"] not in STATUSES:
        yield f"the status {row['status'][:40]!r} is none of {', '.join(STATUSES)}"
        row["status"] = None
    for name, key in LIST_KEYS.items():
        if row[name] is None:
            continue
        kept = {item[key]: item for item in row[name] if item and item[key] is not None}
        if len(kept) < len(row[name]):
            lost = len(row[name]) - len(kept)
            yield f"{lost} of its {name} have no name of their own"
        for label in list(kept):
            for fault in _mend_item(name, kept[label]):
                yield f"{label[:40]!r} of its {name} {fault}"
                if fault == _SAYS_NOTHING:
                    del kept[label]
        row[name] = list(kept.values()) or None


_SAYS_NOTHING = "lacks its value"


def _mend_item(name: str, item: dict[str, Any]) -> Iterator[str]:
    for count in _COUNTS.get(name, ()):
        if item[count] is not None and item[count] < 0:
            yield f"has {count} = {item[count]}"
            item[count] = None
    if name == "metrics" and _is_no_date(item["last_at"]):
        yield f"was logged last at {item['last_at']} µs since 1970, which no date can hold"
        item["last_at"] = None
    if name == "params" and item["number"] is not None and not math.isfinite(item["number"]):
        yield f"has the number {item['number']}"
        item["number"] = None
    if any(item[field] is None for field in _NEEDED.get(name, ())):
        yield _SAYS_NOTHING


def _is_no_date(time: int | None) -> bool:
    return time is not None and not FIRST_TIME <= time <= LAST_TIME


def _sentence(run_id: str, faults: list[str]) -> str:
    more = f"; and {len(faults) - _MOST_NAMED} more" if len(faults) > _MOST_NAMED else ""
    told = "; ".join(faults[:_MOST_NAMED])
    return f"run {run_id} says what nothing can show ({told}{more}): it is left out, log it again."


def _place(row: Mapping[str, Any]) -> str:
    """Return where a patch lies, as far as its row says: packs hold many."""
    name = f"{row['run_id']}.{row['writer']}.{row['seq']}"
    return f"live/{name}.wal" if row["part"] is None else f"log/{name}-{row['part']}.runs.parquet"
