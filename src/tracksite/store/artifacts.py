"""Artifacts as they lie in a store: found, checked, read, and written under new names.

A row of a run says what was logged: `path`, `bytes`, `sha256`, and `file`, where it lies below the
run's folder if that is not `path`. `store.shelf` puts files there, `store.replaced` removes what no
row shows any more. A row may be hostile: its file is believed only inside of the run's folder,
through no link, and with the digest that it says.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from typing import TYPE_CHECKING, Any, BinaryIO

from tracksite.errors import ArgumentError, DamageError, NotFoundError
from tracksite.paths import inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    Row = Mapping[str, Any]

_CHUNK = 1 << 20


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
    while piece := source.read(_CHUNK):
        yield piece


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def temporary_in(artifacts: Path) -> Path:
    """Return a free name for a file that is written, beside the folders of the runs."""
    return artifacts / f"tmp-{secrets.token_hex(6)}"


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
    """Copy an artifact to a place outside of the store, whole or not at all; return its size.

    Raises:
        ArgumentError: there is a file where its folder would be, or a folder where it would be: a
            run may have logged both under one name.
        OSError: the disk refuses.
    """
    temporary = target.with_name(f"tmp-{secrets.token_hex(6)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as file:
            size, _ = write(temporary, chunks(file))
        temporary.replace(target)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ArgumentError(
            f"{str(target)!r} cannot be written: one name is a file and a folder there; "
            "fetch each by its own path, into another folder."
        ) from error
    finally:
        if target.parent.is_dir():
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
