"""Artifacts as they lie in a store: found, checked, opened, and removed when they were replaced.

A row of a run says what was logged: `path`, `bytes`, `sha256`, and `file`, where it lies below the
run's folder if that is not `path`. `store.shelf` puts them there. A row may be hostile: its file
is believed only inside of the run's folder, through no link, and with the digest that it says.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from tracksite.errors import ArgumentError, DamageError, NotFoundError
from tracksite.paths import inside
from tracksite.store import disk_names, listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    Row = Mapping[str, Any]

CHUNK = 1 << 20
ABANDONED_S = 86_400.0  # no file takes so long to write


def disk_name(row: Row) -> str:
    """Return where an artifact lies below its run's folder."""
    return str(row.get("file") or row["path"])


def locate(folder: Path, row: Row) -> Path:
    """Return the file of an artifact below its run's folder; its content is not looked at.

    Raises:
        NotFoundError: it is not there, or not yet.
        DamageError: something is there that is no plain file, or lies elsewhere.
    """
    place = _place(folder, row)
    if os.path.islink(folder):  # noqa: PTH114 - it never raises
        message = (
            f"artifact {row['path']!r} cannot be read: the folder {folder.name} is a symbolic link"
        )
        raise DamageError(f"{message}: put the folder itself there.")
    try:
        return inside(folder, disk_name(row))
    except NotFoundError:
        message = f"artifact {row['path']!r} is not in this store yet: copy {place}."
        raise NotFoundError(message) from None
    except (ArgumentError, ValueError) as error:
        raise DamageError(f"artifact {row['path']!r} cannot be read: {error}") from error
    except OSError as error:
        raise _unreadable(folder, row, error) from error


def check(folder: Path, row: Row) -> Path:
    """Return the file of an artifact, sure to hold what was logged.

    Raises:
        NotFoundError: it is not there, or not yet.
        DamageError: it cannot be read, or is not what was logged.
    """
    place = locate(folder, row)
    try:
        found = sha256(place)
    except OSError as error:
        raise _unreadable(folder, row, error) from error
    if found != row["sha256"]:
        raise _other(folder, row)
    return place


def read(folder: Path, row: Row) -> bytes:
    """Return the content of an artifact, sure to be what was logged; raises as `check`."""
    place = locate(folder, row)
    try:
        content = place.read_bytes() if place.stat().st_size == row["bytes"] else None
    except OSError as error:
        raise _unreadable(folder, row, error) from error
    if content is None or hashlib.sha256(content).hexdigest() != row["sha256"]:
        raise _other(folder, row)
    return content


def _place(folder: Path, row: Row) -> str:
    """Return what a message calls a file: the same in every copy of the store."""
    return f"artifacts/{folder.name}/{disk_name(row)}"


def _unreadable(folder: Path, row: Row, error: OSError) -> DamageError:
    return DamageError(
        f"artifact {row['path']!r} cannot be read ({error.strerror}): "
        f"restore {_place(folder, row)} from a copy."
    )


def _other(folder: Path, row: Row) -> DamageError:
    return DamageError(
        f"artifact {row['path']!r} is not the file that was logged (its SHA-256 differs): "
        f"restore {_place(folder, row)} from a copy, or log it again."
    )


def size_on_disk(folder: str, row: Row) -> int | None:
    """Return how many bytes lie where an artifact belongs; None where no plain file is.

    One look, for planning: what it finds is not to be trusted with anything else.
    """
    name = disk_name(row)
    if ".." in name.split("/") or name.startswith("/"):
        return None
    try:
        status = os.lstat(f"{folder}/{name}")
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def chunks(source: BinaryIO) -> Iterator[bytes]:
    """Yield a file's content in pieces of 1 MiB."""
    while piece := source.read(CHUNK):
        yield piece


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def write(temporary: Path, content: Iterable[bytes]) -> tuple[int, str]:
    """Write a new file durably; return its size and its SHA-256, in hex."""
    size, digest = 0, hashlib.sha256()
    with temporary.open("xb") as file:
        for piece in content:
            file.write(piece)
            digest.update(piece)
            size += len(piece)
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()


def copy_out(source: Path, target: Path) -> int:
    """Copy an artifact to a place outside of the store, whole or not at all; return its size."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"tmp-{secrets.token_hex(6)}")
    try:
        with source.open("rb") as file:
            size, _ = write(temporary, chunks(file))
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return size


def take_name(temporary: Path, target: Path) -> bool:
    """Give a written file its name too; False where anything has that name already."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError:  # no hard links here: a rename, which overwrites, after a look
        if os.path.lexists(target):
            return False
        temporary.rename(target)
    return True


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
    if untouched or take_name(aside, place):
        aside.unlink(missing_ok=True)
    return untouched


def superseded(rows: Sequence[Row]) -> dict[str, str]:
    """Return the files of a run that no row shows any more.

    Args:
        rows: every artifact row of the run's patches, in their order.

    Returns:
        Where each lies below the run's folder → where what is shown instead lies.
    """
    last = {row["path"]: disk_name(row) for row in rows}
    shown = {_same(name) for name in last.values()}
    names = {disk_name(row): last[row["path"]] for row in rows}
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
            aside = temporary_in(folder.parent)
            if now - since > grace_s and remove_untouched(place, aside, status.st_mtime_ns):
                removed += status.st_size
    return removed


def temporary_in(artifacts: Path) -> Path:
    """Return a free name for a file that is written, beside the folders of the runs."""
    return artifacts / f"tmp-{secrets.token_hex(6)}"


def remove_abandoned(artifacts: Path, now: float | None = None) -> None:
    """Remove what writers that died left half written, a day later."""
    before = (time.time() if now is None else now) - ABANDONED_S
    for name in listing.names_in(artifacts, None):
        if name.startswith("tmp-"):
            with contextlib.suppress(OSError):
                if (artifacts / name).lstat().st_mtime < before:
                    (artifacts / name).unlink()
