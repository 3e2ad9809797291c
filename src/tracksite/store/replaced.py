"""Files of artifacts that were replaced, or never finished: which they are, and their removal."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tracksite.errors import ArgumentError, NotFoundError
from tracksite.paths import inside
from tracksite.store import ages, artifacts, disk_names, edits, listing, reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tracksite.store.artifacts import Row
    from tracksite.store.local import LocalStore

_ABANDONED_S = 86_400.0  # no file takes so long to write


def remove_untouched(place: Path, aside: Path, mtime_ns: int) -> bool:
    """Remove a file, unless somebody set its time meanwhile, as whoever names it in a row does.

    Args:
        place: the file.
        aside: a free name on the same disk.
        mtime_ns: its time when it was last known to be nobody's.
    """
    try:
        if os.lstat(place).st_mtime_ns != mtime_ns:
            return False
        place.rename(aside)
    except OSError:
        return False
    untouched = aside.lstat().st_mtime_ns == mtime_ns
    if untouched or artifacts.take_name(aside, place):
        aside.unlink(missing_ok=True)
    return untouched


def superseded(rows: Sequence[Row]) -> dict[str, str]:
    """Return the files of a run that no row shows any more.

    Args:
        rows: every artifact row of the run's patches, in their order.

    Returns:
        Where each lies below the run's folder → where what is shown instead lies.
    """
    last = {row["path"]: artifacts.disk_name(row) for row in rows}
    shown = {_same(name) for name in last.values()}
    names = {artifacts.disk_name(row): last[row["path"]] for row in rows}
    return {name: newer for name, newer in names.items() if _same(name) not in shown}


def _same(name: str) -> str:
    return disk_names.key(str(PurePosixPath(name)))


def remove_superseded(folder: Path, rows: Sequence[Row], *, grace_s: float, now: float) -> int:
    """Remove files of a run that has ended which were replaced a grace time ago or longer.

    One stays while what is shown instead is not there, while it was logged a short time ago, and
    where it lies outside of the run's folder or behind a link.

    Args:
        folder: the run's folder below `artifacts/`.
        rows: as for `superseded`.
        grace_s: for how long others may still hold the row of a file that was replaced.
        now: seconds since 1970, by the clock of the file system.

    Returns:
        How many bytes were removed.
    """
    removed = 0
    for old, new in superseded(rows).items():
        with contextlib.suppress(ArgumentError, NotFoundError, OSError, ValueError):
            place, newer = inside(folder, old), inside(folder, new)
            status = place.lstat()
            since = max(status.st_mtime, newer.lstat().st_mtime)
            aside = artifacts.temporary_in(folder.parent)
            if now - since > grace_s and remove_untouched(place, aside, status.st_mtime_ns):
                removed += status.st_size
    return removed


def remove_abandoned(folder: Path, now: float | None = None) -> None:
    """Remove what writers that died left half written, a day later."""
    before = (time.time() if now is None else now) - _ABANDONED_S
    for name in listing.names_in(folder, None):
        if name.startswith("tmp-"):
            with contextlib.suppress(OSError):
                if (folder / name).lstat().st_mtime < before:
                    (folder / name).unlink()


def clear(store: LocalStore, *, grace_s: float) -> int:
    """Remove what was replaced or abandoned of all runs that nobody logs to; return the bytes.

    Args:
        store: where.
        grace_s: as for `remove_superseded`.
    """
    folder = store.root / "artifacts"
    now, going_on = ages.clock_of(folder), reading.open_logs(store.root)
    rows = edits.split(store.snapshot().patches).sort("seq", "writer")
    logged: dict[str, list[Row]] = {}
    for run_id, found in rows.select("run_id", "artifacts").drop_nulls().iter_rows():
        logged.setdefault(run_id, []).extend(found)
    remove_abandoned(folder, now)
    return sum(
        remove_superseded(store.artifact_dir(run_id), found, grace_s=grace_s, now=now)
        for run_id, found in sorted(logged.items())
        if run_id not in going_on
    )
