"""Remembered rows: what `runs` parts said when they were decoded, so that none is decoded twice.

They lie beside the verdicts in the user's cache folder and may be removed at any time: they spare
work and change no result. A row is used while the verdict on its part holds.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from tracksite.schema import FORMAT
from tracksite.store import formats, packs, verdicts
from tracksite.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import polars as pl

    from tracksite.store.parts import PartName

REMEMBERED_BYTES = 1 << 28  # in memory, of all rows of a store; of a larger one none are kept
_MADE_BY = b"tracksite.rows"


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
    """Remember rows, if the cache folder can be written; nothing else is from then on."""
    import pyarrow as pa

    cache = cache_file(folder)
    if cache is None or rows.estimated_size() > REMEMBERED_BYTES:
        return
    table = rows.to_arrow().replace_schema_metadata({_MADE_BY: _version()})
    temporary = cache.with_name(f"{cache.name}-{os.getpid()}")
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with (
            pa.OSFile(str(temporary), "wb") as file,
            pa.ipc.new_file(file, table.schema, options=options) as writer,
        ):
            writer.write_table(table)
        temporary.replace(cache)


def _read(folder: Path) -> pl.DataFrame | None:
    import polars as pl
    import pyarrow as pa

    cache = cache_file(folder)
    try:
        with pa.OSFile(str(cache)) as file, pa.ipc.open_file(file) as opened:
            if (opened.schema.metadata or {}).get(_MADE_BY) != _version():
                return None
            return pl.DataFrame(pl.from_arrow(opened.read_all()))
    except (OSError, pa.ArrowException):
        return None


def _version() -> bytes:
    return f"{FORMAT} {__version__}".encode()
