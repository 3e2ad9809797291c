"""Packs: many parts merged into few files.

`packs/<making>-<hash>.runs.parquet` holds patches, each with the hashes of the parts that it was;
`packs/<making>-<hash>.points.parquet` holds points sorted by run, key and step, a row group holding
whole runs where they are small. Each has its `.blocks` beside it. The first part of a name belongs
to the making of the file: the same rows may be written again, and never mean the file that another
one replaced. `manifests` say which packs count.
"""

from __future__ import annotations

import contextlib
import io
from typing import IO, TYPE_CHECKING

from tracksite.errors import DamageError
from tracksite.schema import FORMAT, points_schema, runs_schema
from tracksite.store import bounds, formats, manifests, parts
from tracksite.store.blocks import CheckedFile, decode_blocks, encode_blocks
from tracksite.store.ids import new_run_id
from tracksite.store.manifests import PACK_NAME, PackFile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

BLOCKS = ".blocks"


def is_pack(name: str) -> bool:
    """Return whether a file in `packs/` is a pack or the blocks of one."""
    return bool(PACK_NAME.fullmatch(name.removesuffix(BLOCKS)))


def write_pack(root: Path, name: str, content: bytes) -> str:
    """Write one file of a pack and its blocks, durably; return its file name."""
    folder = root / "packs"
    parts.make_folder(folder)
    file = f"{new_run_id()}-{parts.digest(content)}.{name}.parquet"
    parts.write_durably(folder / (file + BLOCKS), encode_blocks(content))
    parts.write_durably(folder / file, content)
    return file


def open_pack(root: Path, file: str) -> IO[bytes] | CheckedFile:
    """Return a pack as a binary file whose every read is checked.

    Where the `.blocks` file is damaged or gone, the whole pack is checked against its name.

    Raises:
        DamageError: the pack is damaged beyond mending, or is not there although it counts.
        FileNotFoundError: it is gone because it does not count any more.
    """
    path, name = root / "packs" / file, file + BLOCKS
    try:
        return CheckedFile(path, decode_blocks(name, (root / "packs" / name).read_bytes()))
    except (DamageError, FileNotFoundError) as error:
        content = _whole(root, path)
        if not is_sound(file, content):
            raise DamageError(f"{file} is damaged: restore it from a copy.") from error
        return io.BytesIO(content)


def not_here(file: str) -> str:
    """Return the sentence about a file that counts and is not there: a copy may be under way."""
    return f"{file} is not in this store yet: copy it from where the store came from."


def is_sound(file: str, content: bytes) -> bool:
    """Return whether the bytes of a pack match its name."""
    found = PACK_NAME.fullmatch(file)
    return found is not None and parts.digest(content) == found["hash"]


