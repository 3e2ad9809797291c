"""Parts: immutable Parquet files whose name carries the hash of their bytes.

A name is `<run_id>.<writer>.<seq>-<hash>.<runs|points>.parquet`. `seq` says when its segment
was begun, by `clock`: it is above every number that its writer knew of. The `runs` part of a
(run_id, writer, seq) is written after its `points` part and commits it: points without a `runs`
part do not exist for readers.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracksite.errors import DamageError
from tracksite.schema import FORMAT, FORMAT_KEY, points_schema
from tracksite.store import system
from tracksite.store.bounds import MOST_BYTES, may_be_read

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import pyarrow as pa

PART_NAME = re.compile(
    r"(?P<run_id>[0-9a-f]{32})\.(?P<writer>[0-9a-f]{12})\.(?P<seq>0|[1-9][0-9]{0,17})"
    r"-(?P<hash>[0-9a-f]{40})\.(?P<table>runs|points)\.parquet"
)


_OPTIONS: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "write_page_checksum": True,
    "store_schema": False,
}
RUNS_OPTIONS = {**_OPTIONS, "use_dictionary": False, "write_statistics": False}
SMALL_BYTES = 1 << 14
sync_folder = system.sync_folder
POINTS_OPTIONS = {**_OPTIONS, "use_dictionary": ["run_id", "key"]}


@dataclass(frozen=True, order=True)
class PartName:
    """What a part's file name says."""

    run_id: str
    writer: str
    seq: int
    hash: str
    table: str

    @property
    def file(self) -> str:
        """The file name."""
        return f"{self.run_id}.{self.writer}.{self.seq}-{self.hash}.{self.table}.parquet"

    @property
    def commit(self) -> tuple[str, str, int]:
        """What the `runs` and the `points` part of one flush share."""
        return self.run_id, self.writer, self.seq


def parse_name(file: str) -> PartName | None:
    """Return what the file name says, or None when it is not a part's name."""
    found = PART_NAME.fullmatch(file)
    if found is None:
        return None
    run_id, writer, seq, content_hash, table = found.groups()
    return PartName(run_id, writer, int(seq), content_hash, table)


def digest(content: bytes | memoryview) -> str:
    """Return 40 hex digits: BLAKE2b (RFC 7693) with 160 bits."""
    return hashlib.blake2b(content, digest_size=20).hexdigest()


def encode(table: pa.Table) -> bytes:
    """Return the table as Parquet bytes: page checksums, row groups of 64k rows.

    It is compressed with zstd of level 1, or with Snappy where it is small: to make a zstd frame
    for each column takes longer than all else then, and the file becomes no smaller by it. Millions
    of points that are all the same are not compressed: a reader would take the file for a bomb.
    """
    of_points = table.schema.names == points_schema().names
    options = POINTS_OPTIONS if of_points else RUNS_OPTIONS
    if table.nbytes < SMALL_BYTES:
        options = {**options, "compression": "snappy", "compression_level": None}
    content = _written(table, options)
    if of_points and not may_be_read(table, len(content)):
        content = _written(table, {**options, "compression": "none", "compression_level": None})
    return content


def _written(table: pa.Table, options: dict[str, Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, **options) as writer:
        writer.write_table(table, row_group_size=65_536)
        writer.add_key_value_metadata({FORMAT_KEY: str(FORMAT).encode()})
    return bytes(sink.getvalue())


def write_part(
    folder: Path,
    commit: tuple[str, str, int],
    name: str,
    table: pa.Table,
    have: Collection[str] = (),
) -> PartName:
    """Write one part durably and return its name: it is whole or invisible.

    Args:
        folder: the store's `log/`.
        commit: run_id, writer, seq.
        name: `runs` or `points`.
        table: rows in the schema of that table.
        have: hashes of parts that are elsewhere, so that they need not be written.

    Raises:
        OSError: the disk refused; nothing is left behind but at most a temporary file.
    """
    content = encode(table)
    part = PartName(*commit, digest(content), name)
    if part.hash not in have:
        if _holds(folder / part.file, content):
            sync_folder(folder)  # whoever wrote it may have died before that
        else:
            write_durably(folder / part.file, content)
    return part


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def write_durably(path: Path, content: bytes) -> None:
    """Write bytes under a temporary name, fsync, rename, and fsync the folder."""
    temporary = path.with_name(f"tmp-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder durably, with those above it, unless it is there."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def read_checked(folder: Path, part: PartName) -> bytes:
    """Return the bytes of a part, only if they are what its name says.

    Raises:
        DamageError: the bytes were changed, cut short, too many or cannot be read.
        FileNotFoundError: the file is gone (packed or purged meanwhile).
    """
    try:
        if (folder / part.file).stat().st_size > MOST_BYTES[part.table]:
            raise DamageError(f"{part.file} is larger than any part can be: remove it.")
        content = (folder / part.file).read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        message = f"{part.file} cannot be read ({error.strerror}): check the disk and permissions"
        raise DamageError(message) from error
    if digest(content) != part.hash:
        message = f"{part.file} is damaged (its bytes do not match its name): restore a copy of it"
        raise DamageError(message)
    return content
