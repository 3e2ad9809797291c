"""Remembered rows: what `runs` parts said when they were decoded, so that none is decoded twice.

They lie beside the verdicts in the user's cache folder and may be removed at any time: they spare
work and change no result. A row is used while the verdict on its part holds.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tracksite.schema import FORMAT
from tracksite.store import ages, formats, packs, parts, verdicts
from tracksite.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import polars as pl

    from tracksite.store.parts import PartName

REMEMBERED_BYTES = 1 << 28  # in memory, of all rows of a store; of a larger one none are kept
_MADE_BY = b"tracksite.rows"
_DIGEST = 40  # hex digits before the rows: the hash of all that follows


def cache_file(folder: Path) -> Path | None:
    """Return where the rows of the parts of a folder are kept; None without a cache folder."""
    beside = verdicts.cache_file(folder)
    return beside and beside.with_suffix(".arrow")


def load(folder: Path, sound: Iterable[PartName]) -> pl.DataFrame:
    """Return the rows of those of these parts that are remembered.

    Args:
        folder: the store's `log/`.
        sound: parts whose bytes are known to be those of their names.

    Returns:
        Columns as `packs.packed_schema()`.
    """
    import polars as pl

    nothing = formats.empty(packs.packed_schema())
    rows = _read(folder)
    if rows is None or rows.schema != nothing.schema:
        return nothing
    key = {"run_id": pl.String, "writer": pl.String, "seq": pl.Int64, "part": pl.String}
    names = pl.DataFrame([(*it.commit, it.hash) for it in sound], schema=key, orient="row")
    return rows.join(names, on=list(key), how="semi", maintain_order="left")


def save(folder: Path, rows: pl.DataFrame) -> None:
    """Remember rows, if the cache folder can be written; nothing else is from then on.

    Nobody but the user may read them: a store that is closed to others stays so.
    """
    cache = cache_file(folder)
    if cache is None or rows.estimated_size() > REMEMBERED_BYTES:
        return
    content = _encoded(rows)
    temporary = cache.with_name(f"{cache.name}-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as to:
            to.write(parts.digest(content).encode() + content)
        temporary.replace(cache)
    except OSError:
        ages.discard(temporary)


def forget(folder: Path) -> None:
    """Remove what is remembered of a folder: some of it is to be gone for good."""
    cache = cache_file(folder)
    if cache is not None:
        ages.discard(cache)


def _encoded(rows: pl.DataFrame) -> bytes:
    import pyarrow as pa

    table = rows.to_arrow().replace_schema_metadata({_MADE_BY: _version()})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _read(folder: Path) -> pl.DataFrame | None:
    """Return what is remembered; None where it is not what was written, by its own hash.

    Arrow believes whatever it reads: one bit that flipped is another value, or ends the process.
    """
    import polars as pl
    import pyarrow as pa

    cache = cache_file(folder)
    try:
        content = memoryview(cache.read_bytes() if cache else b"")
        if parts.digest(content[_DIGEST:]).encode() != content[:_DIGEST]:
            return None
        with pa.ipc.open_file(content[_DIGEST:]) as opened:
            if (opened.schema.metadata or {}).get(_MADE_BY) != _version():
                return None
            return pl.DataFrame(pl.from_arrow(opened.read_all()))
    except (OSError, pa.ArrowException):
        return None


def _version() -> bytes:
    return f"{FORMAT} {__version__}".encode()
