"""Listing a store's folders, and reading the live logs in them."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracksite.errors import DamageError
from tracksite.schema import KINDS, Problem, points_schema
from tracksite.store import parts, patches, points
from tracksite.store.bounds import MOST_BYTES
from tracksite.store.livelog import SEGMENT_NAME, SLOT
from tracksite.store.process import is_alive
from tracksite.store.replay import LiveSegment, read_segment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    import polars as pl
    import pyarrow as pa

READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_HEADER_BYTES = 1 << 13  # more than any header of a live log


@dataclass(frozen=True)
class SegmentName:
    """A live log's name, bytes and time, as found.

    Attributes:
        run_id: whose log.
        writer: as in its name.
        seq: as in its name.
        file: its name.
        content: all its bytes, with the zeros that it was filled up with.
        heartbeat: when it was last written to, seconds since 1970.
    """

    run_id: str
    writer: str
    seq: int
    file: str
    content: bytes
    heartbeat: float

    @property
    def blank(self) -> bool:
        """Whether its writer has not said who it is, and may have died before it could."""
        return not self.content[:SLOT].strip(b"\0") and not self.content.strip(b"\0")

    @property
    def commit(self) -> tuple[str, str, int]:
        """What its parts will be called."""
        return self.run_id, self.writer, self.seq

    @property
    def stamp(self) -> str:
        """What changes when the log grows: how many whole slots are in use."""
        used = len(self.content.rstrip(b"\0"))
        return f"{self.file}:{used + -used % SLOT}"


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


def names_in(folder: Path, run_ids: Collection[str] | None) -> list[str]:
    """Return the regular files in a folder that begin with one of these ids (any when None)."""
    try:
        with os.scandir(folder) as entries:
            return [
                entry.name
                for entry in entries
                if (run_ids is None or entry.name[:32] in run_ids)
                and entry.is_file(follow_symlinks=False)
            ]
    except FileNotFoundError:
        return []


def folders_in(folder: Path) -> list[str]:
    """Return the folders in a folder, links to folders left out."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def list_parts(folder: Path, run_ids: Collection[str] | None) -> list[parts.PartName]:
    """Return the parts in `log/`, in order of name; a commit may have several `versions`."""
    return sorted(filter(None, map(parts.parse_name, names_in(folder, run_ids))))


def list_segments(folder: Path, run_ids: Collection[str] | None) -> list[SegmentName]:
    """Return the live logs, as they are at this moment."""
    found = []
    for file in sorted(names_in(folder, run_ids)):
        name = SEGMENT_NAME.fullmatch(file)
        if name is None:
            continue
        try:
            content = (folder / file).read_bytes()
            heartbeat = (folder / file).stat().st_mtime
        except OSError:
            continue  # it became a part meanwhile
        found.append(
            SegmentName(name["run_id"], name["writer"], int(name["seq"]), file, content, heartbeat)
        )
    return found


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
    try:
        return is_alive(decode(segment, _HEADER_BYTES).header, segment.heartbeat)
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
