"""Pack files: loose parts, and packs, written as the files of new packs."""

from __future__ import annotations

import contextlib
import io
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

from tracksite.errors import DamageError
from tracksite.schema import FORMAT, FORMAT_KEY
from tracksite.store import bounds, decoding, packs, parts, versions
from tracksite.store.manifests import Manifest, PackFile
from tracksite.store.versions import Commit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import polars as pl
    import pyarrow as pa

PACK_BYTES = 1 << 26  # of points, as parts
GROUP_ROWS = 65_536
OPTIONS = {**parts.POINTS_OPTIONS, "use_dictionary": ["run_id", "key", "part"]}

Batch: TypeAlias = dict[Commit, dict[str, parts.PartName]]  # by table


def write_batch(root: Path, batch: Batch) -> tuple[Manifest, int]:
    """Write the packs of a batch; return what puts them in force, and how many parts they hold.

    Damaged parts are left out, and segments of which not all points are here.

    Raises:
        FileNotFoundError: another packer has removed one of the parts meanwhile.
    """
    import polars as pl

    sound, counts = [], {}
    for commit, tables in batch.items():
        with contextlib.suppress(DamageError, FileNotFoundError):
            found = {table: decoding.checked(root / "log", it) for table, it in tables.items()}
            sound.append((tables["runs"], found["runs"]))
            counts[commit] = _rows(found["points"]) if "points" in found else 0
    rows = decoding.decode_patches(sound, bool)
    expected = [counts[commit] for commit in rows.select(versions.COMMIT).iter_rows()]
    rows = rows.filter(versions.points_of() == pl.Series(expected, dtype=pl.Int64))
    if not rows.height:
        return Manifest(), 0
    commits = list(rows.select(versions.COMMIT).iter_rows())
    points = [batch[commit].get("points") for commit in commits]
    hashes = [part.hash if part else None for part in points]
    rows = rows.with_columns(pl.Series("points_part", hashes, pl.String))
    written = tuple(_write_points(root, zip(commits, points, strict=True)))
    return Manifest((write_runs(root, rows),), written), len(rows) + sum(map(bool, points))


def _rows(content: bytes) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return int(pq.read_metadata(pa.BufferReader(content)).num_rows)


def write_runs(root: Path, rows: pl.DataFrame) -> PackFile:
    """Write patches (columns of `packs.packed_schema()`) as one pack."""
    ordered = rows.sort("run_id", "seq", "writer")
    content = parts.encode(ordered.to_arrow().cast(packs.packed_schema()))
    ids = ordered["run_id"]
    return PackFile(packs.write_pack(root, "runs", content), ids[0], ids[-1])


def _write_points(
    root: Path, commits: Iterable[tuple[Commit, parts.PartName | None]]
) -> Iterator[PackFile]:
    """Write points packs of about PACK_BYTES each, whole runs in each."""
    pack: _PointsPack | None = None
    for run_id, group in groupby(sorted(commits), key=lambda item: item[0][0]):
        points = [part for _, part in sorted(group, key=lambda item: item[0][::-1]) if part]
        if not points:
            continue
        pack = pack or _PointsPack(run_id)
        pack.add(run_id, [(part, parts.read_checked(root / "log", part)) for part in points])
        if pack.size > PACK_BYTES:
            yield pack.write(root)
            pack = None
    if pack is not None:
        yield pack.write(root)


class _PointsPack:
    """A points pack being put together in memory, run after run."""

    def __init__(self, first: str) -> None:
        import pyarrow.parquet as pq

        self.first = self.last = first
        self._sink = io.BytesIO()
        self._writer = pq.ParquetWriter(self._sink, packs.packed_points_schema(), **OPTIONS)
        self._pending: list[pa.Table] = []
        self._rows = 0

    @property
    def size(self) -> int:
        """Return the bytes so far."""
        return self._sink.tell()

    def add(self, run_id: str, contents: list[tuple[parts.PartName, bytes]]) -> None:
        """Add the parts of one run, in order of writing, which are known to be sound."""
        import polars as pl

        points = pl.concat(
            decoding.decode([one], decoding.empty_points(), bool).with_columns(
                pl.lit(one[0].hash).alias("part")
            )
            for one in contents
        )
        if len(contents) > 1:
            points = points.sort("key", "step", maintain_order=True)
        self.add_table(run_id, points.to_arrow())

    def add_table(self, last: str, points: pa.Table) -> None:
        """Add points of runs up to `last`."""
        self._pending.append(points.cast(packs.packed_points_schema()))
        self._rows += points.num_rows
        self.last = last
        if self._rows >= GROUP_ROWS:
            self._write_group()

    def write(self, root: Path) -> PackFile:
        """Write the pack and return what it is called."""
        self._write_group()
        self._writer.add_key_value_metadata({FORMAT_KEY: str(FORMAT).encode()})
        self._writer.close()
        file = packs.write_pack(root, "points", self._sink.getvalue())
        return PackFile(file, self.first, self.last)

    def _write_group(self) -> None:
        import pyarrow as pa

        if self._pending:
            self._writer.write_table(pa.concat_tables(self._pending), row_group_size=GROUP_ROWS)
            self._pending, self._rows = [], 0


def points_without(root: Path, old: PackFile, run_ids: frozenset[str]) -> PackFile | None:
    """Write a points pack again without some runs; return the old one where it held none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    new: _PointsPack | None = None
    found = False
    with packs.open_pack(root, old.file) as content:
        pack = bounds.open_parquet(old.file, content, packs.packed_points_schema)
        for number in range(pack.num_row_groups):
            table = pack.read_row_group(number)
            unwanted = pc.is_in(table["run_id"], pa.array(sorted(run_ids), pa.string()))
            kept = table.filter(pc.invert(unwanted))
            found |= kept.num_rows < table.num_rows
            if kept.num_rows:
                new = new or _PointsPack(kept["run_id"][0].as_py())
                new.add_table(kept["run_id"][-1].as_py(), kept)
    if not found:
        return old
    return new.write(root) if new else None
