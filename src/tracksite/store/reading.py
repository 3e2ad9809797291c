"""Reading a store's folders: list, check, decode; a bad file costs its run alone and is named."""

from __future__ import annotations

import errno
import io
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracksite.errors import DamageError
from tracksite.schema import Problem, points_schema, runs_schema
from tracksite.store import packs, parts, patches, points, verdicts
from tracksite.store.livelog import SEGMENT_NAME, LiveSegment, read_segment
from tracksite.store.process import is_alive

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from concurrent.futures import Executor

    import polars as pl

READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_HEADER_BYTES = 1 << 13  # more than any header of a live log
LIMIT_BYTES = 1 << 28  # of one `runs` part: a patch is kilobytes, never this


@dataclass(frozen=True)
class SegmentName:
    """A live log's name, bytes and time, as found."""

    run_id: str
    writer: str
    seq: int
    file: str
    content: bytes
    heartbeat: float

    @property
    def stamp(self) -> str:
        """What changes when the log grows."""
        return f"{self.file}:{len(self.content)}"


@dataclass(frozen=True)
class LiveRun:
    """A live log that no part stands for yet."""

    run_id: str
    alive: bool
    segment: LiveSegment


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
    """Return the parts in `log/`, one for each (run_id, writer, seq, table).

    A log that was saved by its reader and again, longer, by a writer that came back gives two
    parts of one commit: the longer one holds all of the shorter one.
    """
    found: dict[tuple[Any, ...], parts.PartName] = {}
    for file in names_in(folder, run_ids):
        part = parts.parse_name(file)
        if part is None:
            continue
        other = found.get((*part.commit, part.table))
        if other is not None:
            part = max((part, other), key=lambda item: (_size(folder / item.file), item.hash))
        found[*part.commit, part.table] = part
    return sorted(found.values())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def list_segments(folder: Path, run_ids: Collection[str] | None) -> list[SegmentName]:
    """Return the live logs with the bytes that are in use."""
    found = []
    for file in sorted(names_in(folder, run_ids)):
        name = SEGMENT_NAME.fullmatch(file)
        if name is None:
            continue
        try:
            content = (folder / file).read_bytes().rstrip(b"\0")
            heartbeat = (folder / file).stat().st_mtime
        except OSError:
            continue  # it became a part meanwhile
        padded = content + bytes(-len(content) % 32)
        found.append(
            SegmentName(name["run_id"], name["writer"], int(name["seq"]), file, padded, heartbeat)
        )
    return found


def has_writer(segment: SegmentName) -> bool:
    """Return whether the writer of a live log still runs; only its header is decoded."""
    try:
        header = read_segment(segment.content[:_HEADER_BYTES]).header
    except (DamageError, ValueError, KeyError, TypeError, IndexError):
        return False
    return is_alive(header, segment.heartbeat)


def read_live(
    segments: Iterable[SegmentName],
    committed: Collection[tuple[str, str, int]],
    problems: list[Problem],
) -> list[LiveRun]:
    """Return the live logs that are not parts yet, and name the unreadable ones."""
    live = []
    for segment in segments:
        if (segment.run_id, segment.writer, segment.seq) in committed:
            continue
        try:
            content = read_segment(segment.content, name=segment.file)
        except (DamageError, ValueError, KeyError, TypeError, IndexError) as error:
            problems.append(Problem(f"live/{segment.file}", segment.run_id, str(error)))
            continue
        alive = is_alive(content.header, segment.heartbeat)
        live.append(LiveRun(segment.run_id, alive, content))
    return live


def read_patches(
    folder: Path, names: Sequence[parts.PartName], pool: Executor, problems: list[Problem]
) -> pl.DataFrame:
    """Return the rows of every sound `runs` part, and name the damaged ones."""
    wanted = [part for part in names if part.table == "runs"]
    sound: list[tuple[parts.PartName, bytes]] = []
    for part, outcome in zip(
        wanted, pool.map(lambda part: _checked(folder, part), wanted), strict=True
    ):
        if isinstance(outcome, bytes):
            sound.append((part, outcome))
        else:
            problems.append(outcome)
    return _decode(sound, problems)


def _checked(folder: Path, part: parts.PartName) -> bytes | Problem:
    import polars as pl

    try:
        content = parts.read_checked(folder, part)
        if len(content) > LIMIT_BYTES:
            message = f"{part.file} is larger than any patch can be: remove it"
            raise DamageError(message)  # noqa: TRY301 - one exit for every damage
        parts.check_format(part.file, pl.read_parquet_metadata(io.BytesIO(content)))
    except FileNotFoundError:
        raise
    except DamageError as error:
        return Problem(f"log/{part.file}", part.run_id, str(error))
    except Exception as error:  # noqa: BLE001 - a decoder may raise anything on hostile bytes
        return Problem(f"log/{part.file}", part.run_id, f"{part.file} is not Parquet: {error}")
    return content


