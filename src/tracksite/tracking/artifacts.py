"""Files into a run's artifact folder: whole or not at all, hashed, and never outside of it."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tracksite.errors import ArgumentError, NotFoundError
from tracksite.store.system import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK = 1 << 20


def chunks(source: BinaryIO) -> Iterator[bytes]:
    """Yield a file's content in pieces of 1 MiB."""
    while piece := source.read(CHUNK):
        yield piece


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def put(folder: Path, path: str, content: Iterable[bytes]) -> dict[str, Any]:
    """Write one artifact: a temporary file, fsync, rename.

    Args:
        folder: the run's artifact folder.
        path: checked by `check.artifact_path`.
        content: the file's bytes, in pieces.

    Returns:
        The artifact's row: path, bytes, sha256.

    Raises:
        ArgumentError: a link in the artifact folder leads the path out of it.
        OSError: the disk refused; nothing is left behind.
    """
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise ArgumentError(f"artifact path {path!r} leaves {folder} through a link: remove it.")
    temporary = target.parent / f".{secrets.token_hex(6)}.tmp"
    try:
        size, digest = _write(temporary, content)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)
    return {"path": path, "bytes": size, "sha256": digest}


def _write(path: Path, content: Iterable[bytes]) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    with path.open("xb") as file:
        for piece in content:
            file.write(piece)
            digest.update(piece)
            size += len(piece)
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()


def put_file(folder: Path, path: str, source: Path) -> dict[str, Any]:
    """Copy one file in; returns and raises as `put`."""
    with source.open("rb") as file:
        return put(folder, path, chunks(file))


def local_path(path: str | os.PathLike[str]) -> Path:
    """Return a path that the user wants to log, which exists.

    Raises:
        NotFoundError: there is no such file or folder.
        ArgumentError: it is neither a path, a file nor a folder.
    """
    try:
        found = Path(path)
    except TypeError:
        raise ArgumentError(f"{path!r} is no path: pass the name of a file or folder.") from None
    if not found.exists():
        raise NotFoundError(
            f"there is no file or folder {str(found)!r} to log (working folder {os.getcwd()!r}): "  # noqa: PTH109 - Path.cwd() says no more
            "write it first, or correct the path."
        )
    if not (found.is_file() or found.is_dir()):
        raise ArgumentError(f"{str(found)!r} is neither a file nor a folder: log a regular file.")
    return found


def files_below(folder: Path) -> tuple[list[tuple[str, Path]], list[str]]:
    """List the regular files of a folder by relative path, sorted.

    A link to a file inside the folder counts as that file; links to folders, and links that lead
    out of it, are left out.

    Returns:
        (relative path with forward slashes, file) of each file, and the paths of links left out.
    """
    root = folder.resolve()
    found: list[tuple[str, Path]] = []
    left_out: list[str] = []
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        linked = [name for name in folders if (here / name).is_symlink()]
        left_out += [(here / name).relative_to(folder).as_posix() for name in linked]
        for name in names:
            file = here / name
            relative = file.relative_to(folder).as_posix()
            if file.is_file() and file.resolve().is_relative_to(root):
                found.append((relative, file))
            else:
                left_out.append(relative)
    return sorted(found), sorted(left_out)