def _whole(root: Path, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        if path.name in manifests.in_force(root).files:
            raise DamageError(not_here(path.name)) from error
        raise


def packed_schema(number: int = FORMAT) -> pa.Schema:
    """Return the Arrow schema of `packs/*.runs.parquet`.

    That of `runs_schema()` and, for what the row was before, `part` and `points_part`: the hashes
    in the names of its parts (the second is null where there were no points).
    """
    import pyarrow as pa

    schema = runs_schema(number)
    return schema.append(pa.field("part", pa.string())).append(pa.field("points_part", pa.string()))


def packed_points_schema(number: int = FORMAT) -> pa.Schema:
    """Return the Arrow schema of `packs/*.points.parquet`.

    That of `points_schema()` and `part`: the hash in the name of the part that a point came from.
    Copies of a store that were packed apart may hold one part in several packs.
    """
    import pyarrow as pa

    return points_schema(number).append(pa.field("part", pa.string()))


def read_packed(
    root: Path,
    file: str,
    columns: list[str] | None = None,
    *,
    on_mended: Callable[[int], object] = bool,
) -> pl.DataFrame:
    """Return the rows of one `runs` pack, every byte checked.

    Args:
        root: the store's folder.
        file: the pack's name.
        columns: None for all of `packed_schema()`.
        on_mended: told how many blocks were damaged, if any were and could be mended.

    Raises:
        DamageError: it is damaged beyond mending, or is not such a pack.
        FileNotFoundError: it is gone.
    """
    import polars as pl

    with open_pack(root, file) as content:
        opened = bounds.open_parquet(file, content, packed_schema)
        names = columns or packed_schema().names
        with readable(file):
            there = set(opened.schema_arrow.names)
            rows = pl.DataFrame(pl.from_arrow(opened.read([it for it in names if it in there])))
            frame = (rows if "length" in there else formats.upgraded(rows)).select(names)
        if isinstance(content, CheckedFile) and content.mended:
            on_mended(len(content.mended))
    return frame


@contextlib.contextmanager
def readable(file: str) -> Iterator[None]:
    """Name the file that a decoder chokes on: it may raise anything on hostile bytes."""
    try:
        yield
    except Exception as error:
        raise DamageError(f"{file} cannot be read ({error}): restore it from a copy.") from error


def packed_numbers(root: Path, run_id: str) -> list[int]:
    """Return the numbers of a run's patches that are in packs, of those that can be read."""
    found: list[int] = []
    for one in manifests.in_force(root).runs:
        rows = packed_patches(root, one, [run_id], ["run_id", "seq", "edits"])
        edited = rows["edits"].explode().drop_nulls().struct.field("seq")
        found += [*rows["seq"], *edited]
    return found


def packed_hashes(
    root: Path, files: Iterable[PackFile], run_ids: Collection[str] | None = None
) -> set[str]:
    """Return the hashes of the parts of some runs (of all when None) that are in packs.

    A pack that cannot be read holds nothing that could be relied on, and is passed over.
    """
    rows = [packed_parts(root, one, run_ids) for one in files]
    return {hash_ for frame in rows for column in frame for hash_ in column.drop_nulls()}


def packed_parts(root: Path, one: PackFile, run_ids: Collection[str] | None = None) -> pl.DataFrame:
    """Return `part` and `points_part` of the rows of some runs in a pack; none if it is damaged."""
    names = ["part", "points_part"]
    return packed_patches(root, one, run_ids, ["run_id", *names]).select(names)


def packed_patches(
    root: Path,
    one: PackFile,
    run_ids: Collection[str] | None = None,
    columns: list[str] | None = None,
) -> pl.DataFrame:
    """Return the rows of some runs (of all when None) in a pack; none if it cannot be read."""
    import polars as pl

    nothing = formats.empty(packed_schema()).select(columns or pl.all())
    if run_ids is not None and not any(map(one.may_hold, run_ids)):
        return nothing
    try:
        rows = read_packed(root, one.file, columns)
    except (DamageError, OSError):
        return nothing
    return rows if run_ids is None else rows.filter(pl.col("run_id").is_in(sorted(run_ids)))


def read_packed_points(
    root: Path, file: str, run_ids: Collection[str], keys: Collection[str] | None = None
) -> pl.DataFrame:
    """Return the points of some runs from one `points` pack; only their row groups are read.

    Returns:
        Columns as `packed_points_schema()`.

    Raises:
        DamageError: a block of theirs is damaged beyond mending.
        FileNotFoundError: the pack is gone.
    """
    import polars as pl

    wanted = pl.col("run_id").is_in(sorted(run_ids))
    if keys is not None:
        wanted &= pl.col("key").is_in(sorted(keys))
    with open_pack(root, file) as content:
        opened = bounds.open_parquet(file, content, packed_points_schema)
        with readable(file):
            table = opened.read_row_groups(_groups_of(opened.metadata, sorted(run_ids)))
            points = pl.DataFrame(pl.from_arrow(table)).with_columns(
                pl.col("run_id", "key", "part").cast(pl.String)
            )
    return points.filter(wanted)


def _groups_of(metadata: pq.FileMetaData, run_ids: list[str]) -> list[int]:
    """Return the row groups whose range of run_id takes in one of these sorted ids."""
    from bisect import bisect_left

    found = []
    for number in range(metadata.num_row_groups):
        statistics = metadata.row_group(number).column(0).statistics
        if statistics is None or not statistics.has_min_max:
            raise DamageError(f"row group {number} does not say which runs it holds")
        at = bisect_left(run_ids, statistics.min)
        if at < len(run_ids) and run_ids[at] <= statistics.max:
            found.append(number)
    return found