def _decode(sound: list[tuple[parts.PartName, bytes]], problems: list[Problem]) -> pl.DataFrame:
    """Decode many parts at once; where that fails, one by one to find the culprit."""
    import polars as pl

    empty = empty_patches()
    if not sound:
        return empty
    try:
        frame = pl.read_parquet([content for _, content in sound], parallel="columns")
        return frame.select(empty.columns).match_to_schema(empty.schema)
    except Exception as error:  # noqa: BLE001 - a decoder may raise anything on hostile bytes
        if len(sound) == 1:
            part = sound[0][0]
            problems.append(Problem(f"log/{part.file}", part.run_id, f"{part.file}: {error}"))
            return empty
        middle = len(sound) // 2
        return pl.concat([_decode(half, problems) for half in (sound[:middle], sound[middle:])])


def check_points(
    folder: Path,
    names: Sequence[parts.PartName],
    pool: Executor,
    problems: list[Problem],
) -> dict[str, tuple[str, ...]]:
    """Return run_id → paths of its sound `points` parts, and name the damaged ones.

    Raises:
        FileNotFoundError: one of them is gone.
    """
    cache = verdicts.cache_file(folder)
    known = verdicts.load(cache) if names else {}
    found = verdicts.of(folder / part.file for part in names)
    unknown = [part for part in names if known.get(part.file) != found.get(part.file)]
    damaged = dict(zip(unknown, pool.map(lambda part: _damage(folder, part), unknown), strict=True))
    files: defaultdict[str, list[str]] = defaultdict(list)
    for part in names:
        problem = damaged.get(part)
        if problem is None:
            files[part.run_id].append(str(folder / part.file))
        else:
            problems.append(problem)
            del found[part.file]
    if unknown:
        verdicts.save(cache, {**known, **found})
    return {run_id: tuple(paths) for run_id, paths in files.items()}


def _damage(folder: Path, part: parts.PartName) -> Problem | None:
    try:
        parts.read_checked(folder, part)
    except DamageError as error:
        return Problem(f"log/{part.file}", part.run_id, str(error))
    return None


def read_points(
    files: Iterable[str],
    run_ids: Collection[str],
    keys: Collection[str] | None = None,
    *,
    on_damage: Callable[[Problem], object] = bool,
) -> pl.DataFrame:
    """Return points, every byte checked as it is read; columns as `points_schema()`.

    Args:
        files: of `Snapshot.point_files`.
        run_ids: whose points.
        keys: of which metrics; None for all.
        on_damage: told of each file whose points are left out because it is damaged or gone.
    """
    import polars as pl

    loose: list[bytes] = []
    frames = [pl.DataFrame(pl.from_arrow(points_schema().empty_table()))]
    for path in map(Path, dict.fromkeys(files)):
        part = parts.parse_name(path.name)
        try:
            if part is None:
                root = path.parent.parent
                frames.append(packs.read_packed_points(root, path.name, run_ids, keys))
            else:
                loose.append(parts.read_checked(path.parent, part))
        except (DamageError, FileNotFoundError) as error:
            owner = part.run_id if part else None
            on_damage(Problem(f"{path.parent.name}/{path.name}", owner, str(error)))
    if loose:
        wanted = pl.col("run_id").is_in(sorted(run_ids))
        if keys is not None:
            wanted &= pl.col("key").is_in(sorted(keys))
        frames.append(pl.read_parquet(loose).select(frames[0].columns).filter(wanted))
    return pl.concat(frames)


def empty_packed() -> pl.DataFrame:
    """Return no packed patches, with every column of `packs.packed_schema()`."""
    import polars as pl

    return pl.DataFrame(pl.from_arrow(packs.packed_schema().empty_table()))


def concatenated(patches: pl.DataFrame, packed: pl.DataFrame) -> pl.DataFrame:
    """Return loose and packed patches as one frame, columns as `runs_schema()`."""
    import polars as pl

    return pl.concat([patches, packed.select(patches.columns)]) if packed.height else patches


def empty_patches() -> pl.DataFrame:
    """Return no patches, with every column of `runs_schema()`."""
    import polars as pl

    return pl.DataFrame(pl.from_arrow(runs_schema().empty_table()))


def with_live(frame: pl.DataFrame, live: Iterable[LiveRun]) -> pl.DataFrame:
    """Return the patches with one more row for each live log."""
    import polars as pl

    rows = [pl.DataFrame(pl.from_arrow(_live_row(run.segment))) for run in live]
    return pl.concat([frame, *rows]) if rows else frame


def _live_row(segment: LiveSegment) -> Any:  # noqa: ANN401 - an Arrow table
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

    tables = [points_schema().empty_table()]
    for run in live:
        ordered = points.to_sorted(run.segment.points)
        if len(ordered):
            tables.append(points.to_table(run.run_id, ordered))
    return pl.concat([pl.DataFrame(pl.from_arrow(table)) for table in tables])
