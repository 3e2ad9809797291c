"""Listing a store's folders, and reading the live logs in them."""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tracksite.errors import DamageError
from tracksite.schema import KINDS, Problem, points_schema
from tracksite.store import ages, edits, parts, patches, points, seals
from tracksite.store.bounds import MOST_BYTES
from tracksite.store.life import is_abandoned, is_alive
from tracksite.store.livelog import SEGMENT_NAME, SLOT
from tracksite.store.replay import LiveSegment, read_segment

if TYPE_CHECKING:
    import re
    from collections.abc import Collection, Iterable, Sequence

    import polars as pl
    import pyarrow as pa

READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
HEADER_BYTES = 1 << 13  # more than any header of a live log
GONE = (errno.ENOENT, errno.ESTALE)  # it went since it was listed; over NFS the handle did


@dataclass(frozen=True)
class SegmentName:
    """A live log's name, bytes and time, as found.

    Attributes:
        run_id: whose log.
        writer: as in its name.
        seq: as in its name.
        file: its name.
        content: all its bytes, with the zeros that it was filled up with; none yet where the seal
            says that they are in parts.
        heartbeat: when it was last written to, seconds since 1970.
        folder: the store's `live/`.
        seal: how it ends, where nobody appends to it any more.
    """

    run_id: str
    writer: str
    seq: int
    file: str
    content: bytes
    heartbeat: float
    folder: Path = Path()
    seal: seals.Seal | None = None

    @property
    def blank(self) -> bool:
        """Whether its writer has not said who it is, and may have died before it could."""
        return not self.content[:SLOT].strip(b"\0") and not self.content.strip(b"\0")

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder / self.file

    @property
    def commit(self) -> tuple[str, str, int]:
        """What its parts will be called."""
        return self.run_id, self.writer, self.seq

    @property
    def used(self) -> int:
        """How many bytes are in use, in whole slots."""
        used = len(self.content.rstrip(b"\0"))
        return used + -used % SLOT

    @property
    def stamp(self) -> str:
        """What changes when the log grows, or is sealed."""
        return f"{self.file}:{self.used if self.seal is None else 'sealed'}"


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


def segment_names(folder: Path, run_ids: Collection[str] | None) -> list[re.Match[str]]:
    """Return the names of live logs, in order."""
    return list(filter(None, map(SEGMENT_NAME.fullmatch, sorted(names_in(folder, run_ids)))))


def list_segments(
    folder: Path,
    run_ids: Collection[str] | None,
    problems: list[Problem] | None = None,
    *,
    most_bytes: int = -1,
) -> list[SegmentName]:
    """Return the live logs, as they are at this moment.

    Of a sealed log whose parts were written only the end is read; `unsaved` reads the rest where
    it is needed.

    Args:
        folder: the store's `live/`.
        run_ids: of these runs alone.
        problems: gets one for each log that cannot be read.
        most_bytes: read no more of each than this; -1: all.
    """
    found, gone = [], []
    for name in segment_names(folder, run_ids):
        try:
            found.append(_read_segment(folder, name, most_bytes))
        except OSError as error:
            if error.errno == errno.ENOENT:
                gone.append(name.string)
            elif error.errno not in GONE and problems is not None:
                problems.append(_unreadable(name.string, error))
    if gone and problems is not None:
        problems += _hidden(folder, set(gone) - set(map(_follower, found)))
    return found


def _follower(segment: SegmentName) -> str:
    """Return the name of the log in which the writer of a sealed one goes on, "" where in none."""
    if segment.seal is None or segment.seal.next is None:
        return ""
    return f"{segment.run_id}.{segment.writer}.{segment.seal.next}.wal"


def _hidden(folder: Path, files: Collection[str]) -> list[Problem]:
    """Name the logs that have a name and a size, and still cannot be opened.

    Some mounts (rclone without a cache of writes) show what is in a file when it is closed; its
    writer saves what it holds now and then, so only the first log of a run is missed. One that is
    listed because the listing is late is not meant: a new file in the folder renews it.
    """
    if not files:
        return []
    ages.clock_of(folder)
    listed = set(names_in(folder, None)).intersection(files)
    return [
        Problem(
            f"live/{file}",
            file[:32],
            f"{file} is being written and cannot be read before it is closed, on this mount: look "
            f"again, or mount it with a cache of writes",
        )
        for file in sorted(listed)
        if (folder / file).is_file()
    ]


def _read_segment(folder: Path, name: re.Match[str], most_bytes: int) -> SegmentName:
    file = name.string
    with (folder / file).open("rb", buffering=0) as log:
        status = os.fstat(log.fileno())
        seal = seals.at_end(log)
        content = b""
        if seal is None or not seal.saved:
            log.seek(0)
            content = log.read(most_bytes)
            if most_bytes >= 0 and not content.strip(b"\0"):
                content += log.read()
    seq = int(name["seq"])
    return SegmentName(
        name["run_id"], name["writer"], seq, file, content, status.st_mtime, folder, seal
    )


def unsaved(
    segments: Iterable[SegmentName],
    have: Collection[str],
    problems: list[Problem] | None = None,
    *,
    final: bool = False,
) -> list[SegmentName]:
    """Return the logs that say what is in no part; those that are sealed are read now.

    Args:
        segments: as `list_segments` found them.
        have: the hashes of the parts that are known, loose and packed.
        problems: gets one for each log that cannot be read.
        final: one that went meanwhile is such, too: it goes again and again.

    Raises:
        FileNotFoundError: one went meanwhile, so its parts are there: list them again.
    """
    found = []
    for segment in segments:
        if segment.seal is None or not segment.seal.saved:
            found.append(segment)
        elif not segment.seal.is_in(have):
            try:
                found.append(replace(segment, content=segment.path.read_bytes()))
            except OSError as error:
                if error.errno in GONE and not final:
                    raise FileNotFoundError(*error.args) from error
                if problems is not None:
                    problems.append(_unreadable(segment.file, error))
    return found


def live_numbers(folder: Path, run_id: str, have: Collection[str]) -> list[int]:
    """Return the numbers in a run's live logs: of their segments, and of what was said later.

    Args:
        folder: the store's `live/`.
        run_id: whose logs.
        have: the hashes of parts that the caller looks into himself.
    """
    found = [int(name["seq"]) for name in segment_names(folder, {run_id})]
    segments = list_segments(folder, {run_id})
    with contextlib.suppress(FileNotFoundError):
        for segment in unsaved(segments, have):
            with contextlib.suppress(DamageError):
                found += decode(segment).edits.values()
    return found


def _unreadable(file: str, error: OSError) -> Problem:
    message = f"{file} cannot be read ({error.strerror}): its run may have logged more; look again"
    return Problem(f"live/{file}", file[:32], message)


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
    found = list_segments(root / "live", run_ids, most_bytes=HEADER_BYTES)
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
