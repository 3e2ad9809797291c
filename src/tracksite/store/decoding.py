"""Decoding parts: check, decode; a bad file costs its run alone and is named."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tracksite.budgets import PLAIN_BYTES
from tracksite.errors import DamageError
from tracksite.schema import FORMAT, FORMATS, Problem, points_schema, runs_schema
from tracksite.store import bounds, formats, packs, parts, remembered, verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    import polars as pl
    import pyarrow.parquet as pq

    from tracksite.store.verdicts import Verdict


def read_patches(
    folder: Path,
    names: Sequence[parts.PartName],
    pool: Executor,
    problems: list[Problem],
    known: dict[str, Verdict],
    *,
    recall: bool = False,
    final: bool = False,
) -> pl.DataFrame:
    """Return the rows of every sound `runs` part, and name the damaged ones.

    Columns as `packs.packed_schema()`: `part` is the hash in the part's name, `points_part` null.

    Args:
        folder: the store's `log/`.
        names: what is in it.
        pool: reads and checks files.
        problems: where damage is named.
        known: verdicts on the files; what is found sound is added.
        recall: what was decoded before is not read again, and what is decoded now is remembered.
        final: name a file that is gone as well.

    Raises:
        FileNotFoundError: one of them is gone, and this was not the `final` try.
    """
    import polars as pl

    wanted = [part for part in names if part.table == "runs"]
    recalled = _recalled(folder, wanted, known) if recall else empty_packed()
    have = set(recalled.select("run_id", "writer", "seq", "part").iter_rows())
    unread = [part for part in wanted if (*part.commit, part.hash) not in have]
    sound: list[tuple[parts.PartName, bytes]] = []
    outcomes = pool.map(
        lambda part: _outcome(folder, part, known=part.file in known, final=final), unread
    )
    for part, outcome in zip(unread, outcomes, strict=True):
        if isinstance(outcome, bytes):
            sound.append((part, outcome))
        else:
            problems.append(outcome)
    known |= verdicts.of(folder / part.file for part, _ in sound)
    rows = pl.concat([recalled, decode_patches(sound, problems.append)])
    if recall and rows.height > recalled.height:
        remembered.save(folder, rows)
    return rows


def _recalled(
    folder: Path, names: Sequence[parts.PartName], known: dict[str, Verdict]
) -> pl.DataFrame:
    """Return what is remembered of the parts on which the verdicts hold."""
    now = verdicts.of(folder / part.file for part in names)
    return remembered.load(
        folder, [it for it in names if (it.file, known.get(it.file)) in now.items()]
    )


def decode_patches(
    sound: list[tuple[parts.PartName, bytes]], on_damage: Callable[[Problem], object]
) -> pl.DataFrame:
    """Return the rows of `runs` parts of any format; columns as `packs.packed_schema()`."""
    import polars as pl

    frames = [empty_packed()]
    for number in FORMATS:
        group = [one for one in sound if formats.number_of(one[1]) == number]
        damaged: list[Problem] = []
        rows = decode(group, formats.empty(runs_schema(number)), damaged.append)
        for problem in damaged:
            on_damage(problem)
        paths = {problem.path for problem in damaged}
        hashes = [part.hash for part, _ in group if f"log/{part.file}" not in paths]
        if number < FORMAT:
            rows = formats.upgraded(rows)
        frames.append(with_parts(rows, hashes).select(frames[0].columns))
    return pl.concat(frames)


def with_parts(rows: pl.DataFrame, hashes: Sequence[str | None]) -> pl.DataFrame:
    """Return patches with the hashes of their parts, columns as `packs.packed_schema()`."""
    import polars as pl

    return rows.with_columns(
        pl.Series("part", hashes, pl.String), pl.lit(None, pl.String).alias("points_part")
    )


def checked(folder: Path, part: parts.PartName, *, known: bool = False) -> bytes:
    """Return the bytes of a part that match its name, can be decoded and do not expand too far.

    The name is a hash of the bytes, so what was `known` to be within bounds still is.

    Raises:
        DamageError: they do not.
        FileNotFoundError: it is gone.
    """
    content = parts.read_checked(folder, part)
    if not known:
        schema = runs_schema if part.table == "runs" else points_schema
        most, plain = bounds.MOST_BYTES[part.table], PLAIN_BYTES[part.table]
        opened = bounds.open_parquet(part.file, content, schema, most, plain_bytes=plain)
        _check_points_owner(part, opened)
    return content


def _outcome(
    folder: Path, part: parts.PartName, *, known: bool = False, final: bool = False
) -> bytes | Problem:
    try:
        return checked(folder, part, known=known)
    except DamageError as error:
        return Problem(f"log/{part.file}", part.run_id, str(error))
    except FileNotFoundError:
        if not final:
            raise
        message = f"{part.file} is gone: the folder is listed late, or copy it from elsewhere."
        return Problem(f"log/{part.file}", part.run_id, message)


def decode(
    sound: list[tuple[parts.PartName, bytes]],
    empty: pl.DataFrame,
    on_damage: Callable[[Problem], object],
) -> pl.DataFrame:
    """Return the rows of many parts, in their order; columns as `empty`, the same for all.

    They are decoded at once; where that fails, in halves, to find the culprit for `on_damage`.
    """
    import polars as pl

    if not sound:
        return empty
    try:
        frame = pl.read_parquet([content for _, content in sound], parallel="columns").rechunk()
        if "writer" in empty.columns:
            _check_commits(frame, [part for part, _ in sound])
        return frame.select(empty.columns).match_to_schema(empty.schema)
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - hostile bytes
        if len(sound) == 1:
            part = sound[0][0]
            on_damage(Problem(f"log/{part.file}", part.run_id, f"{part.file}: {error}"))
            return empty
        middle = len(sound) // 2
        halves = (sound[:middle], sound[middle:])
        return pl.concat([decode(half, empty, on_damage) for half in halves])


def _check_points_owner(part: parts.PartName, opened: pq.ParquetFile) -> None:
    """Raise DamageError where a part holds points of other runs than the one in its name."""
    if part.table == "runs":
        return
    try:
        column = opened.read(["run_id"])["run_id"]
    except Exception as error:  # a decoder may raise anything on hostile bytes
        raise DamageError(f"{part.file} cannot be read ({error}): restore a copy of it.") from error
    if set(column.unique().to_pylist()) - {part.run_id}:
        raise DamageError(f"{part.file} holds points of another run than its name says: remove it.")


def _check_commits(frame: pl.DataFrame, names: list[parts.PartName]) -> None:
    """Raise DamageError where a part is not the one patch that its name says."""
    found = list(frame.select("run_id", "writer", "seq").iter_rows())
    if found != [part.commit for part in names]:
        raise DamageError("it is not the one patch that its name says: remove it.")


def check_points(
    folder: Path,
    names: Sequence[parts.PartName],
    pool: Executor,
    problems: list[Problem],
    known: dict[str, Verdict],
    *,
    final: bool = False,
) -> dict[str, tuple[str, ...]]:
    """Return run_id → paths of its sound `points` parts, and name the damaged ones.

    Args:
        folder: the store's `log/`.
        names: the parts to check.
        pool: reads and checks files.
        problems: where damage is named.
        known: verdicts on the files; what is found sound is added.
        final: name a file that is gone as well.

    Raises:
        FileNotFoundError: one of them is gone, and this was not the `final` try.
    """
    found = verdicts.of(folder / part.file for part in names)
    unknown = [part for part in names if known.get(part.file) != found.get(part.file)]
    outcomes = pool.map(lambda part: _damage(folder, part, final=final), unknown)
    damaged = dict(zip(unknown, outcomes, strict=True))
    files: defaultdict[str, list[str]] = defaultdict(list)
    for part in names:
        problem = damaged.get(part)
        if problem is None:
            files[part.run_id].append(str(folder / part.file))
        else:
            problems.append(problem)
            found.pop(part.file, None)
    known |= found
    return {run_id: tuple(paths) for run_id, paths in files.items()}


def _damage(folder: Path, part: parts.PartName, *, final: bool) -> Problem | None:
    outcome = _outcome(folder, part, final=final)
    return None if isinstance(outcome, bytes) else outcome


def empty_packed() -> pl.DataFrame:
    """Return no packed patches, with every column of `packs.packed_schema()`."""
    return formats.empty(packs.packed_schema())


def empty_packed_points() -> pl.DataFrame:
    """Return no packed points, with every column of `packs.packed_points_schema()`."""
    return formats.empty(packs.packed_points_schema())


def empty_points() -> pl.DataFrame:
    """Return no points, with every column of `points_schema()`."""
    return formats.empty(points_schema())
