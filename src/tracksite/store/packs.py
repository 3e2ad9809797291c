"""Packs: many parts merged into few files, and the manifest that says which files count.

`packs/<hash>.runs.parquet` holds patches, each with the hashes of the parts that it was;
`packs/<hash>.points.parquet` holds points sorted by run, key and step, a row group holding whole
runs where they are small. Each has its `.blocks` beside it.

`manifest/<store_id>.<version>.json` names the files in force; a version is linked into place only
if nobody else has made it. Of each store_id the newest version counts, and together they are the
manifest: so a store that was copied into another one brings its packs along.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from tracksite.errors import DamageError
from tracksite.schema import FORMAT, points_schema, runs_schema
from tracksite.store import bounds, doubled, parts, reading
from tracksite.store.blocks import CheckedFile, decode_blocks, encode_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

MANIFEST_NAME = re.compile(r"([0-9a-f]{32})\.([0-9]{8})\.json")
PACK_NAME = re.compile(r"[0-9a-f]{40}\.(runs|points)\.parquet")
BLOCKS = ".blocks"


@dataclass(frozen=True, order=True)
class PackFile:
    """One file in `packs/`: its name, and the first and last run that it holds."""

    file: str
    first: str
    last: str

    def may_hold(self, run_id: str) -> bool:
        """Return False where this file certainly holds nothing of a run."""
        return self.first <= run_id <= self.last


@dataclass(frozen=True)
class Manifest:
    """The files in force, as the newest manifests of all origins say together.

    Attributes:
        version: of the newest manifest of this store; 0 when there is none.
        runs: files of patches.
        points: files of points.
        replaced: names of files that stand in another one now, and are not to be read.
        mended: names of manifests that are damaged in one of their two lines.
    """

    version: int = 0
    runs: tuple[PackFile, ...] = ()
    points: tuple[PackFile, ...] = ()
    replaced: frozenset[str] = frozenset()
    mended: tuple[str, ...] = ()


def manifest_name(store_id: str, version: int) -> str:
    """Return the file name of a manifest: stores that are copied together keep theirs apart."""
    return f"{store_id}.{version:08}.json"


def newest_names(root: Path) -> dict[str, int]:
    """Return store_id → newest version of each store that was packed or copied here."""
    newest: dict[str, int] = {}
    for name in reading.names_in(root / "manifest", None):
        found = MANIFEST_NAME.fullmatch(name)
        if found:
            newest[found[1]] = max(int(found[2]), newest.get(found[1], 0))
    return newest


def newest_manifest(
    root: Path,
    store_id: str = "",
    on_damage: Callable[[str, DamageError], object] | None = None,
) -> Manifest:
    """Return what is in force; the version is that of `store_id`.

    Args:
        root: the store's folder.
        store_id: the store's identity.
        on_damage: told the name of each manifest that cannot be read, which is then left out.

    Raises:
        DamageError: a manifest cannot be read, and nobody is to be told.
        FileNotFoundError: a newer one came and this one was removed: ask again.
    """
    newest = newest_names(root)
    found = []
    for name in itertools.starmap(manifest_name, newest.items()):
        try:
            found.append(_read_manifest(root / "manifest" / name))
        except DamageError as error:
            if on_damage is None:
                raise
            on_damage(name, error)
    replaced = frozenset[str]().union(*(one.replaced for one in found))
    runs = {file for one in found for file in one.runs if file.file not in replaced}
    points = {file for one in found for file in one.points if file.file not in replaced}
    version = newest.get(store_id, 0)
    mended = tuple(name for one in found for name in one.mended)
    return Manifest(version, tuple(sorted(runs)), tuple(sorted(points)), replaced, mended)


def _read_manifest(path: Path) -> Manifest:
    try:
        if path.stat().st_size > bounds.MANIFEST_BYTES:
            raise DamageError(f"{path} is larger than any manifest: restore it from a copy.")
        content, mended = doubled.decode(str(path), path.read_bytes())
        if content["format"] != FORMAT:
            raise DamageError(
                f"{path} has format {content['format']}, this tracksite reads {FORMAT}: upgrade it."
            )
        runs, points = (
            tuple(_pack_file(path, name, item) for item in content[name])
            for name in ("runs", "points")
        )
        replaced = frozenset(map(str, content["replaced"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamageError(f"{path} is damaged ({error}): restore it from a copy.") from error
    return Manifest(0, runs, points, replaced, (path.name,) if mended else ())


def _pack_file(path: Path, name: str, item: dict[str, str]) -> PackFile:
    found = PackFile(str(item["file"]), str(item["first"]), str(item["last"]))
    kind = PACK_NAME.fullmatch(found.file)
    if kind is None or kind[1] != name:
        raise DamageError(f"{path} names {found.file!r}, which is no pack of {name}: restore it.")
    return found


def publish(root: Path, store_id: str, manifest: Manifest) -> bool:
    """Put a manifest in force, unless its version exists already; return whether it was done."""
    folder = root / "manifest"
    parts.make_folder(folder)
    lists: dict[str, object] = {
        name: [{"file": one.file, "first": one.first, "last": one.last} for one in files]
        for name, files in (("runs", manifest.runs), ("points", manifest.points))
    }
    content = {"format": FORMAT, **lists, "replaced": sorted(manifest.replaced)}
    temporary = folder / f"tmp-{os.urandom(6).hex()}"
    parts.write_durably(temporary, doubled.encode(content))
    try:
        os.link(temporary, folder / manifest_name(store_id, manifest.version))
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    parts.sync_folder(folder)
    return True


def is_pack(name: str) -> bool:
    """Return whether a file in `packs/` is a pack or the blocks of one."""
    return bool(PACK_NAME.fullmatch(name.removesuffix(BLOCKS)))


def write_pack(root: Path, name: str, content: bytes) -> str:
    """Write one file of a pack and its blocks, durably; return its file name."""
    folder = root / "packs"
    parts.make_folder(folder)
    file = f"{parts.digest(content)}.{name}.parquet"
    parts.write_durably(folder / (file + BLOCKS), encode_blocks(content))
    parts.write_durably(folder / file, content)
    return file


def open_pack(root: Path, file: str) -> IO[bytes] | CheckedFile:
    """Return a pack as a binary file whose every read is checked.

    Where the `.blocks` file is damaged or gone, the whole pack is checked against its name.

    Raises:
        DamageError: the pack is damaged beyond mending, or is gone although it counts.
        FileNotFoundError: it is gone because it does not count any more.
    """
    path, name = root / "packs" / file, file + BLOCKS
    try:
        return CheckedFile(path, decode_blocks(name, (root / "packs" / name).read_bytes()))
    except (DamageError, FileNotFoundError) as error:
        content = _whole(root, path)
        if parts.digest(content) != file[:40]:
            raise DamageError(f"{file} is damaged: restore it from a copy.") from error
        return io.BytesIO(content)


def _whole(root: Path, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        manifest = newest_manifest(root, on_damage=lambda *_: None)
        if path.name in {one.file for one in (*manifest.runs, *manifest.points)}:
            raise DamageError(f"{path.name} is gone: restore it from a copy.") from error
        raise


def packed_schema() -> pa.Schema:
    """Return the Arrow schema of `packs/*.runs.parquet`.

    That of `runs_schema()` and, for what the row was before, `part` and `points_part`: the hashes
    in the names of its parts (the second is null where there were no points).
    """
    import pyarrow as pa

    schema = runs_schema()
    return schema.append(pa.field("part", pa.string())).append(pa.field("points_part", pa.string()))


def packed_points_schema() -> pa.Schema:
    """Return the Arrow schema of `packs/*.points.parquet`.

    That of `points_schema()` and `part`: the hash in the name of the part that a point came from.
    Copies of a store that were packed apart may hold one part in several packs.
    """
    import pyarrow as pa

    return points_schema().append(pa.field("part", pa.string()))


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
        opened = bounds.open_parquet(file, content, packed_schema())
        with readable(file):
            table = opened.read(columns)
            frame = pl.DataFrame(pl.from_arrow(table)).select(columns or packed_schema().names)
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


def packed_numbers(root: Path, store_id: str, run_id: str) -> list[int]:
    """Return the Lamport numbers of a run's patches that are in packs."""
    found: list[int] = []
    for one in newest_manifest(root, store_id).runs:
        if one.may_hold(run_id):
            rows = read_packed(root, one.file, ["run_id", "seq"])
            found += [seq for owner, seq in rows.iter_rows() if owner == run_id]
    return found


def packed_hashes(
    root: Path, files: Iterable[PackFile], run_ids: Collection[str] | None = None
) -> set[str]:
    """Return the hashes of the parts of some runs (of all when None) that are in packs.

    Raises:
        DamageError: a pack cannot be read.
        FileNotFoundError: a pack was replaced meanwhile: ask again.
    """
    import polars as pl

    found: set[str] = set()
    for one in files:
        if run_ids is None or any(map(one.may_hold, run_ids)):
            rows = read_packed(root, one.file, ["run_id", "part", "points_part"])
            if run_ids is not None:
                rows = rows.filter(pl.col("run_id").is_in(sorted(run_ids)))
            found.update(rows["part"].drop_nulls(), rows["points_part"].drop_nulls())
    return found


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
        opened = bounds.open_parquet(file, content, packed_points_schema())
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
