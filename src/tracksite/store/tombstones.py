"""Tombstones: runs that were removed for good stay away, however their files come back.

A purge is a patch like any other: its `purged` names the segments (`<writer>.<seq>`) that it
removed. From then on the run is gone, also where a copy of the store brings those segments back.
Where the run was used in a copy that did not know of the purge (it was logged to, or a living model
version came from it), it stays: all of it that is here, and what is not is named. It is not shown
before its first segment is here, so a run never comes back as a mere end. An empty `purged` takes
back what earlier ones said: the run was imported again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracksite.schema import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    import polars as pl


@dataclass(frozen=True)
class Verdict:
    """What tombstones mean for the rows of a store.

    Attributes:
        rows: those that count, without tombstones.
        purged: run_id → when and by whom a run was removed, of those that are gone.
        problems: what is missing of those.
    """

    rows: pl.DataFrame
    purged: Mapping[str, tuple[datetime, str]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def segment_of(writer: str, seq: int) -> str:
    """Return what a tombstone calls a segment."""
    return f"{writer}.{seq}"


def has_any(rows: pl.DataFrame) -> bool:
    """Return whether some rows are tombstones."""
    return bool(rows["purged"].is_not_null().any())


def judged(rows: pl.DataFrame) -> Verdict:
    """Return which rows count; columns as `packs.packed_schema()`, of all entities."""
    import polars as pl

    if not has_any(rows):
        return Verdict(rows)
    is_tombstone = pl.col("purged").is_not_null()
    stones, others = rows.filter(is_tombstone).sort("seq", "writer"), rows.filter(~is_tombstone)
    sources = _sources(others)
    there = _segments(others.filter(pl.col("run_id").is_in(stones["run_id"].implode())))
    purged: dict[str, tuple[datetime, str]] = {}
    removed: dict[str, set[str]] = {}
    for run_id, at, by, segments in stones.select(
        "run_id", "timestamp", "user", "purged"
    ).iter_rows():
        if not segments:
            purged.pop(run_id, None)
            removed.pop(run_id, None)
            continue
        purged[run_id] = (at, by or "")
        removed.setdefault(run_id, set()).update(segments)
    problems = []
    for run_id, segments in removed.items():
        present = there.get(run_id, set())
        if not (present - segments) and run_id not in sources:
            continue
        missing = segments - present
        if _first(segments) not in missing and present:
            del purged[run_id]
        if missing:
            problems.append(_named(run_id, len(missing)))
    counting = others.filter(~pl.col("run_id").is_in(sorted(purged)))
    return Verdict(counting, purged, tuple(problems))


def _segments(rows: pl.DataFrame) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for run_id, writer, seq in rows.select("run_id", "writer", "seq").iter_rows():
        found.setdefault(run_id, set()).add(segment_of(writer, seq))
    return found


def _first(segments: Iterable[str]) -> str:
    """Return the segment in which a run began."""
    return min(segments, key=lambda it: (int(it.rpartition(".")[2]), it), default="")


def _sources(rows: pl.DataFrame) -> set[str]:
    """Return the runs that living model versions came from."""
    import polars as pl

    versions = rows.filter(pl.col("kind") == "model_version").sort("seq", "writer")
    folded = versions.group_by("run_id").agg(pl.col("source_run_id", "deleted").drop_nulls().last())
    living = folded.filter(~pl.col("deleted").fill_null(value=False))
    return set(living["source_run_id"].drop_nulls())


def _named(run_id: str, count: int) -> Problem:
    message = (
        f"run {run_id} was removed for good here and used in another copy: {count} of its segments "
        "are not in this store; copy them from there, or remove the run again."
    )
    return Problem(f"log/{run_id}", run_id, message)
