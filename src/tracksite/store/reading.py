"""Reading: what the live logs of a store say, and whose writer is still there."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tracksite.errors import DamageError
from tracksite.schema import KINDS, Problem, points_schema
from tracksite.store import ages, edits, listing, logs, patches, points
from tracksite.store.bounds import MOST_BYTES
from tracksite.store.life import is_abandoned, is_alive
from tracksite.store.logs import HEADER_BYTES
from tracksite.store.replay import LiveSegment, read_segment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    import polars as pl
    import pyarrow as pa

    from tracksite.store.logs import SegmentName


@dataclass(frozen=True)
class LiveRun:
    """What a live log says.

    Attributes:
        run_id: whose log.
        commit: what its parts will be called.
        alive: whether its writer still runs.
        segment: what it says.
        row: its patch as one row of `runs_schema()`.
    """

    run_id: str
    commit: tuple[str, str, int]
    alive: bool
    segment: LiveSegment
    row: pa.Table


def live_numbers(folder: Path, run_id: str, have: Collection[str]) -> list[int]:
    """Return the numbers in a run's live logs: of their segments, and of what was said later.

    Args:
        folder: the store's `live/`.
        run_id: whose logs.
        have: the hashes of parts that the caller looks into himself.
    """
    found = [int(name["seq"]) for name in listing.segment_names(folder, {run_id})]
    segments = logs.list_segments(folder, {run_id})
    with contextlib.suppress(FileNotFoundError):
        for segment in logs.unsaved(segments, have):
            with contextlib.suppress(DamageError):
                found += decode(segment).edits.values()
    return found


def going_on(
    segments: Sequence[SegmentName], commits: Collection[tuple[str, str, int]]
) -> set[str]:
    """Return the runs whose writer lives and has gone on in a log that is not to be seen yet.

    Args:
        segments: as `list_segments` found them.
        commits: those of the parts that are known.
    """
    seen = {segment.commit for segment in segments}
    found = set()
    for one in segments:
        if one.seal is not None and one.seal.next is not None:
            following = (one.run_id, one.writer, one.seal.next)
            if following not in seen and following not in commits and _was_alive(one):
                found.add(one.run_id)
    return found


def _was_alive(segment: SegmentName) -> bool:
    """Return whether the writer of a log that it has sealed lives, and was here just now."""
    try:
        with segment.path.open("rb") as log:
            header = log.read(HEADER_BYTES)
    except OSError:
        return False
    return has_writer(replace(segment, content=header, seal=None))


def open_logs(root: Path, run_ids: Collection[str] | None = None) -> set[str]:
    """Return the runs that somebody may be logging to; only beginnings and ends are read.

    These have a log that is not sealed, and that was not silent for so long that it is given up.
    """
    found = logs.list_segments(root / "live", run_ids, most_bytes=HEADER_BYTES)
    return {one.run_id for one in found if one.seal is None and not _is_given_up(one)}


def _is_given_up(segment: SegmentName) -> bool:
    clock = ages.recent_clock_of(segment.folder)
    return is_abandoned(segment.path, segment.heartbeat, clock) and not has_writer(segment)


def decode(segment: SegmentName, most_bytes: int | None = None) -> LiveSegment:
    """Return what a live log says, or what the first `most_bytes` of it do.

    Raises:
        DamageError: it cannot be read, or is of another run than its name says.
    """
    if len(segment.content) > MOST_BYTES["points"]:
        raise DamageError(f"{segment.file} is larger than any live log: remove it.")
    try:
        found = read_segment(segment.content[:most_bytes], name=segment.file)
        header = found.header
        identity = (header["run_id"], header["writer"], header["seq"])
        sensible = header["kind"] in KINDS and isinstance(header["opened_at"], int)
    except DamageError:
        raise
    except Exception as error:  # a decoder may raise anything on hostile bytes
        raise DamageError(f"{segment.file} cannot be read ({error!r}): remove it.") from error
    if identity != segment.commit or not sensible:
        raise DamageError(f"{segment.file} is of another run than its name says: remove it.")
    return found


def has_writer(segment: SegmentName) -> bool:
    """Return whether the writer of a live log still runs; only its header is decoded."""
    if segment.seal is not None:
        return False
    try:
        header = decode(segment, HEADER_BYTES).header
        return is_alive(header, segment.path, segment.heartbeat)
    except (DamageError, OverflowError):  # a process number that no system has
        return False


def read_live(segments: Iterable[SegmentName], problems: list[Problem]) -> list[LiveRun]:
    """Return what the live logs say, and name the unreadable ones."""
    live = []
    for segment in segments:
        if segment.blank:
            continue
        try:
            content, alive = decode(segment), has_writer(segment)
            live.append(LiveRun(segment.run_id, segment.commit, alive, content, _live_row(content)))
            if content.damaged and not alive:  # what is being written may be read half
                message = f"{segment.file} is damaged in {content.damaged} places, the rest is read"
                problems.append(Problem(f"live/{segment.file}", segment.run_id, message))
        except DamageError as error:
            problems.append(Problem(f"live/{segment.file}", segment.run_id, str(error)))
        except Exception as error:  # noqa: BLE001 - what a hostile patch does to Arrow
            message = f"{segment.file} holds what no patch can: {error}"
            problems.append(Problem(f"live/{segment.file}", segment.run_id, message))
    return live


def _live_row(segment: LiveSegment) -> pa.Table:
    header = segment.header
    summaries = points.summarise(points.to_sorted(segment.points))
    return patches.to_table(
        {"kind": header["kind"], **segment.patch, "metrics": summaries},
        run_id=header["run_id"],
        writer=header["writer"],
        seq=header["seq"],
        timestamp=header["opened_at"],
        length=segment.length,
        edits=edits.listed(segment.edits, header["seq"]),
    )


def live_points(live: Iterable[LiveRun]) -> pl.DataFrame:
    """Return the points of live logs, columns as `points_schema()`."""
    import polars as pl
    import pyarrow as pa

    tables = [pa.Table.from_batches([], points_schema())]
    for run in live:
        ordered = points.to_sorted(run.segment.points)
        if len(ordered):
            tables.append(points.to_table(run.run_id, ordered))
    return pl.concat([pl.DataFrame(pl.from_arrow(table)) for table in tables])
